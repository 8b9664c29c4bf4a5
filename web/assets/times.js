// Times: how long ago in view, exactly on hover. Without scripts the exact one in UTC stands there.
"use strict";

const inUTC = () => localStorage.getItem("beckon-times") === "utc";
const zone = () => (inUTC() ? "UTC" : undefined);

function exact(date) {
  const text = date.toLocaleString("en-GB", { timeZone: zone(), day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });
  return `${text} ${inUTC() ? "UTC" : `(${Intl.DateTimeFormat().resolvedOptions().timeZone})`}`;
}

function relative(date, now) {
  const seconds = Math.round((now - date) / 1000);
  const far = Math.abs(seconds);
  const count = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [7 * 86400, 86400, "d"]].find(([limit]) => far < limit);
  if (!count) return date.toLocaleDateString("en-GB", { timeZone: zone(), day: "numeric", month: "short", year: date.getFullYear() === now.getFullYear() ? undefined : "numeric" });
  if (far < 5) return "now";
  const text = `${Math.floor(far / count[1])} ${count[2]}`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

function writeTimes() {
  const now = new Date();
  for (const element of document.querySelectorAll("time[datetime]")) {
    const date = new Date(element.dateTime);
    if (isNaN(date)) continue;
    const form = element.dataset.form;
    if (form === "hour") element.textContent = date.toLocaleTimeString("en-GB", { timeZone: zone(), hour: "2-digit", minute: "2-digit" });
    else if (form === "day") element.textContent = date.toLocaleDateString("en-GB", { timeZone: zone(), day: "numeric", month: "short" });
    else element.textContent = relative(date, now);
    element.title = exact(date);
  }
}

writeTimes();
setInterval(writeTimes, 20_000);
document.addEventListener("htmx:afterSettle", writeTimes);
document.addEventListener("htmx:load", writeTimes);

// The menu of the account has two switches.
function mark() {
  for (const button of document.querySelectorAll("[data-times]")) button.setAttribute("aria-pressed", (button.dataset.times === "utc") === inUTC());
  for (const button of document.querySelectorAll("[data-scheme]")) button.setAttribute("aria-pressed", button.dataset.scheme === (document.documentElement.dataset.theme ?? ""));
}
mark();

document.addEventListener("click", (event) => {
  const scheme = event.target.closest("[data-scheme]");
  if (scheme) {
    localStorage.setItem("beckon-scheme", scheme.dataset.scheme);
    if (scheme.dataset.scheme) document.documentElement.dataset.theme = scheme.dataset.scheme;
    else delete document.documentElement.dataset.theme;
  }
  const times = event.target.closest("[data-times]");
  if (times) {
    localStorage.setItem("beckon-times", times.dataset.times);
    writeTimes();
  }
  if (scheme || times) mark();
});
