// Lines between the tiles of a network, and frames around what an element is made of.
import { el } from "./ui.js";
import { behind } from "./draw-windows.js";

/** More lines than these between two steps are drawn as one band. */
const maxLines = 160;

/** The drawings behind and over the tiles of a network. */
export class Marks {
  #network;
  #behind = el("svg", { class: "wires", "aria-hidden": "true" });
  #over = el("svg", { class: "marks", "aria-hidden": "true" });

  constructor(network) {
    this.#network = network;
    network.flow.prepend(this.#behind);
    network.flow.append(this.#over);
    new ResizeObserver(() => this.wires()).observe(network.flow);
  }

  /** Draws the lines between steps. */
  wires() {
    const { model } = this.#network;
    const lines = [];
    model.steps.forEach((step, index) => {
      if (step.kind === "reshape") return;
      for (const input of step.inputs) {
        const from = this.#network.tiles(behind(model, input));
        const to = this.#network.tiles(index);
        if (!from[0] || !to[0] || !to[0].width) continue;
        lines.push(...between(step, from, to));
      }
    });
    this.#behind.replaceChildren(...lines);
  }

  clear() { this.#over.replaceChildren(); }

  /** Frames an element and the windows it is made of. */
  show(explained) {
    const { index, element, parts, chosen } = explained;
    const network = this.#network;
    const target = network.box(index, element);
    const nodes = [];
    const most = parts.reduce((most, part) => Math.max(most, Math.abs(part.sum ?? 0)), 0);
    for (const part of parts) {
      const { isUnits, box } = this.#window(part);
      if (!box) continue;
      const kind = part.sum === undefined ? "plain" : part.sum < 0 ? "minus" : "plus";
      const strength = most > 0 && part.sum !== undefined ? Math.abs(part.sum) / most : 1;
      if (isUnits) nodes.push(...this.#units(part, target));
      else nodes.push(line(box, target, `wire ${kind}`, 0.15 + 0.85 * strength));
      nodes.push(frame(box, "window"));
      if (chosen >= 0) nodes.push(frame(network.box(part.step, part.cells[chosen]), "chosen"));
    }
    if (target) nodes.push(frame(target, "target"));
    this.#over.replaceChildren(...nodes);
  }

  /** The box around the cells of a part. */
  #window(part) {
    const network = this.#network;
    const inside = part.cells.filter((cell) => cell >= 0);
    if (!inside.length) return {};
    if (part.isWhole) {
      const isUnits = network.model.steps[part.step].shape.length < 3;
      return { isUnits, box: network.box(part.step, inside[0], true) };
    }
    const [first, last] = [inside[0], inside.at(-1)].map((cell) => network.box(part.step, cell));
    if (!first || !last) return {};
    const [width, height] = [last.x + last.width - first.x, last.y + last.height - first.y];
    return { box: { x: first.x, y: first.y, width, height } };
  }

  /** Lines from the units that contribute most. */
  #units(part, target) {
    const order = part.products.map((_, i) => i)
      .sort((a, b) => Math.abs(part.products[b]) - Math.abs(part.products[a])).slice(0, 16);
    const most = Math.abs(part.products[order[0]]) || 1;
    return order.map((i) =>
      line(this.#network.box(part.step, part.cells[i]), target,
        `wire ${part.products[i] < 0 ? "minus" : "plus"}`,
        0.15 + 0.85 * Math.abs(part.products[i]) / most));
  }
}

function between(step, from, to) {
  const isSame = from.length === to.length
    && ["activation", "affine", "maximum", "average", "sum"].includes(step.kind);
  if (isSame) return from.map((box, i) => line(box, to[i], "wire", 0.7));
  if (step.kind === "convolution" && from.length * to.length <= maxLines) {
    const { groups } = step.window;
    const [ins, outs] = [from.length / groups, to.length / groups];
    return from.flatMap((box, i) =>
      to.filter((_, o) => Math.floor(i / ins) === Math.floor(o / outs))
        .map((other) => line(box, other, "wire", 0.5)));
  }
  const [a, b] = [around(from), around(to)];
  const points = [
    [a.x + a.width, a.y], [b.x, b.y], [b.x, b.y + b.height], [a.x + a.width, a.y + a.height],
  ];
  const path = points.map((point) => point.join(" ")).join("L");
  return [el("path", { d: `M${path}Z`, class: "band" })];
}

function around(boxes) {
  const x = Math.min(...boxes.map((box) => box.x));
  const y = Math.min(...boxes.map((box) => box.y));
  return {
    x, y, width: Math.max(...boxes.map((box) => box.x + box.width)) - x,
    height: Math.max(...boxes.map((box) => box.y + box.height)) - y,
  };
}

function line(from, to, name, opacity) {
  if (!from || !to) return "";
  return el("line", {
    x1: from.x + from.width, y1: from.y + from.height / 2, x2: to.x, y2: to.y + to.height / 2,
    class: name, opacity,
  });
}

function frame(box, name) {
  if (!box) return "";
  // A dark line around a light one, to be seen on every colour.
  return el("g", { class: `frame ${name}` }, ...["outer", "inner"].map((part) =>
    el("rect", { x: box.x, y: box.y, width: box.width, height: box.height, class: part })));
}
