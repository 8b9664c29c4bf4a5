// Draws what is in data-chart: {"unit", "times", "series": [{"label", "color", "values"}]}. Times are UTC, as everywhere.
"use strict";

const drawn = new Map(); // element: uPlot

function write(unit, value) {
  if (value === null || value === undefined) return "–";
  if (unit !== "seconds") return value.toLocaleString("en");
  if (value < 0.001) return "< 1 ms";
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 59.95) return `${value.toFixed(1)} s`; // what is left would be written as 60.0 s
  const whole = Math.round(value);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

// Steps of an axis that are written differently, each: no half calls, and no parts of a millisecond.
const steps = {
  count: [1, 2, 5].flatMap((n) => [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((e) => n * 10 ** e)).sort((a, b) => a - b),
  seconds: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600],
};

// An axis reaches up to one step at least.
const smallest = { count: 1, seconds: 0.005 };

// Axis labels as uPlot takes them: from which step on, the text, and what comes below it when a year, month or day begins.
const hours = [
  [86400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [3600, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
];

function options(data, width, style) {
  const color = (name) => style.getPropertyValue(`--chart-${name}`).trim();
  const axis = { stroke: color("text"), grid: { stroke: color("grid"), width: 1 }, ticks: { stroke: color("grid"), width: 1 } };
  return {
    width,
    height: 220,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    scales: { y: { range: (_, low, high) => [0, Math.max(high * 1.1, smallest[data.unit])] } },
    series: [
      { label: "UTC", value: "{YYYY}-{MM}-{DD} {HH}:{mm}" },
      ...data.series.map((s) => ({
        label: s.label,
        stroke: color(s.color),
        width: 2,
        points: { show: data.times.length < 60, size: 5 },
        value: (_, value) => write(data.unit, value),
      })),
    ],
    axes: [{ ...axis, values: hours }, { ...axis, size: 72, incrs: steps[data.unit], values: (_, values) => values.map((v) => (v === 0 ? "0" : write(data.unit, v))) }],
  };
}

function draw(element) {
  drawn.get(element)?.destroy();
  const data = JSON.parse(element.dataset.chart);
  const columns = [data.times, ...data.series.map((s) => s.values)];
  drawn.set(element, new uPlot(options(data, element.clientWidth, getComputedStyle(element)), columns, element));
}

const resized = new ResizeObserver((entries) => {
  for (const { target } of entries) drawn.get(target)?.setSize({ width: target.clientWidth, height: 220 });
});

function drawAll() {
  for (const [element, plot] of drawn) {
    if (element.isConnected) continue;
    plot.destroy();
    resized.unobserve(element);
    drawn.delete(element);
  }
  for (const element of document.querySelectorAll("[data-chart]")) {
    if (drawn.has(element)) continue;
    draw(element);
    resized.observe(element);
  }
}

if (window.uPlot) {
  drawAll();
  document.addEventListener("htmx:afterSettle", drawAll);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => [...drawn.keys()].forEach(draw));
}
