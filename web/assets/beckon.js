// What htmx cannot do by attributes alone under a policy without eval.
"use strict";

// An element with data-refresh="30" gets the event "refresh" every 30 s: while somebody sees it, and reads nothing in it
// that would fold up or lose its focus.
function refresh(element) {
  const busy = document.hidden || element.contains(document.activeElement) || element.querySelector("details[open]");
  if (!busy) htmx.trigger(element, "refresh");
}

if (window.htmx) {
  htmx.onLoad((root) => {
    const found = [...root.querySelectorAll("[data-refresh]")];
    if (root.matches("[data-refresh]")) found.push(root);
    for (const element of found) {
      const timer = setInterval(() => {
        if (element.isConnected) refresh(element);
        else clearInterval(timer);
      }, element.dataset.refresh * 1000);
    }
  });
}
