// The steps of a model from left to right: maps as tiles, units as cells, lines between them.
import { el } from "./ui.js";
import { placeOf } from "./draw-windows.js";
import { largest, paintPixels } from "./draw-paint.js";
import { Marks } from "./draw-marks.js";

/** The most tiles of a step. */
const maxTiles = 64;

/** The tiles of a step: how many in a row, and how wide. */
function layout({ shape }) {
  const tiles = Math.min(shape[0], maxTiles);
  if (shape[1] * shape[2] === 1) return { tiles, across: Math.ceil(tiles / 16), width: 24 };
  if (tiles === 1) return { tiles, across: 1, width: 112 };
  if (tiles <= 3) return { tiles, across: 1, width: 84 };
  if (tiles <= 8) return { tiles, across: 1, width: 56 };
  if (tiles <= 16) return { tiles, across: 2, width: 50 };
  return { tiles, across: tiles <= 32 ? 4 : 8, width: tiles <= 32 ? 40 : 28 };
}

/** The cells of units: how many in a column, and how wide. */
function cells(count) {
  if (count <= 20) return { rows: count, columns: 1, size: 24 };
  const columns = Math.ceil(count / 60);
  return { rows: Math.ceil(count / columns), columns, size: 7 };
}

/** A network that calls `pointed(step, element)` for the element that the user points at. */
export class Network {
  #columns = [];
  #pointed;

  constructor(root, model, pointed) {
    this.model = model;
    this.#pointed = pointed;
    this.flow = el("div", { class: "flow" });
    this.#columns = model.steps.map((step, index) => this.#column(step, index));
    this.flow.append(...this.#columns.map((column) => column.element));
    this.marks = new Marks(this);
    root.replaceChildren(this.flow);
    for (const name of ["pointermove", "pointerdown"]) {
      this.flow.addEventListener(name, (event) => this.#point(event));
    }
    this.marks.wires();
  }

  #column(step, index) {
    const isMaps = step.shape.length === 3;
    const shape = step.shape.join(" × ");
    const head = el("div", { class: "head" },
      el("b", { title: step.name }, step.added ? "softmax" : step.name),
      el("span", {}, step.operator), el("span", {}, shape));
    const column = { step, index, canvases: [] };
    if (step.kind === "reshape") {
      column.element = el("div", { class: "step reshape", title: `${step.operator}: ${shape}` },
        el("div", { class: "head" }),
        el("div", { class: "maps" }, el("span", {}, `${step.operator.toLowerCase()} to ${shape}`)));
      return column;
    }
    const maps = el("div", { class: "maps" });
    if (isMaps) {
      const { tiles, across, width } = layout(step);
      maps.style.gridTemplateColumns = `repeat(${across}, ${width}px)`;
      for (let map = 0; map < tiles; map++) {
        const canvas = el("canvas", { "aria-hidden": "true" });
        canvas.style.width = `${width}px`;
        canvas.style.height = `${width * step.shape[1] / step.shape[2]}px`;
        Object.assign(canvas, { step: index, map });
        column.canvases.push(canvas);
      }
      if (tiles < step.shape[0]) head.append(el("span", {}, `the first ${tiles}`));
    } else {
      const { rows, columns, size } = column.cells = cells(step.shape[0]);
      const canvas = el("canvas", { class: "units", "aria-hidden": "true" });
      canvas.style.width = `${columns * size}px`;
      canvas.style.height = `${rows * size}px`;
      Object.assign(canvas, { step: index, map: 0 });
      column.canvases.push(canvas);
    }
    maps.append(...column.canvases);
    if (!isMaps && step.shape[0] === this.model.classes.length && column.cells.columns === 1) {
      maps.classList.add("labelled");
      maps.append(el("div", { class: "labels", "aria-hidden": "true" },
        ...this.model.classes.map((name) => el("span", {}, name))));
    }
    column.element = el("div", {
      class: `step ${step.kind}`, tabindex: 0, role: "application",
      "aria-roledescription": "layer",
      "aria-label": `${step.name}, ${step.operator}, ${shape}. Arrow keys choose an element`
        + (isMaps ? ", page up and page down a map." : "."),
      onkeydown: (event) => this.#key(event, column),
      onfocus: () => this.#pointed(index, column.element.matches(":focus-visible")
        ? column.current ?? 0 : undefined),
    }, head, maps);
    return column;
  }

  /** Paints all values. */
  show(values) {
    for (const { step, index, canvases, cells } of this.#columns) {
      const numbers = values[index];
      const most = largest(numbers);
      if (cells) {
        const { rows, columns } = cells;
        paintPixels(canvases[0], rows, columns, (i) =>
          numbers[i % columns * rows + Math.floor(i / columns)], most);
        continue;
      }
      const [, rows, columns] = step.shape;
      const isGrey = step.kind === "picture" && step.shape[0] === 1;
      canvases.forEach((canvas, map) => {
        const start = map * rows * columns;
        paintPixels(canvas, rows, columns, (i) => numbers[start + i], most, isGrey);
      });
    }
  }

  #point(event) {
    const canvas = event.target;
    if (canvas.step === undefined) return;
    const { step, cells } = this.#columns[canvas.step];
    const box = canvas.getBoundingClientRect();
    const [rows, columns] = cells ? [cells.rows, cells.columns] : step.shape.slice(1);
    const clamp = (x, size) => Math.max(0, Math.min(size - 1, Math.floor(x * size)));
    const row = clamp((event.clientY - box.top) / box.height, rows);
    const column = clamp((event.clientX - box.left) / box.width, columns);
    const element = cells ? column * rows + row : (canvas.map * rows + row) * columns + column;
    if (element < step.shape.reduce((a, b) => a * b)) this.#pointed(canvas.step, element);
  }

  #key(event, column) {
    const { step, cells } = column;
    const count = step.shape.reduce((a, b) => a * b);
    const [, rows, columns] = step.shape.length === 3 ? step.shape : [1, cells.rows, 1];
    const moves = cells
      ? { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -cells.rows, ArrowRight: cells.rows }
      : {
        ArrowUp: -columns, ArrowDown: columns, ArrowLeft: -1, ArrowRight: 1,
        PageUp: -rows * columns, PageDown: rows * columns,
      };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const shown = cells ? count : column.canvases.length * rows * columns;
    const next = (column.current ?? 0) + moves[event.key];
    if (next >= 0 && next < shown) this.#pointed(column.index, next);
  }

  /** Remembers the element that keys move from. */
  select(index, element) { this.#columns[index].current = element; }

  /** The box of an element, or of its whole tile, in the coordinates of the flow; nothing for a
   *  map that is not shown. */
  box(index, element, isWhole = false) {
    const { step, canvases, cells } = this.#columns[index];
    const { map, row, column } = placeOf(step, element);
    const canvas = canvases[cells ? 0 : map];
    if (!canvas) return undefined;
    const outer = this.flow.getBoundingClientRect();
    const box = canvas.getBoundingClientRect();
    const [left, top] = [box.left - outer.left, box.top - outer.top];
    if (isWhole) return { x: left, y: top, width: box.width, height: box.height };
    const [rows, columns] = cells ? [cells.rows, cells.columns] : step.shape.slice(1);
    const [y, x] = cells ? [element % rows, Math.floor(element / rows)] : [row, column];
    const [width, height] = [box.width / columns, box.height / rows];
    return { x: left + x * width, y: top + y * height, width, height };
  }

  /** The boxes of the tiles of a step. */
  tiles(index) {
    const { step, canvases, cells } = this.#columns[index];
    const size = cells ? 1 : step.shape[1] * step.shape[2];
    return canvases.map((_, map) => this.box(index, map * size, true));
  }
}
