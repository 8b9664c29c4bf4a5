// Follows the run that Try has started: an element with data-follow="/admin/runs/ID/events" shows its answer, and what it used.
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
    const used = element.querySelector("[data-used]");
    if (used) htmx.trigger(used, "ended");
  };
  on("message.delta", ({ text }) => answer.append(text));
  on("node.started", ({ data }) => (state.textContent = `Running: ${data.nodeId}`));
  on("run.completed", ({ data }) => end("Completed.", data.output));
  on("run.failed", ({ error }) => end(`Failed: ${error ?? "the page of the run says why."}`));
  on("run.canceled", () => end("Canceled."));
  source.addEventListener("error", () => {
    // Otherwise the browser connects again by itself, and says what it has seen last.
    if (source.readyState === EventSource.CLOSED) state.textContent = "The connection was lost. The page of the run shows how it continues.";
  });
}

if (window.htmx) {
  htmx.onLoad((root) => {
    const found = [...root.querySelectorAll("[data-follow]")];
    if (root.matches("[data-follow]")) found.push(root);
    for (const element of found) follow(element);
  });
}
