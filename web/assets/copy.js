// A button with data-copy="ID" copies the text of that element. Without a script it stays hidden.
"use strict";

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Browsers have no clipboard for pages over plain HTTP, but for this old way.
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("not copied");
}

for (const button of document.querySelectorAll("[data-copy]")) {
  const label = button.innerHTML;
  const say = (text) => {
    button.textContent = text;
    setTimeout(() => (button.innerHTML = label), 2000);
  };
  button.hidden = false;
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", () => {
    const text = document.getElementById(button.dataset.copy).textContent;
    copy(text).then(() => say("Copied"), () => say("Mark the text, and copy it by hand"));
  });
}

// What is shown once came from a form. To load the page again would send that form again: it leads here instead.
const settled = document.querySelector("[data-settle]");
if (settled) history.replaceState(null, "", settled.dataset.settle);
