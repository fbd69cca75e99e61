// Small time charts: five minutes, drawn as SVG. A text says the same for whoever does not see them.
import { h } from "./dom.js";
import { clock } from "./text.js";

const width = 320, height = 96, left = 2, top = 6, bottom = 4;
const spanMs = 300_000;
let hover = null;

/** A chart of series, each { name, color (1 or 2), points: [[ms, value]] }. */
export function chart({ title, series, format, now, redraw, filled = false, binary = false }) {
  const shown = series.map(line => ({ ...line, points: line.points.filter(point => point[0] > now - spanMs) }));
  const most = Math.max(0, ...shown.flatMap(line => line.points.map(point => point[1])));
  const unit = binary ? 1024 ** Math.floor(Math.log(Math.max(1, most)) / Math.log(1024)) : 1;
  const peak = nice(most / unit) * unit;
  const x = time => left + (width - left * 2) * (1 - (now - time) / spanMs);
  const y = value => height - bottom - (height - top - bottom) * (peak ? value / peak : 0);
  const at = hover?.title === title ? hover.time : null;
  const latest = line => line.points.at(-1)?.[1] ?? 0;
  const read = line => at === null ? latest(line) : line.points.reduce((best, point) => Math.abs(point[0] - at) < Math.abs(best[0] - at) ? point : best, line.points[0] ?? [0, 0])[1];
  const summary = shown.map(line => `${line.name} ${format(latest(line))}`).join(", ");
  return h("figure", { class: "chart", key: title },
    h("figcaption", null,
      h("span", { class: "chart-title" }, title),
      h("span", { class: "chart-values" }, shown.map(line => h("span", { key: line.name, class: `reading s${line.color}` }, h("i", { "aria-hidden": "true" }), `${line.name} `, h("b", null, format(read(line))))))),
    h("div", { class: "plot" },
      h("svg", {
        viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": `${title}, last five minutes: ${summary}; highest ${format(most)}`,
        onpointermove: event => { const box = event.currentTarget.getBoundingClientRect(); hover = { title, time: now - spanMs * (1 - (event.clientX - box.left) / box.width) }; redraw(); },
        onpointerleave: () => { hover = null; redraw(); },
      },
        h("line", { class: "rule", x1: 0, x2: width, y1: y(peak), y2: y(peak) }),
        h("line", { class: "rule", x1: 0, x2: width, y1: y(peak / 2), y2: y(peak / 2) }),
        h("line", { class: "rule base", x1: 0, x2: width, y1: y(0), y2: y(0) }),
        shown.map(line => [
          filled && line.points.length > 1 ? h("path", { key: `${line.name} fill`, class: `fill s${line.color}`, d: `${path(line.points, x, y)}L${x(line.points.at(-1)[0]).toFixed(1)} ${y(0)}L${x(line.points[0][0]).toFixed(1)} ${y(0)}Z` }) : null,
          h("path", { key: line.name, class: `line s${line.color}`, d: path(line.points, x, y) }),
        ]),
        at === null ? null : h("line", { class: "cross", x1: x(at), x2: x(at), y1: 0, y2: height })),
      h("span", { class: "scale", "aria-hidden": "true" }, peak ? format(peak) : ""),
      h("span", { class: "when", "aria-hidden": "true" }, at === null ? "5 min" : clock(at))));
}

/** Adds up what silos did in the same second. A silo's timer drifts: of two samples in one second the later counts, and a second without one is as the one before. */
export function sum(samples, value) {
  const sums = new Map();
  for (const silo of samples.values()) {
    const seconds = new Map(silo.samples.map(sample => [Math.floor(sample.ms / 1000) * 1000, value(sample)]));
    for (const [second, one] of [...seconds])
      if (!seconds.has(second + 1000) && seconds.has(second + 2000)) seconds.set(second + 1000, one);
    for (const [second, one] of seconds) sums.set(second, (sums.get(second) ?? 0) + one);
  }
  return ordered(sums);
}

/** The highest of all silos in each second. */
export function highest(samples, value) {
  const tops = new Map();
  for (const silo of samples.values())
    for (const sample of silo.samples) {
      const second = Math.floor(sample.ms / 1000) * 1000;
      tops.set(second, Math.max(tops.get(second) ?? 0, value(sample)));
    }
  return ordered(tops);
}

// The running second is not whole: some silos have not told of it yet.
function ordered(map) {
  const points = [...map].sort((a, b) => a[0] - b[0]);
  return points.length > 2 ? points.slice(0, -2) : points;
}

function path(points, x, y) {
  return points.map((point, i) => `${i ? "L" : "M"}${x(point[0]).toFixed(1)} ${y(point[1]).toFixed(1)}`).join("");
}

function nice(value) {
  if (value <= 0) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 3, 5, 8, 10].find(step => step * power >= value) * power;
}
