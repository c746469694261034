// The plane of a point cloud: what the network answers everywhere, and the points.
import { color, el, values } from "./ui.js";
import { layerNames } from "./train-examples.js";
import { bytes, paintBytes, tileRow } from "./train-tiles.js";

/** Two views of a cloud, the plane and the layers, with `open(points)` and `update(cloud)`. */
export function cloudView() {
  const heat = el("canvas", { class: "heat", "aria-hidden": "true" });
  const dots = el("canvas", { class: "dots", role: "img", "aria-label": "the points" });
  const units = el("div", { class: "units" });
  const title = el("h2", {}, "What the network answers");
  const plane = el("section", { class: "panel cloud" }, title,
    el("div", { class: "plane" }, heat, dots),
    el("p", { class: "muted legend" },
      mark("circle"), "blue ", mark("square"), "orange;",
      " filled: to train on, hollow: to validate with"));
  const layers = el("section", { class: "panel" },
    el("h2", {}, "What each unit answers"), units);
  // The unit under the pointer, whose answer takes the place of the network's.
  let [seen, newest] = [undefined, undefined];
  units.addEventListener("pointerover", ({ target }) => look(target.closest("canvas")));
  units.addEventListener("pointerleave", () => look());

  function look(canvas) {
    const row = rows.findIndex((row) => row.node === canvas?.parentNode);
    seen = row < 0 ? undefined : { row, unit: [...canvas.parentNode.children].indexOf(canvas) };
    if (newest) paintPlane();
  }

  function paintPlane() {
    const layer = seen && newest.units[seen.row];
    const { shape } = layer ? layer.tiles : newest.boundary;
    const [height, width] = shape.slice(-2);
    const all = bytes(layer ? layer.tiles : newest.boundary);
    const first = layer ? seen.unit * height * width : 0;
    // Paler than the points, which must be seen on it.
    const pale = all.subarray(first, first + height * width).map((byte) => 0.6 * byte);
    paintBytes(heat, pale, height, width, true);
    title.textContent = layer
      ? `What unit ${seen.unit + 1} of layer ${layer.layer + 1} answers` : "What the network answers";
  }
  let points;
  let rows = [];

  function open(all) {
    points = all;
    [rows, seen, newest] = [[], undefined, undefined];
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
    newest = cloud;
    paintPlane();
    dots.setAttribute("aria-label", `The plane with ${points?.trainLabels.length} points to train on`
      + ` and ${points?.validationLabels.length} to validate with, of which the network`
      + ` gets ${(100 * (accuracy ?? 0)).toFixed(0)} % right`);
    layers.hidden = !cloud.units.length;
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
