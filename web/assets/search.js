// The search opens with "/" and Ctrl+K, a list of shortcuts with "?", and pages with "g" and a letter.
"use strict";

const palette = document.getElementById("palette");
const keys = document.getElementById("keys");
const places = { o: "", r: "/runs", c: "/clients", a: "/agents", d: "/deliveries", e: "/endpoints", f: "/flows", s: "/settings" };

function openSearch() {
  palette.showModal();
  const input = palette.querySelector("input");
  input.select();
  htmx.trigger(input, "open");
}

function move(step) {
  const links = [...palette.querySelectorAll(".results a")];
  if (!links.length) return;
  const at = links.findIndex((link) => link.classList.contains("on"));
  links[at]?.classList.remove("on");
  const next = links[(at + step + links.length) % links.length];
  next.classList.add("on");
  next.scrollIntoView({ block: "nearest" });
}

if (palette && window.htmx) {
  let went = 0; // when "g" was pressed
  document.addEventListener("keydown", (event) => {
    const writes = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      if (!palette.open) openSearch();
      return;
    }
    if (writes || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "/") {
      event.preventDefault();
      openSearch();
    } else if (event.key === "?") keys.showModal();
    else if (event.key === "g") went = Date.now();
    else if (Date.now() - went < 1500 && event.key in places) {
      location.href = document.querySelector(".brand").getAttribute("href") + places[event.key];
    }
  });
  palette.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    move(step);
  });
  // Enter opens what is chosen, or the first result.
  palette.querySelector("form").addEventListener("submit", (event) => {
    const chosen = palette.querySelector(".results a.on") ?? palette.querySelector(".results a");
    if (!chosen) return;
    event.preventDefault();
    location.href = chosen.href;
  });
  for (const dialog of [palette, keys]) {
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close(); // beside it
    });
  }
  document.querySelector(".find").addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    openSearch();
  });
  document.querySelector("[data-keys]").addEventListener("click", () => {
    document.getElementById("account").hidePopover();
    keys.showModal();
  });
}
