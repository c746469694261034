// The plane of a point cloud: what the network answers everywhere, and the points.
import { color, el, values } from "./ui.js";
import { layerNames } from "./train-examples.js";
import { bytes, paintBytes, tileRow } from "./train-tiles.js";

/** Two views of a cloud, the plane and the layers, with `open(points)` and `update(cloud)`. */
export function cloudView() {
  const heat = el("canvas", { class: "heat", "aria-hidden": "true" });
  const dots = el("canvas", { class: "dots", role: "img", "aria-label": "the points" });
  const units = el("div", { class: "units" });
  const plane = el("section", { class: "panel cloud" },
    el("h2", {}, "What the network answers"),
    el("div", { class: "plane" }, heat, dots),
    el("p", { class: "muted legend" },
      mark("circle"), "blue ", mark("square"), "orange;",
      " filled: to train on, hollow: to validate with"));
  const layers = el("section", { class: "panel" },
    el("h2", {}, "What each unit answers"), units);
  let points;
  let rows = [];

  function open(all) {
    points = all;
    rows = [];
    units.replaceChildren();
    drawPoints();
  }

  function drawPoints() {
    if (!points) return;
    const side = (dots.width = dots.height = 2 * (dots.clientWidth || 420));
    const context = dots.getContext("2d");
    const place = (value) => side * (0.5 + value / (2 * points.extent));
    const radius = side / 105;
    const paper = rgb("--surface");
    const draw = (numbers, labels, filled) => labels.forEach((label, i) => {
      const [x, y] = [place(numbers[2 * i]), side - place(numbers[2 * i + 1])];
      context.beginPath();
      if (label === 0) context.arc(x, y, radius, 0, 2 * Math.PI);
      else context.rect(x - radius * 0.9, y - radius * 0.9, radius * 1.8, radius * 1.8);
      const ink = rgb(label === 0 ? "--negative" : "--positive");
      context.fillStyle = filled ? ink : paper;
      context.strokeStyle = filled ? paper : ink;
      context.lineWidth = side / (filled ? 420 : 240);
      context.fill();
      context.stroke();
    });
    draw(values(points.validation), points.validationLabels, false);
    draw(values(points.train), points.trainLabels, true);
  }
  window.addEventListener("themechange", drawPoints);
  new ResizeObserver(drawPoints).observe(dots);

  function update(cloud, accuracy) {
    // Paler than the points, which must be seen on it.
    const pale = bytes(cloud.boundary).map((byte) => 0.6 * byte);
    paintBytes(heat, pale, ...cloud.boundary.shape, true);
    dots.setAttribute("aria-label", `The plane with ${points?.trainLabels.length} points to train on`
      + ` and ${points?.validationLabels.length} to validate with, of which the network`
      + ` gets ${(100 * (accuracy ?? 0)).toFixed(0)} % right`);
    cloud.units.forEach((layer, index) => {
      if (!rows[index]) {
        rows[index] = tileRow(`layer ${layer.layer + 1}`, true);
        units.append(el("h3", {}, `Layer ${layer.layer + 1}, ${layerNames[layer.kind] ?? layer.kind}`), rows[index].node);
      }
      rows[index].update(layer.tiles);
    });
  }
  return { plane, layers, open, update };
}

const rgb = (name) => `rgb(${color(name).join(" ")})`;

function mark(name) {
  const shape = name === "circle"
    ? el("circle", { cx: 6, cy: 6, r: 4.5, class: "negative" })
    : el("rect", { x: 2, y: 2, width: 8, height: 8, class: "positive" });
  return el("svg", { viewBox: "0 0 12 12", class: "mark", "aria-hidden": "true" }, shape);
}
