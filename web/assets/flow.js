// The editor of a flow: a step's fields open beside the tree, steps move by keys or by dragging, and the YAML follows.
"use strict";

const editor = document.querySelector("[data-editor]");
const byID = (id) => document.getElementById(id);
const chosenStep = () => editor.querySelector('[name="step"]').value;
const within = (element) => element.closest?.(".step[data-step]");

// choose opens the fields of a step, and marks its lines in the YAML.
function choose(path) {
  const panel = byID(`field-${path}`);
  if (!panel) return;
  editor.querySelector('[name="step"]').value = path;
  for (const other of editor.querySelectorAll(".step[data-step]")) other.classList.toggle("chosen", other === panel);
  for (const link of editor.querySelectorAll(".pick")) {
    const agent = link.querySelector("strong");
    if (agent) byID(`field-${link.dataset.step}`).querySelector("legend").firstChild.textContent = `${agent.textContent} `;
    if (link.dataset.step === path) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  markLines();
}

function markLines() {
  const text = byID("field-yaml");
  const lines = text.value.split("\n");
  const style = getComputedStyle(text);
  const height = parseFloat(style.lineHeight);
  const mark = (element, from, count) => {
    element.hidden = false;
    element.style.top = `${parseFloat(style.paddingTop) + (from - 1) * height}px`;
    element.style.height = `${count * height}px`;
  };
  const [own, ...wrong] = text.parentElement.querySelectorAll(".mark");
  for (const old of wrong) old.remove();
  own.hidden = true;
  const mistakes = editor.querySelectorAll("#yaml-state [data-line]");
  for (const { dataset } of mistakes) {
    const bad = own.cloneNode();
    bad.classList.add("bad");
    text.before(bad);
    mark(bad, Number(dataset.line), 1);
  }
  const from = Number(byID(`at-${chosenStep()}`)?.dataset.line);
  if (!from || mistakes.length) return;
  const indent = (line) => line.search(/\S/);
  let to = from;
  while (to < lines.length && (indent(lines[to]) > indent(lines[from - 1]) || (lines[to] === "" && to < lines.length - 1))) to++;
  mark(own, from, to - from + 1);
}

// send has the server draw the form again, with a step moved or only with what is typed.
function send(what, target = "#flow", beside = "#beside") {
  htmx.ajax("POST", editor.action, { source: byID("panels"), values: { do: what }, target, select: target, swap: "outerHTML", selectOOB: beside });
}

let settled; // the request whose answer has been drawn last
const press = (button) => button && (button.click(), true);

function onKey(event) {
  const link = event.target.closest?.(".pick");
  const path = link?.dataset.step ?? within(event.target)?.dataset.step;
  if (!path || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const down = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  let done;
  if (event.altKey && down) done = press(byID(`${down < 0 ? "up" : "down"}-${path}`)) ?? true;
  else if (link && !event.altKey && down) {
    const all = [...editor.querySelectorAll(".pick")];
    all[all.indexOf(link) + down]?.focus();
    done = true;
  } else if (link && event.key === "Delete") done = press(byID(`remove-${path}`));
  else if (link && event.key === " ") done = press(link);
  if (done) event.preventDefault();
}

// Where a dragged step would go: before or behind the one below the pointer, or to the end of a group.
let dragged;
function placeAt(event) {
  const add = event.target.closest(".adds")?.querySelector("[data-into]");
  if (add) return { element: add, to: `${add.dataset.into}.steps[9999]`, side: "into" };
  const link = event.target.closest(".pick");
  const [, group, index] = /^(.*)\.steps\[(\d+)\]$/.exec(link?.dataset.step ?? "") ?? [];
  if (!group || link.dataset.step.startsWith(dragged)) return undefined;
  const box = link.getBoundingClientRect();
  const beside = link.closest("ol").classList.contains("besides");
  const behind = beside ? event.clientX > box.left + box.width / 2 : event.clientY > box.top + box.height / 2;
  return { element: link, to: `${group}.steps[${Number(index) + (behind ? 1 : 0)}]`, side: behind ? "behind" : "before" };
}

function showPlace(place) {
  for (const old of editor.querySelectorAll("[data-drop]")) delete old.dataset.drop;
  if (place) place.element.dataset.drop = place.side;
}

if (editor) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#field-root"]');
    const panel = link && within(byID(decodeURIComponent(link.hash.slice(1))) ?? link);
    if (panel) {
      choose(panel.dataset.step);
      if (link.matches(".pick") && !matchMedia("(max-width: 52rem)").matches) event.preventDefault(); // it is in sight
    }
    const way = event.target.closest("[data-way]");
    if (way) showWay(way.dataset.way);
  });
  editor.addEventListener("keydown", onKey);
  // A browser that refuses to send the form shows the field that is missing something.
  let opened = false;
  editor.addEventListener("invalid", (event) => {
    if (!opened && within(event.target)) {
      openTab("steps");
      choose(within(event.target).dataset.step);
    }
    opened = true;
    setTimeout(() => (opened = false));
  }, true);
  let typing;
  editor.addEventListener("input", (event) => {
    if (event.target.id === "field-yaml") return markLines();
    clearTimeout(typing);
    typing = setTimeout(() => send("draw", "#tree"), 500);
  });
  editor.addEventListener("reset", (event) => {
    event.preventDefault();
    location.assign(`${location.pathname}?tab=steps`); // to what is saved
  });

  editor.addEventListener("dragstart", (event) => {
    dragged = event.target.closest(".pick")?.dataset.step;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", dragged);
  });
  editor.addEventListener("dragover", (event) => {
    const place = dragged && placeAt(event);
    showPlace(place);
    if (place) event.preventDefault();
  });
  editor.addEventListener("drop", (event) => {
    const place = dragged && placeAt(event);
    showPlace();
    if (!place) return;
    event.preventDefault();
    send(`move ${dragged} ${place.to}`);
  });
  editor.addEventListener("dragend", () => {
    dragged = undefined;
    showPlace();
  });

  const showWay = (way) => {
    localStorage.setItem("beckon-flow", way);
    editor.classList.toggle("alone", way === "steps");
    for (const button of editor.querySelectorAll("[data-way]")) button.setAttribute("aria-pressed", button.dataset.way === way);
    markLines();
  };
  showWay(localStorage.getItem("beckon-flow") ?? "split");

  // A step that was added, moved or copied gets the focus. The answer to an earlier change may come in between.
  document.addEventListener("htmx:afterSettle", ({ detail }) => {
    choose(chosenStep());
    const done = detail.requestConfig?.parameters?.do ?? "";
    if (settled === detail.xhr || !/^(add|otherwise|up|down|copy|remove|move)/.test(done)) return;
    settled = detail.xhr;
    const path = chosenStep();
    (/^(add|otherwise)/.test(done) && byID(`field-${path}.agentId`) || byID(`at-${path}`))?.focus();
    editor.querySelector('[name="step"]').dispatchEvent(new Event("input", { bubbles: true })); // it is not saved
  });
  choose(chosenStep());
}
