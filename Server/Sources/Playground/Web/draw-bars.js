// The probabilities of the classes as bars that choose a class.
import { el } from "./ui.js";

/** The most bars; of more classes, the most probable are shown. */
const maxBars = 10;

/** Bars that call `chose()` when the user chooses a class. */
export class Bars {
  #bars = [];
  #pinned;
  #chose;

  constructor(chose) {
    this.#chose = chose;
    this.title = el("p", { class: "verdict", id: "verdict" });
    this.list = el("div", { class: "bars", role: "group",
      "aria-label": "Classes; press one to see its heat map" });
  }

  /** Shows the classes of a model. */
  become(classes) {
    this.classes = classes;
    this.#pinned = undefined;
    this.#bars = Array.from({ length: Math.min(classes.length, maxBars) }, () => {
      const bar = { name: el("b"), fill: el("i"), percent: el("span") };
      bar.button = el("button", { type: "button", class: "bar", onclick: () => this.#press(bar) },
        bar.name, el("span", { class: "track" }, bar.fill), bar.percent);
      return bar;
    });
    this.list.replaceChildren(...this.#bars.map((bar) => bar.button));
    this.show([], true);
  }

  /** The class whose heat map is wanted: the one pressed, or the most probable. */
  get chosen() { return this.#pinned ?? this.best; }

  /** Shows probabilities. */
  show(numbers, isEmpty) {
    const order = this.classes.map((_, index) => index);
    if (order.length > maxBars) order.sort((a, b) => numbers[b] - numbers[a]);
    this.best = numbers.length ? numbers.indexOf(Math.max(...numbers)) : undefined;
    this.#bars.forEach((bar, i) => {
      const index = bar.index = order[i];
      const x = isEmpty ? 0 : numbers[index] ?? 0;
      const percent = `${(100 * x).toFixed(x > 0.9995 || x < 0.0005 ? 0 : 1)} %`;
      bar.name.textContent = this.classes[index];
      bar.fill.style.transform = `scaleX(${x})`;
      bar.percent.textContent = isEmpty ? "" : percent;
      bar.button.classList.toggle("best", !isEmpty && index === this.best);
      bar.button.setAttribute("aria-pressed", String(index === this.#pinned));
    });
    const isSure = numbers[this.best] > 0.8;
    this.sentence = !this.classes.length ? "The model gives a picture, not classes."
      : isEmpty ? "An empty picture."
        : `${isSure ? "It is" : "Perhaps"} ${withArticle(this.classes[this.best])}.`;
    this.title.textContent = this.sentence;
  }

  #press({ index }) {
    this.#pinned = this.#pinned === index ? undefined : index;
    for (const bar of this.#bars) {
      bar.button.setAttribute("aria-pressed", String(bar.index === this.#pinned));
    }
    this.#chose();
  }
}

function withArticle(name) { return `${/^[aeio8]/.test(name) ? "an" : "a"} ${name}`; }
