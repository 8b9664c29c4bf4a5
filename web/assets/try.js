// Follows the run that "Try it" has started: an element with data-follow="/admin/runs/ID/events" shows its answer.
"use strict";

function follow(element) {
  const state = element.querySelector("[data-state]");
  const answer = element.querySelector("[data-answer]");
  const source = new EventSource(element.dataset.follow);
  const on = (type, act) =>
    source.addEventListener(type, (event) => {
      if (element.isConnected) act(JSON.parse(event.data));
      else source.close();
    });
  const end = (text, output) => {
    source.close();
    state.textContent = text;
    if (output !== undefined) answer.textContent = output ?? "";
  };
  on("message.delta", ({ text }) => answer.append(text));
  on("node.started", ({ data }) => (state.textContent = `${data.nodeId} is at work.`));
  on("run.completed", ({ data }) => end("It has answered.", data.output));
  on("run.failed", ({ error }) => end(`It failed: ${error ?? "the run's page says why."}`));
  on("run.canceled", () => end("It was canceled."));
  source.addEventListener("error", () => {
    // Otherwise the browser connects again by itself, and says what it has seen last.
    if (source.readyState === EventSource.CLOSED) state.textContent = "The connection has ended. The run's page shows what becomes of it.";
  });
}

if (window.htmx) {
  htmx.onLoad((root) => {
    const found = [...root.querySelectorAll("[data-follow]")];
    if (root.matches("[data-follow]")) found.push(root);
    for (const element of found) follow(element);
  });
}
