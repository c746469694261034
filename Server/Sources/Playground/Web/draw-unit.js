// How an element comes about: the window, the weights, the sum, in numbers.
import { el } from "./ui.js";
import { activate, behind, explain, fieldOf, placeOf } from "./draw-windows.js";
import { largest, paintGrid, paintZoom, short } from "./draw-paint.js";

/** The panel that explains the chosen element. */
export class Unit {
  #chosenMap;
  #timer;

  constructor() {
    this.title = el("h2", {}, "One number of the network");
    this.body = el("div", { class: "unit-body" });
    this.live = el("p", { class: "visually-hidden", role: "status", id: "unit-status" });
    this.element = el("section", { class: "panel unit", "aria-label": "One number of the network" },
      this.title, this.body, this.live);
    this.rest();
  }

  /** Says how to choose an element. */
  rest() {
    this.title.textContent = "One number of the network";
    this.body.replaceChildren(el("p", { class: "muted" },
      "Point at a pixel of a map below, or move there with the tab and arrow keys: the window that"
      + " it is computed from is framed, and its arithmetic is shown here."));
  }

  /** Explains an element. */
  show(model, values, index, element) {
    const found = explain(model, values, index, element);
    const { step, place } = found;
    const where = step.shape.length === 3
      ? `map ${place.map}, row ${place.row}, column ${place.column}`
      : step.shape[0] === model.classes.length ? `class ${model.classes[element]}`
        : `unit ${element}`;
    this.title.replaceChildren(
      step.added ? "softmax" : step.name, el("span", { class: "muted" }, ` ${where}`));
    const content = (this[step.kind] ?? this.other).call(this, found, model, values);
    this.body.replaceChildren(...content, this.#check(found), this.#field(model, index, element));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.live.textContent = `${step.name}, ${where}: ${found.value.toPrecision(4)}`;
    }, 300);
    return found;
  }

  /** The result compared with the server's value. */
  #check({ result, value, parts, step }) {
    if (result === undefined) return "";
    const difference = Math.abs(result - value);
    this.element.dataset.difference = difference;
    // Terms may cancel in a sum, so that its error is one of the terms; a quotient has its own.
    const terms = step.kind === "softmax" ? []
      : parts.flatMap((part) => part.products ?? part.values);
    const size = Math.max(1e-30, Math.abs(value), largest(terms));
    const isEqual = difference < 1e-4 * size;
    return el("p", { class: "muted check" },
      `${isEqual ? "✓" : "✗"} the server computed ${precise(value)}; `
      + `difference ${difference === 0 ? "0" : difference.toExponential(0)}`);
  }

  #field(model, index, element) {
    if (index === 0) return "";
    const [top, left, bottom, right] = fieldOf(model, index, element);
    const isAll = bottom - top + 1 === model.shape[1] && right - left + 1 === model.shape[2];
    return el("p", { class: "muted" }, isAll ? "It depends on the whole picture."
      : `It depends on ${bottom - top + 1} × ${right - left + 1} pixels of the picture, `
        + "framed on the drawing.");
  }

  convolution(found, model, values) {
    const { parts, step } = found;
    const index = this.#part(parts);
    const part = parts[index];
    const most = largest(parts.flatMap((part) => part.values));
    const weight = largest(parts.flatMap((part) => part.weights));
    const product = largest(parts.flatMap((part) => part.products));
    const isOutside = (i) => part.cells[i] < 0;
    const isGrey = model.steps[part.step].kind === "picture" && model.shape[0] === 1;
    const grids = el("div", { class: "grids" },
      figure(`window of ${nameOf(model, part)}`,
        grid(part, part.values, most, { isOutside, isGrey })),
      sign("×"), figure("weights", grid(part, part.weights, weight)),
      sign("="), figure(`products, sum ${short(part.sum, 3)}`,
        grid(part, part.products, product)));
    return [grids, this.#maps(found, model, values, index), this.#equation(found, model)];
  }

  dense(found, model, values) {
    const { parts } = found;
    const index = this.#part(parts);
    const part = parts[index];
    const isMaps = model.steps[part.step].shape.length === 3;
    const cell = isMaps ? 24 : 12;
    const all = (key) => largest(parts.flatMap((part) => part[key]));
    const grids = el("div", { class: "grids" },
      figure(nameOf(model, part), grid(part, part.values, all("values"), { cell })),
      sign("×"), figure("weights", grid(part, part.weights, all("weights"), { cell })),
      sign("="), figure(`products, sum ${short(part.sum, 3)}`,
        grid(part, part.products, all("products"), { cell })));
    return [grids, this.#maps(found, model, values, index), this.#largest(found, model),
      this.#equation(found, model)];
  }

  maximum(found, model, values) {
    const { parts: [part], chosen, result } = found;
    const { row, column } = placeOf(model.steps[part.step], part.cells[chosen]);
    return [
      this.#pool(found, model, values),
      el("p", { class: "equation" }, `max = ${short(result, 4)}: the pool chose row ${row}, column `
        + `${column} of the map. The dots are what it chose from all windows.`),
    ];
  }

  average(found, model, values) {
    const { sum, count, result } = found;
    return [
      this.#pool(found, model, values),
      el("p", { class: "equation" }, `mean: ${short(sum, 4)} / ${count} = ${short(result, 4)}. `
        + "Every cell counts alike; a max pool would have chosen one."),
    ];
  }

  /** The map before a pool, the window, and the map behind it. */
  #pool(found, model, values) {
    const { parts: [part], step, index, element, chosen = -1, place } = found;
    const source = model.steps[part.step];
    const size = (step) => step.shape[1] * step.shape[2];
    const start = { before: part.map * size(source), after: place.map * size(step) };
    const inside = part.cells.filter((cell) => cell >= 0).map((cell) => cell - start.before);
    const dots = chosen < 0 ? [] : Array.from({ length: size(step) }, (_, i) => {
      const other = explain(model, values, index, start.after + i);
      return other.parts[0].cells[other.chosen] - start.before;
    });
    const zoom = (step, numbers, start, options) => {
      const map = numbers.subarray(start, start + size(step));
      return paintZoom(el("canvas", { role: "img", "aria-label": `a map of ${step.name}` }), map,
        step.shape[1], step.shape[2], largest(numbers), options);
    };
    const window = part.cells.length > 49 ? []
      : [figure("window", grid(part, part.values, largest(values[part.step]),
        { mark: chosen, isOutside: (i) => part.cells[i] < 0 })), sign("→")];
    return el("div", { class: "grids" },
      figure(nameOf(model, part),
        zoom(source, values[part.step], start.before, { cells: inside, dots })),
      sign("→"), ...window, figure(nameOf(model, { step: index, map: place.map }),
        zoom(step, values[index], start.after, { cells: [element - start.after] })));
  }

  activation({ parts: [part], step, result }) {
    const x = part.values[0];
    return [curve(step, x, result), el("p", { class: "equation" },
      `${step.operator}(${short(x, 4)}) = ${short(result, 4)}`)];
  }

  affine({ parts: [part], factor, addend, result }) {
    return [el("p", { class: "equation" }, `${short(part.values[0], 4)} × ${short(factor, 4)} + `
      + `${short(addend, 4)} = ${short(result, 4)}`),
    el("p", { class: "muted" }, "The factor and the addend are those of the channel.")];
  }

  sum({ parts, result }) {
    return [el("p", { class: "equation" },
      `${parts.map((part) => short(part.values[0], 4)).join(" + ")} = ${short(result, 4)}`)];
  }

  softmax({ parts: [part], most, total, result }) {
    return [
      el("p", { class: "equation" }, `e^(${short(part.values[0], 3)} − ${short(most, 3)}) / `
        + `${short(total, 4)} = ${precise(result)}`),
      el("p", { class: "muted" }, "The exponential of the score, divided by the sum of those of all"
        + ` classes. ${short(most, 3)}, the largest score, is subtracted from all: that changes no`
        + " quotient, and no exponential overflows."),
    ];
  }

  picture({ value }) {
    return [el("p", { class: "equation" }, short(value, 4)),
      el("p", { class: "muted" }, "A pixel of the picture as the network sees it: your drawing,"
        + " scaled and centred.")];
  }

  reshape({ value }) { return [el("p", { class: "equation" }, short(value, 4))]; }

  other({ step, value }) {
    return [el("p", { class: "equation" }, short(value, 4)),
      el("p", { class: "muted" }, `The arithmetic of ${step.operator} is not shown here.`)];
  }

  /** The map shown large: the one clicked, or that of the largest sum. */
  #part(parts) {
    const clicked = parts.findIndex((part) => part.map === this.#chosenMap);
    if (clicked >= 0) return clicked;
    const sums = parts.map((part) => Math.abs(part.sum));
    return sums.indexOf(Math.max(...sums));
  }

  /** All maps small, as buttons. */
  #maps(found, model, values, chosen) {
    const { parts, index, element } = found;
    if (parts.length === 1) return "";
    const weight = largest(parts.flatMap((part) => part.weights));
    return el("div", { class: "parts", role: "group", "aria-label": "Input maps" },
      ...parts.map((part, i) => el("button", {
        type: "button", "aria-pressed": String(i === chosen),
        title: `the weights of map ${part.map}, and the sum of its products`,
        onclick: () => {
          this.#chosenMap = part.map;
          this.show(model, values, index, element);
        },
      }, paintMini(part, weight), el("span", {}, short(part.sum)))));
  }

  #equation({ parts, bias, sum, result, index, element }, model) {
    const next = model.steps.find((step) => step.kind === "activation"
      && behind(model, step.inputs[0]) === index);
    const terms = parts.length > 8 || parts.length === 1 ? [short(sum, 4)]
      : parts.map((part) => short(part.sum, 3));
    const text = terms.join(" + ").replaceAll("+ −", "− ");
    const end = `${bias < 0 ? "−" : "+"} ${short(Math.abs(bias), 4)}`;
    return el("p", { class: "equation" },
      el("span", { title: "the sums of the products" }, text), " ",
      el("span", { title: "bias" }, `${end} (bias)`), ` = ${short(result, 4)}`,
      next ? ` → ${next.operator} = ${short(activate(next, result), 4)}` : "");
  }

  /** The inputs that contribute most to a dense unit. */
  #largest({ parts }, model) {
    const all = parts.flatMap((part) => part.products.map((product, i) =>
      ({ product, value: part.values[i], weight: part.weights[i], cell: part.cells[i], part })));
    all.sort((a, b) => Math.abs(b.product) - Math.abs(a.product));
    const name = ({ part, cell }) => {
      const step = model.steps[part.step];
      const { map, row, column } = placeOf(step, cell);
      return step.shape.length === 3 ? `map ${map} (${row}, ${column})` : `unit ${cell}`;
    };
    return el("p", { class: "muted" }, `Most by ${all.slice(0, 3).map((term) =>
      `${name(term)}: ${short(term.value)} × ${short(term.weight)} = ${short(term.product)}`)
      .join("; ")}.`);
  }
}

/** The name of the value, and the map if there are several. */
function nameOf(model, { step, map }) {
  const { name, shape } = model.steps[step];
  return shape.length === 3 && shape[0] > 1 ? `${name}, map ${map}` : name;
}

/** A number with four digits at least, however small it is. */
function precise(x) {
  return Math.abs(x) < 0.001 && x !== 0 ? x.toPrecision(4).replace(/^-/, "−") : short(x, 5);
}

function grid(part, numbers, most, options) {
  return paintGrid(el("canvas", { role: "img",
    "aria-label": numbers.length > 49 ? `${numbers.length} numbers`
      : numbers.map((x) => short(x)).join(", ") }),
  numbers, part.rows, part.columns, most, options);
}

function paintMini(part, most) {
  const cell = part.columns > 8 ? 3 : part.columns > 3 ? 6 : 9;
  const canvas = el("canvas", { "aria-hidden": "true" });
  return paintGrid(canvas, part.weights, part.rows, part.columns, most, { cell, isText: false });
}

function figure(text, canvas) {
  return el("figure", {}, canvas, el("figcaption", { class: "muted" }, text));
}

function sign(text) { return el("span", { class: "sign", "aria-hidden": "true" }, text); }

/** The curve of an activation with a point on it. */
function curve(step, x, y) {
  const reach = Math.max(3, Math.ceil(Math.abs(x)));
  const [width, height] = [300, 150];
  const points = Array.from({ length: 121 }, (_, i) => (i / 60 - 1) * reach);
  const ys = points.map((x) => activate(step, x));
  const [low, high] = [Math.min(...ys, 0), Math.max(...ys, 0)];
  const px = (x) => 10 + (x / reach + 1) / 2 * (width - 20);
  const py = (y) => height - 10 - (y - low) / (high - low || 1) * (height - 20);
  const path = points.map((x, i) => `${i ? "L" : "M"}${px(x).toFixed(1)} ${py(ys[i]).toFixed(1)}`);
  return el("svg", {
    class: "curve", viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `the curve of ${step.operator} with the point ${short(x)}, ${short(y)}`,
  },
  el("line", { x1: 10, x2: width - 10, y1: py(0), y2: py(0), class: "axis" }),
  el("line", { x1: px(0), x2: px(0), y1: 10, y2: height - 10, class: "axis" }),
  el("path", { d: path.join(""), class: "function" }),
  el("path", { d: `M${px(x)} ${py(0)}V${py(y)}H${px(0)}`, class: "lead" }),
  el("circle", { cx: px(x), cy: py(y), r: 5, class: "point" }));
}
