// Curves over steps: axes, ticks, a legend; training solid, validation dashed.
import { el } from "./ui.js";

const width = 420;
const height = 190;
const margin = { left: 46, right: 10, top: 10, bottom: 26 };

/** A chart with `update(points)`; `key` and `validationKey` name the numbers of a point. */
export function curves(title, key, validationKey, format, top) {
  const svg = el("svg", {
    viewBox: `0 0 ${width} ${height}`, role: "img", class: "curves", "aria-label": title,
  });
  const node = el("figure", { class: "chart" },
    el("figcaption", {}, el("h3", {}, title), legend()), svg);

  function update(points) {
    const train = series(points, key);
    const validation = series(points, validationKey);
    const last = points.at(-1)?.step ?? 0;
    const most = top ?? niceTop(quantileTop([...train, ...validation]));
    const x = (step) => margin.left
      + (width - margin.left - margin.right) * (last > 0 ? step / last : 0);
    const y = (value) => height - margin.bottom
      - (height - margin.top - margin.bottom) * Math.min(1, Math.max(0, value / most));
    svg.replaceChildren(
      ...[0, 0.25, 0.5, 0.75, 1].flatMap((part) => [
        el("line", {
          x1: margin.left, x2: width - margin.right, y1: y(part * most), y2: y(part * most),
          class: part === 0 ? "axis" : "grid",
        }),
        el("text", { x: margin.left - 6, y: y(part * most) + 4, "text-anchor": "end" },
          format(part * most)),
      ]),
      ...stepTicks(last).map((step) => el("text", {
        x: x(step), y: height - 8, "text-anchor": step === 0 ? "start" : "middle",
      }, step === 0 ? "0 steps" : short(step))),
      line(train, x, y, "train"), line(validation, x, y, "validation"),
    );
    const ends = [train.at(-1), validation.at(-1)].map((point) => point && format(point[1]));
    svg.setAttribute("aria-label", ends[0]
      ? `${title} after ${last} steps: training ${ends[0]}, validation ${ends[1] ?? "unknown"}`
      : `${title}: no steps yet`);
  }
  update([]);
  return { node, update };
}

function legend() {
  const sample = (name, text) => el("span", { class: "sample" },
    el("svg", { viewBox: "0 0 24 8", class: "key", "aria-hidden": "true" },
      el("line", { x1: 0, x2: 24, y1: 4, y2: 4, class: name })), text);
  return el("span", { class: "legend" },
    sample("train", "training"), sample("validation", "validation"));
}

const series = (points, key) => points
  .filter((point) => Number.isFinite(point[key])).map((point) => [point.step, point[key]]);

function line(points, x, y, name) {
  return el("polyline", {
    class: name,
    points: points.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(" "),
  });
}

/** The largest value, without a few that are far above all others. */
function quantileTop(points) {
  const sorted = points.map((point) => point[1]).sort((a, b) => a - b);
  if (!sorted.length) return 1;
  const most = sorted.at(-1);
  return Math.min(most, 2.5 * sorted[Math.floor(0.97 * (sorted.length - 1))] || most);
}

function niceTop(value) {
  const unit = 10 ** Math.floor(Math.log10(Math.max(value, 1e-6)));
  return [1, 2, 4, 8, 10].map((n) => n * unit).find((top) => top >= value) ?? value;
}

function stepTicks(last) {
  if (last < 4) return [0];
  const unit = 10 ** Math.floor(Math.log10(last));
  const gap = [0.2, 0.5, 1, 2].map((n) => n * unit).find((n) => last / n <= 5) ?? unit;
  const ticks = [];
  for (let step = 0; step <= last * 0.98; step += gap) ticks.push(Math.round(step));
  return ticks;
}

/** A count in a few characters: 12.5k. */
export function short(number) {
  if (number < 10000) return Math.round(number).toLocaleString("en");
  return number < 1e6 ? `${+(number / 1e3).toFixed(1)}k` : `${+(number / 1e6).toFixed(2)}M`;
}
