// The drawing board: strokes by mouse, finger, pen or keys, over a picture or black.
import { el } from "./ui.js";
import { drawStrokes, side } from "./draw-picture.js";

const help = "Drawing board. Arrow keys move the pen, space lowers and raises it.";

/** A board that calls `changed(time)` with the time of the event that changed it. */
export class Board {
  #past = [];
  #changed;
  #cursor = { x: side / 2, y: side / 4, isDown: false, isShown: false };
  #keys = new Set();
  #frame;

  constructor(changed) {
    this.#changed = changed;
    this.items = [];
    const size = { width: 2 * side, height: 2 * side };
    this.canvas = el("canvas", { ...size, tabindex: 0, role: "img", "aria-label": help });
    /** What is drawn over the drawing: a heat map. */
    this.overlay = el("canvas", { ...size, class: "overlay", "aria-hidden": "true" });
    this.field = el("div", { class: "field", "aria-hidden": "true", hidden: true });
    this.element = el("div", { class: "board" }, this.canvas, this.overlay, this.field);
    this.#listen();
    this.paint();
  }

  get strokes() { return this.items.filter(Array.isArray); }
  get picture() { return this.items.find((item) => !Array.isArray(item)); }
  get isEmpty() { return this.items.length === 0; }
  get canUndo() { return this.#past.length > 0; }

  /** Frames a part of the board, `[x, y, width, height]`, or nothing. */
  frame([x, y, width, height] = [0, 0, 0, 0]) {
    const [left, top] = [x, y].map((at) => Math.max(0, at));
    const sizes = [Math.min(side, x + width) - left, Math.min(side, y + height) - top];
    this.field.hidden = sizes.some((size) => size <= 0);
    [left, top, ...sizes].forEach((at, i) => {
      this.field.style[["left", "top", "width", "height"][i]] = `${100 * at / side}%`;
    });
  }

  /** Tells users of screen readers what the model sees. */
  describe(text) { this.canvas.setAttribute("aria-label", `${help} ${text}`); }

  undo() {
    if (this.canUndo) this.#become(this.#past.pop());
  }

  clear() {
    if (!this.isEmpty) this.#edit([]);
  }

  /** Shows an image in place of the drawing; an example has `samples`, `rows` and `columns`. */
  show(picture) { this.#edit([picture]); }

  #edit(items) {
    this.#past.push(this.items);
    if (this.#past.length > 200) this.#past.shift();
    this.#become(items);
  }

  #become(items, time = performance.now()) {
    this.items = items;
    this.paint();
    this.#changed(time);
  }

  #begin(x, y, time) {
    this.#past.push(this.items);
    this.#become([...this.items, [x, y]], time);
  }

  #extend(points, time) {
    this.items.at(-1).push(...points);
    this.#paintSoon();
    this.#changed(time);
  }

  /** Draws the board with the next frame: a pen may move several times before. */
  #paintSoon() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.paint();
    });
  }

  #listen() {
    const { canvas } = this;
    let pointer;
    const point = (event) => {
      const box = canvas.getBoundingClientRect();
      return [
        (event.clientX - box.left) / box.width * side,
        (event.clientY - box.top) / box.height * side,
      ];
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || pointer !== undefined) return;
      pointer = event.pointerId;
      canvas.setPointerCapture(pointer);
      this.#cursor.isShown = this.#cursor.isDown = false;
      this.#begin(...point(event), event.timeStamp);
    });
    // Raw events come at once, others with the next frame.
    const move = "onpointerrawupdate" in canvas ? "pointerrawupdate" : "pointermove";
    canvas.addEventListener(move, (event) => {
      if (event.pointerId !== pointer) return;
      const all = event.getCoalescedEvents?.() ?? [];
      this.#extend((all.length ? all : [event]).flatMap(point), event.timeStamp);
    });
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (event) => {
        if (event.pointerId === pointer) pointer = undefined;
      });
    }
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("keyup", (event) => this.#keys.delete(event.key));
    canvas.addEventListener("blur", () => {
      this.#keys.clear();
      this.#cursor.isShown = this.#cursor.isDown = false;
      this.paint();
    });
  }

  #key(event) {
    const cursor = this.#cursor;
    if (event.key === " ") {
      event.preventDefault();
      cursor.isShown = true;
      if (!event.repeat) cursor.isDown = !cursor.isDown;
      if (!event.repeat && cursor.isDown) this.#begin(cursor.x, cursor.y, event.timeStamp);
    } else if (event.key === "z" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.undo();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.clear();
    } else if (event.key.startsWith("Arrow")) {
      event.preventDefault();
      this.#keys.add(event.key);
      const step = event.shiftKey ? 2 : 8;
      const sign = (low, high) => (this.#keys.has(high) ? 1 : 0) - (this.#keys.has(low) ? 1 : 0);
      cursor.isShown = true;
      cursor.x = Math.max(0, Math.min(side, cursor.x + step * sign("ArrowLeft", "ArrowRight")));
      cursor.y = Math.max(0, Math.min(side, cursor.y + step * sign("ArrowUp", "ArrowDown")));
      if (cursor.isDown) this.#extend([cursor.x, cursor.y], event.timeStamp);
    } else {
      return;
    }
    this.paint();
  }

  /** Draws the board. */
  paint() {
    const context = this.canvas.getContext("2d");
    context.setTransform(2, 0, 0, 2, 0, 0);
    context.fillStyle = "#101217";
    context.fillRect(0, 0, side, side);
    if (this.picture) {
      context.imageSmoothingEnabled = !this.picture.samples;
      context.drawImage(this.picture.canvas, 0, 0, side, side);
    }
    drawStrokes(context, this.strokes);
    const { x, y, isDown, isShown } = this.#cursor;
    if (isShown) {
      context.beginPath();
      context.arc(x, y, isDown ? 6 : 10, 0, 2 * Math.PI);
      context.lineWidth = 3;
      context.strokeStyle = "#f0884f";
      context.fillStyle = "#f0884f";
      if (isDown) context.fill();
      else context.stroke();
    } else if (this.isEmpty) {
      context.fillStyle = "#a3a9b4";
      context.font = "15px system-ui, sans-serif";
      context.textAlign = "center";
      context.fillText("Draw a digit here", side / 2, side / 2);
    }
  }
}

/** Grey levels as the picture of a board. */
export function example(samples, rows, columns) {
  const canvas = el("canvas", { width: columns, height: rows });
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  for (let i = 0; i < samples.length; i++) {
    image.data.fill(Math.round(255 * samples[i]), 4 * i, 4 * i + 3);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return { canvas, samples, rows, columns };
}
