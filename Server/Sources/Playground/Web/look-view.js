// The picture of a graph: moved and zoomed by pointer, wheel, touch and keys. What the window does not show
// is not in the document; from far away boxes are areas of colour.
import { el } from "./ui.js";
import { drawBox, drawLabel } from "./look-draw.js";
import { minimap } from "./look-minimap.js";

const far = 0.3;
const mostDetailed = 260;
const legendWidth = 200;
const round = (x) => Math.round(x * 10) / 10;

/** A view in an element. `handlers`: `select(box)`, `open(box)`. */
export function makeView(stage, handlers) {
  const svg = el("svg", { class: "look-svg", tabindex: 0, role: "application", "aria-roledescription": "graph" });
  const overview = el("g", { class: "look-overview" });
  const linkLayer = el("g", { class: "look-links" });
  const arrows = el("path", { class: "look-arrows" });
  const marks = el("g", { class: "look-marks" });
  const labelLayer = el("g", { class: "look-labels" });
  const boxLayer = el("g");
  const world = el("g", {}, overview, linkLayer, marks, arrows, boxLayer, labelLayer);
  svg.append(world);
  stage.append(svg);
  const map = minimap(stage, (x, y) => centre(x, y));
  const view = { scene: null, plan: null, x: 0, y: 0, k: 1, selected: null };
  const drawn = { boxes: new Map(), links: new Map(), labels: new Map() };
  let scheduled = false;
  let place = { width: 1, height: 1 };

  function update() {
    world.setAttribute("transform", `translate(${round(view.x)} ${round(view.y)}) scale(${view.k})`);
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(() => {
      scheduled = false;
      fill();
    });
  }

  function window_() {
    const margin = 80;
    return {
      left: (-view.x - margin) / view.k, right: (place.width - view.x + margin) / view.k,
      top: (-view.y - margin) / view.k, bottom: (place.height - view.y + margin) / view.k,
    };
  }

  /** Puts what the window shows into the document. */
  function fill() {
    if (!view.plan) return;
    const area = window_();
    const boxes = view.scene.boxes.filter((box) =>
      box.x + box.width / 2 > area.left && box.x - box.width / 2 < area.right
      && box.y + box.height / 2 > area.top && box.y - box.height / 2 < area.bottom);
    const isFar = view.k < far || boxes.length > mostDetailed;
    svg.classList.toggle("far", isFar);
    const isLegible = !isFar && view.k > 0.45;
    const links = isFar ? [] : view.plan.links.filter((link) =>
      link.right > area.left && link.left < area.right && link.bottom > area.top && link.top < area.bottom);
    replace(drawn.boxes, isFar ? [] : boxes, boxLayer, (box) => drawBox(box, view.scene, handlers));
    replace(drawn.links, links, linkLayer, (link) =>
      el("path", { d: link.path, class: "look-link" }));
    arrows.setAttribute("d", links.map((link) => link.arrow ?? "").join(""));
    replace(drawn.labels, isLegible ? boxes : [], labelLayer, (box) => drawLabel(box, view.scene));
    map.show(view, place);
  }

  function replace(known, items, layer, make) {
    const wanted = new Set(items);
    for (const [item, node] of known) {
      if (wanted.has(item)) continue;
      node.remove();
      known.delete(item);
    }
    for (const item of items) {
      if (known.has(item)) continue;
      const node = make(item);
      known.set(item, node);
      layer.append(node);
    }
  }

  function clear() {
    for (const known of Object.values(drawn)) {
      for (const node of known.values()) node.remove();
      known.clear();
    }
  }

  /** Shows a laid-out graph. */
  function show(scene, plan, colors) {
    clear();
    Object.assign(view, { scene, plan });
    paintOverview(colors);
    mark();
    update();
  }

  function paintOverview(colors) {
    const groups = new Map();
    for (const box of view.scene.boxes) {
      const name = colors(box);
      box.color = name;
      groups.set(name, (groups.get(name) ?? "") + `M${round(box.x - box.width / 2)} ${round(box.y - box.height / 2)}`
        + `h${round(box.width)}v${round(box.height)}h${-round(box.width)}z`);
    }
    const lines = el("path", { class: "look-link", d: view.plan.links.map((link) => link.path).join("") });
    overview.replaceChildren(lines, ...[...groups].map(([name, d]) => el("path", { d, class: `look-area ${name}` })));
    map.paint(overview, view.plan);
  }

  /** Marks the selected box and its edges, and boxes that a search found. */
  function mark(found = view.found ?? []) {
    view.found = found;
    const { selected } = view;
    const frame = (box, name) => el("rect", {
      class: name, x: box.x - box.width / 2 - 5, y: box.y - box.height / 2 - 5,
      width: box.width + 10, height: box.height + 10, rx: 9,
    });
    const values = new Set(selected?.node?.outputs ?? (selected ? [selected.value] : []));
    const d = !selected ? "" : view.plan.links
      .filter((link) => values.has(link.value) || link.to.box === selected)
      .map((link) => link.path).join("");
    marks.replaceChildren(...found.map((box) => frame(box, "look-found")), el("path", { d, class: "look-near" }),
      ...(selected ? [frame(selected, "look-selected")] : []));
  }

  function select(box, moves = false) {
    view.selected = box;
    mark();
    if (moves && box) reveal(box);
  }

  /** Brings a box into the window. */
  function reveal(box) {
    if (view.k < 0.6) view.k = 0.9;
    const [x, y] = [box.x * view.k + view.x, box.y * view.k + view.y];
    const [w, h] = [(box.width * view.k) / 2 + 30, (box.height * view.k) / 2 + 40];
    if (x < w || x > place.width - w || y < h || y > place.height - h) centre(box.x, box.y);
    else update();
  }

  function centre(x, y) {
    view.x = place.width / 2 - x * view.k;
    view.y = place.height / 2 - y * view.k;
    update();
  }

  function zoom(factor, x = place.width / 2, y = place.height / 2) {
    const k = Math.min(4, Math.max(Math.min(0.02, fitScale()), view.k * factor));
    view.x = x - ((x - view.x) * k) / view.k;
    view.y = y - ((y - view.y) * k) / view.k;
    view.k = k;
    update();
  }

  const fitScale = () => view.plan
    ? Math.min((place.width - 40) / view.plan.width, (place.height - 60) / view.plan.height, 1.25) : 1;

  /** Shows everything; `begin` shows the beginning of a large graph in a legible size instead. */
  function fit(begin = false) {
    measure();
    const scale = fitScale();
    view.k = begin && scale < 0.75 ? Math.max(place.width < 500 ? 0.7 : 0.85, Math.min(1.1, (place.width - 40) / view.plan.width)) : Math.max(scale, 0.005);
    if (begin && scale < 0.75) {
      const first = view.scene.boxes.find((box) => box.role === "input") ?? view.scene.boxes[0];
      view.x = place.width / 2 - first.x * view.k;
      view.y = 40 - (first.y - first.height / 2) * view.k;
    } else {
      const rest = place.width - view.plan.width * view.k;
      // Beside the legend, where there is room.
      view.x = Math.max(rest / 2, Math.min(place.width > 700 ? legendWidth : 0, rest - 20));
      view.y = (place.height - view.plan.height * view.k) / 2;
    }
    update();
  }

  function measure() {
    const rect = svg.getBoundingClientRect();
    if (rect.width) place = { width: rect.width, height: rect.height };
  }

  new ResizeObserver(() => {
    measure();
    update();
  }).observe(svg);
  return { svg, view, show, mark, select, reveal, centre, zoom, fit, update, measure, redraw: () => { clear(); update(); } };
}
