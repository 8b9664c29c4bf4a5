// What htmx cannot do by attributes alone under a policy without eval.
"use strict";

// An element with data-refresh="30" gets the event "refresh" every 30 s: while somebody sees it, and neither points at it, nor
// reads something below its beginning or in it that would move, fold up, lose its focus or what is ticked.
function refresh(element) {
  const reads = element.matches(":hover") || element.getBoundingClientRect().top < 0;
  const busy = document.hidden || reads || element.contains(document.activeElement) || element.querySelector("details[open], :checked");
  if (!busy) htmx.trigger(element, "refresh");
}

// withOwn calls act for each element of a part of the page that a selector finds, the part itself too.
function withOwn(root, selector, act) {
  if (root.matches?.(selector)) act(root);
  root.querySelectorAll(selector).forEach(act);
}

if (window.htmx) {
  htmx.onLoad((root) => {
    withOwn(root, "[data-refresh]", (element) => {
      const timer = setInterval(() => {
        if (element.isConnected) refresh(element);
        else clearInterval(timer);
      }, element.dataset.refresh * 1000);
    });
  });
}

// Tabs of a page change in place, so that what is typed in one is still there in the next.
function openTab(name) {
  for (const link of document.querySelectorAll(".tabs [data-tab]")) {
    if (link.dataset.tab === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  for (const panel of document.querySelectorAll("[data-panel]")) panel.hidden = !panel.dataset.panel.split(" ").includes(name);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest(".tabs [data-tab]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    openTab(link.dataset.tab);
    history.replaceState(null, "", link.href);
    return;
  }
  // A link to what stands in another tab opens that first.
  const target = event.target.closest('a[href^="#"]') && document.getElementById(decodeURIComponent(event.target.closest("a").hash.slice(1)));
  const panel = target?.closest("[data-panel][hidden]");
  if (panel) openTab(panel.dataset.panel.split(" ").at(-1));
  for (let fold = target?.closest("details:not([open])"); fold; fold = fold.parentElement.closest("details:not([open])")) fold.open = true;
});

// A form with a bar that saves says how much is not saved yet, and asks before that is lost.
for (const form of document.querySelectorAll("form:has(.savebar [data-unsaved])")) {
  const says = form.querySelector("[data-unsaved]");
  const quiet = says.textContent;
  let changed = new Set();
  const name = (field) => field.closest(".field")?.querySelector("label")?.textContent.trim() || field.closest("fieldset")?.querySelector("legend")?.firstChild.textContent.trim();
  form.addEventListener("input", (event) => {
    changed.add(name(event.target) || event.target.name);
    const list = [...changed].filter(Boolean);
    says.textContent = `${list.length} unsaved ${list.length === 1 ? "change" : "changes"}: ${list.slice(0, 3).join(", ")}${list.length > 3 ? "…" : ""}`;
  });
  form.addEventListener("reset", () => {
    changed = new Set();
    says.textContent = quiet;
  });
}

// The ID of a new resource is made from its name, as internal/catalog/ids.go does. This only shows what it will be.
const latin = { ß: "ss", æ: "ae", œ: "oe", ø: "o", đ: "d", ð: "d", ħ: "h", ı: "i", ł: "l", ŋ: "n", þ: "th", ŧ: "t" };
function idFrom(name) {
  const words = name.toLowerCase().normalize("NFKD").replace(/[\p{Mn}'’]/gu, "").replace(/[ßæœøđðħıłŋþŧ]/g, (letter) => latin[letter]);
  return words.replace(/[^a-z0-9]+/g, "-").replace(/^-/, "").slice(0, 63).replace(/-+$/, "");
}
for (const fold of document.querySelectorAll("[data-id-from]")) {
  const name = document.getElementById(fold.dataset.idFrom);
  const own = fold.querySelector("input");
  const shown = fold.querySelector("[data-id]");
  const nothing = shown.textContent;
  const show = () => (shown.textContent = own.value.trim() || idFrom(name.value) || (own.defaultValue ? "created from the name" : nothing));
  name.addEventListener("input", show);
  own.addEventListener("input", show);
  show();
}

// What deletes asks for the name of what it deletes.
document.addEventListener("input", (event) => {
  const wanted = event.target.dataset.confirms;
  if (wanted) event.target.setCustomValidity(event.target.value.trim() === wanted ? "" : `Type ${wanted}`);
});

// Where the session has ended, htmx would open the login. Once something is typed, the page stays, and says so.
let typed = false;
document.addEventListener("input", (event) => {
  if (event.target.closest('main form[method="post"], main [form]')) typed = true;
});
document.addEventListener("htmx:beforeOnLoad", (event) => {
  const note = document.getElementById("session-ended");
  if (!typed || !note || !event.detail.xhr.getResponseHeader("HX-Redirect")) return;
  event.preventDefault();
  note.hidden = false;
});
document.querySelector("#session-ended a")?.addEventListener("click", () => {
  document.getElementById("session-ended").hidden = true;
});
