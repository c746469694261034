// Heat maps over the drawing: where the network looks for a class.
import { api, el, say, values } from "./ui.js";
import { paintGlow } from "./draw-paint.js";
import { side } from "./draw-picture.js";

/** The choice of a heat map; `changed()` is called when another is wanted. */
export class Heat {
  #board;
  #sheet = document.createElement("canvas");
  #timer;
  #number = 0;

  constructor(board, changed) {
    this.#board = board;
    this.method = el("select", { id: "heat-method", "aria-label": "Heat map", onchange: changed },
      el("option", { value: "" }, "no heat map"),
      el("option", { value: "activation" }, "class activation"),
      el("option", { value: "saliency" }, "saliency"));
    this.opacity = el("input", {
      type: "range", id: "heat-opacity", min: 0, max: 100, value: 75, title: "Opacity",
      "aria-label": "Opacity of the heat map", oninput: () => this.#fade(),
    });
    this.sentence = el("p", { class: "muted", "aria-live": "polite", id: "heat-sentence" });
    this.element = el("div", { class: "heat" },
      el("div", { class: "row" }, this.method, this.opacity),
      this.sentence);
    this.#fade();
  }

  #fade() { this.#board.overlay.style.opacity = this.opacity.value / 100; }

  /** Removes the map. */
  clear() {
    clearTimeout(this.#timer);
    this.#number++;
    this.#paint();
    this.sentence.textContent = "";
  }

  /** Asks for the map of a class once the drawing rests. */
  ask(model, picture, index) {
    clearTimeout(this.#timer);
    if (!this.method.value || !model.classes.length || index === undefined) return this.clear();
    this.#timer = setTimeout(() => this.#fetch(model, picture, index), 60);
  }

  async #fetch(model, picture, index) {
    const number = ++this.#number;
    const query = new URLSearchParams({ class: index, method: this.method.value });
    const path = `/playground/draw/models/${encodeURIComponent(model.name)}/heat?${query}`;
    try {
      const heat = await api(path, picture.samples);
      if (number !== this.#number) return;
      const numbers = values(heat.map);
      this.#paint(numbers, heat.map.shape, picture.place, model.shape);
      this.sentence.textContent = sentence(heat, numbers, model, picture.place);
    } catch (error) {
      if (number === this.#number) this.clear();
      say(error.message, true);
    }
  }

  /** Draws the map where the picture is on the board. */
  #paint(numbers, shape, place, [, rows, columns] = []) {
    const { overlay } = this.#board;
    const context = overlay.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, overlay.width, overlay.height);
    overlay.dataset.heat = numbers ? "shown" : "";
    if (!numbers) return;
    paintGlow(this.#sheet, numbers, shape[0], shape[1]);
    const scale = overlay.width / side;
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(
      this.#sheet, -place.x / place.scaleX * scale, -place.y / place.scaleY * scale,
      columns / place.scaleX * scale, rows / place.scaleY * scale);
  }
}

const thirds = [["in the upper left", "at the top", "in the upper right"],
  ["on the left", "in the middle", "on the right"],
  ["in the lower left", "at the bottom", "in the lower right"]];

/** What one sees, in words: the map is counted where it is on the board, not in the picture. */
function sentence(heat, numbers, model, place) {
  const name = model.classes[heat.class];
  const [rows, columns] = heat.map.shape;
  let total = 0;
  const cells = Array(9).fill(0);
  numbers.forEach((number, i) => {
    const weight = Math.max(0, number);
    const x = ((i % columns + 0.5) * model.shape[2] / columns - place.x) / place.scaleX;
    const y = ((Math.floor(i / columns) + 0.5) * model.shape[1] / rows - place.y) / place.scaleY;
    if (Math.min(x, y) < 0 || Math.max(x, y) >= side) return;
    total += weight;
    cells[3 * Math.floor(3 * y / side) + Math.floor(3 * x / side)] += weight;
  });
  if (total === 0) {
    return `No part of the picture speaks for ${name}: the map of ${heat.method} is 0 everywhere.`;
  }
  const best = cells.indexOf(Math.max(...cells));
  const share = Math.round(100 * cells[best] / total);
  const third = thirds[Math.floor(best / 3)][best % 3];
  const where = share < 50 ? `it is spread, with ${share} % ${third}`
    : `${share} % of it is ${third}`;
  return heat.method === "saliency"
    ? `Bright pixels are those whose change would change the score of ${name} most; `
      + `${where}.`
    : `The glow (${heat.method}) marks what raises the score of ${name} `
      + `(${heat.score.toFixed(2)}); ${where}.`;
}
