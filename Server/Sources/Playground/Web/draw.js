// The page Draw: a drawing, what a network makes of it, and how.
import { api, el, say, values } from "./ui.js";
import { Board, example } from "./draw-board.js";
import { Heat } from "./draw-heat.js";
import { Network } from "./draw-network.js";
import { pictureOf } from "./draw-picture.js";
import { Unit } from "./draw-unit.js";
import { explain, fieldOf } from "./draw-windows.js";
import { Bars } from "./draw-bars.js";

const path = "/playground/draw/";

/** Builds the page. */
export async function mount(root) {
  await new Promise((resolve) => document.head.append(
    el("link", { rel: "stylesheet", href: "draw.css", onload: resolve, onerror: resolve })));
  const page = root.page = new DrawPage(root);
  await page.load();
  return { show: () => page.shown() };
}

class DrawPage {
  #isBusy = false;
  #next;
  #channel = new MessageChannel();
  #latencies = [];

  constructor(root) {
    this.board = new Board((time) => this.#changed(time));
    this.unit = new Unit();
    this.heat = new Heat(this.board, () => this.#ask());
    this.bars = new Bars(() => this.#ask());
    this.latency = el("p", { class: "muted", id: "latency",
      title: "from the event of the pen to the painted bars: the median of the last answers" });
    this.select = el("select", { id: "draw-model", onchange: () => this.#choose() });
    this.examples = el("div", { class: "row examples", role: "group", "aria-label": "Examples" });
    this.undo = el("button", { type: "button", id: "undo", onclick: () => this.board.undo() },
      "Undo");
    this.wide = el("div", { class: "scroll", tabindex: -1 });
    const file = el("input", { type: "file", id: "picture-file", accept: "image/*",
      class: "visually-hidden", onchange: () => this.#upload(file) });
    root.classList.add("draw");
    root.append(
      el("section", { class: "panel drawing", "aria-label": "Drawing" },
        this.board.element,
        el("div", { class: "row" },
          el("button", { type: "button", id: "clear", onclick: () => this.board.clear() }, "Clear"),
          this.undo,
          el("label", { class: "button", for: "picture-file" }, "Picture…"), file),
        this.examples),
      el("section", { class: "panel answer", "aria-label": "Answer" },
        el("div", { class: "verdict-row" }, this.bars.title, this.latency),
        this.bars.list, this.heat.element),
      el("section", { class: "panel network", "aria-label": "Network" },
        el("div", { class: "row" }, el("h2", {}, "Every layer"),
          el("label", {}, "Model", this.select),
          el("span", { class: "legend muted", title: "compared with the layer's largest value" },
            "negative", el("i", { class: "scale" }), "positive")),
        this.wide),
      this.unit.element);
    this.#channel.port1.onmessage = ({ data }) => this.#painted(data);
    window.addEventListener("themechange", () => this.#paint());
  }

  /** Reads the examples and the list of models, and shows one. */
  async load() {
    const [models, examples] = await Promise.all([this.#list(), api(`${path}examples`)]);
    this.examples.append(...examples.map(({ name, pixels }) => el("button", {
      type: "button", class: "example", "aria-label": `Example ${name}`,
      onclick: () => this.board.show(example(values(pixels), ...pixels.shape)),
    }, el("img", { alt: "", src: example(values(pixels), ...pixels.shape).canvas.toDataURL() }))));
    const drawable = models.filter((model) => !model.reason);
    if (!drawable.length) {
      say("No model of the folder takes a picture: float32[N,1 or 3,H,W].", true);
      return;
    }
    const small = drawable.find(({ name }) => name === "lenet5") ?? drawable[0];
    this.select.value = small.name;
    await this.#choose();
  }

  /** Reads the list of models, which may change while the server runs. */
  async #list() {
    const models = await api(`${path}models`);
    const { value } = this.select;
    this.select.replaceChildren(...models.map(({ name, reason }) =>
      el("option", { value: name, disabled: Boolean(reason), title: reason },
        reason ? `${name} – ${reason}` : name)));
    if (value) this.select.value = value;
    return models;
  }

  /** The page is visible again. */
  shown() {
    this.network?.marks.wires();
    if (this.model) this.#list().catch((error) => say(error.message, true));
  }

  async #choose() {
    try {
      const model = await api(`${path}models/${encodeURIComponent(this.select.value)}`);
      for (const step of model.steps) {
        for (const key of ["weights", "bias", "factors", "addends"]) {
          if (step[key]) step[key].numbers = values(step[key]);
        }
      }
      this.values = this.point = undefined;
      this.model = model;
      this.network = new Network(this.wide, model,
        (index, element) => this.#pointed(index, element));
      this.bars.become(model.classes);
      this.heat.element.hidden = !model.classes.length;
      this.unit.rest();
      this.board.frame();
      say("");
      this.#changed(performance.now());
    } catch (error) {
      say(error.message, true);
    }
  }

  async #upload(input) {
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    try {
      const response = await fetch(`${path}picture`, {
        method: "POST", body: file, headers: { "content-type": "application/octet-stream" },
      });
      if (!response.ok) throw new Error((await response.json()).error);
      this.board.show({ canvas: await createImageBitmap(await response.blob()) });
      say("");
    } catch (error) {
      say(error.message, true);
    }
  }

  /** Asks the server for the values of the board. Only one request is under way; of those that come
   *  up meanwhile, the last is sent. */
  async #changed(time) {
    this.undo.disabled = !this.board.canUndo;
    if (!this.model) return;
    this.#next = time;
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      while (this.#next !== undefined) {
        const start = this.#next;
        this.#next = undefined;
        await this.#run(start);
      }
    } catch (error) {
      say(error.message, true);
    } finally {
      this.#isBusy = false;
    }
  }

  async #run(start) {
    const { model } = this;
    const picture = pictureOf(this.board, model);
    const response = await fetch(`${path}models/${encodeURIComponent(model.name)}/run`, {
      method: "POST", body: picture.samples,
      headers: { "content-type": "application/octet-stream" },
    });
    if (!response.ok) throw new Error((await response.json()).error);
    const numbers = new Float32Array(await response.arrayBuffer());
    if (model !== this.model) return;
    let offset = 0;
    this.picture = picture;
    this.values = model.steps.map(({ shape }) => {
      const count = shape.reduce((a, b) => a * b);
      offset += count;
      return numbers.subarray(offset - count, offset);
    });
    this.#paint();
    requestAnimationFrame(() => this.#channel.port2.postMessage(start));
    this.#ask();
  }

  /** Notes the time from an event to what it changed on the screen. */
  #painted(start) {
    this.#latencies.push(performance.now() - start);
    if (this.#latencies.length > 25) this.#latencies.shift();
    const sorted = [...this.#latencies].sort((a, b) => a - b);
    const median = sorted[sorted.length >> 1];
    this.latency.dataset.milliseconds = median.toFixed(2);
    this.latency.textContent = `in ${median.toFixed(0)} ms`;
  }

  #paint() {
    if (!this.values) return;
    this.network.show(this.values);
    this.bars.show(this.model.classes.length ? this.values.at(-1) : [], this.board.isEmpty);
    this.board.describe(this.bars.sentence);
    if (this.point) this.#explain();
  }

  #pointed(index, element) {
    if (element === undefined || !this.values) return;
    this.point = { index, element };
    this.network.select(index, element);
    this.#explain();
  }

  #explain() {
    const { index, element } = this.point;
    const found = this.unit.show(this.model, this.values, index, element);
    this.network.marks.show(found);
    const { place } = this.picture;
    const [top, left, bottom, right] = fieldOf(this.model, index, element);
    const [height, width] = [bottom + 1 - top, right + 1 - left];
    this.board.frame(height === this.model.shape[1] && width === this.model.shape[2] ? undefined
      : [(left - place.x) / place.scaleX, (top - place.y) / place.scaleY, width / place.scaleX,
        height / place.scaleY]);
  }

  #ask() {
    if (!this.model || !this.picture) return;
    if (this.board.isEmpty) this.heat.clear();
    else this.heat.ask(this.model, this.picture, this.bars.chosen);
  }

  /** The largest difference between the arithmetic of the page and the server's values, and the
   *  number of values that were compared; for tests. */
  compare() {
    let [most, count] = [0, 0];
    this.model.steps.forEach((step, index) => {
      const size = step.shape.reduce((a, b) => a * b);
      for (let element = 0; element < size; element++) {
        const { result, value } = explain(this.model, this.values, index, element);
        if (result === undefined) continue;
        count += 1;
        most = Math.max(most, Math.abs(result - value));
      }
    });
    return { most, count };
  }
}
