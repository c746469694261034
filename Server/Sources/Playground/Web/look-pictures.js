// Pictures of values: tiles in the colours of the scale, and histograms.
import { el, paint, values } from "./ui.js";

const image = (attributes) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", "image");
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
};

/** The tiles of a summary: `{ list, rows, columns, limit }`. */
export function tilesOf(summary) {
  const numbers = values(summary.tiles);
  const [count, rows, columns] = summary.tiles.shape;
  let limit = 0;
  for (const x of numbers) if (Number.isFinite(x)) limit = Math.max(limit, Math.abs(x));
  const list = Array.from({ length: count }, (_, i) => numbers.subarray(i * rows * columns, (i + 1) * rows * columns));
  return { list, rows, columns, limit };
}

/** The points of a histogram as the path of an area. */
function area(histogram, width, height) {
  const most = Math.max(...histogram, 1);
  const step = width / histogram.length;
  return `M0 ${height}` + histogram.map((n, i) =>
    `L${i * step} ${height - (n / most) * height}H${(i + 1) * step}`).join("") + `V${height}z`;
}

/** Tiles and a histogram for a box of the graph. */
export function thumbnail(box, x, y) {
  const { summary } = box;
  const group = el("g", { class: "look-thumbnail" });
  let left = x;
  if (summary.tiles) {
    const { list, rows, columns, limit } = tilesOf(summary);
    const height = Math.min(30, rows * 30);
    const width = rows === 1 ? box.width - 32 - (summary.histogram ? 44 : 0) : Math.min(60, (30 * columns) / rows);
    for (const tile of list) {
      if (left + width > box.width - 10 - (summary.histogram ? 40 : 0) && left > x) break;
      const canvas = paint(document.createElement("canvas"), tile, rows, columns, limit);
      group.append(image({
        href: canvas.toDataURL(), x: left, y: y + (rows === 1 ? 8 : 0), width, height: rows === 1 ? 14 : height,
        preserveAspectRatio: "none", class: "look-pixels",
      }));
      left += width + 3;
    }
  }
  if (summary.histogram) {
    group.append(el("path", {
      class: "look-histogram", d: area(summary.histogram, 34, 26),
      transform: `translate(${box.width - 44} ${y + 3})`,
    }));
  }
  return group;
}

/** A histogram with the ends of its range, for the panel. */
export function histogram(summary, format) {
  const [width, height] = [300, 70];
  const node = el("svg", {
    class: "look-chart", viewBox: `0 0 ${width} ${height + 16}`, role: "img",
    "aria-label": `Histogram from ${format(summary.min)} to ${format(summary.max)}`,
  }, el("path", { class: "look-histogram", d: area(summary.histogram, width, height) }));
  const { min, max } = summary;
  if (min < 0 && max > 0) {
    const zero = (-min / (max - min)) * width;
    node.append(el("line", { class: "look-zero", x1: zero, x2: zero, y1: 0, y2: height }));
    if (zero > 50 && zero < width - 50) node.append(el("text", { x: zero, y: height + 13, class: "middle" }, "0"));
  }
  node.append(el("text", { x: 0, y: height + 13 }, format(min)), el("text", { x: width, y: height + 13, class: "end" }, format(max)));
  return node;
}

/** The tiles of a summary as canvases. */
export function tiles(summary, label) {
  const { list, rows, columns, limit } = tilesOf(summary);
  const single = list.length === 1;
  const size = single ? Math.min(300, columns * 24) : Math.max(24, Math.min(64, columns * 4));
  return el("div", { class: "tiles", role: "img", "aria-label": label }, ...list.map((tile) => {
    const canvas = paint(document.createElement("canvas"), tile, rows, columns, limit);
    canvas.style.width = `${size}px`;
    canvas.style.height = `${rows === 1 ? 18 : Math.max(8, (size * rows) / columns)}px`;
    return canvas;
  }));
}
