// The models of the folder side by side: what each writes after the same prompt, and which of them
// finds the text least surprising.
import { el, events, say } from "./ui.js";
import { bits, surprise } from "./write-next.js";
import { TextView } from "./write-text.js";

/** The most characters that each writes. */
const limit = 300;

/** The view “Compare”. */
export function compare(page) {
  const columns = el("div", { class: "columns write-compared" });
  const root = el("div", {},
    el("p", { class: "muted" },
      `Every model continues the same prompt with the same seed and temperature, at most ${limit} `
      + "characters, coloured by its own surprise. Below: how surprising it finds the text above."),
    el("div", { class: "row write-legends" }, surprise.legend()), columns);
  const state = { key: "", running: null, columns: [] };

  function paintText() {
    page.text.paint((i) => surprise.style(bits(page.steps, i)));
  }

  async function update() {
    paintText();
    const key = JSON.stringify([page.wish, page.key()]);
    if (key === state.key) return;
    state.key = key;
    state.running?.abort();
    state.running = new AbortController();
    columns.replaceChildren();
    state.columns = page.models.map(column);
    columns.append(...state.columns.map(({ root }) => root));
    try {
      for (const other of state.columns) await other.run(state.running.signal);
    } catch (error) {
      if (error.name !== "AbortError") say(error.message, true);
      else if (state.key === key) state.key = "";
    }
  }

  /** A model: what it writes, and its mean surprise. */
  function column({ name }) {
    const steps = [];
    const text = new TextView({});
    const result = el("p", { class: "muted" }, "waiting…");
    text.root.setAttribute("aria-label", `What ${name} writes`);
    text.paint((i) => surprise.style(bits(steps, i)));

    async function run(signal) {
      const wish = { ...page.wish, model: name, length: Math.min(page.wish.length, limit) };
      let speed = "";
      await events("playground/write/text", wish, {
        token(step) {
          steps.push(step);
          text.append(step.text, step.isPrompt);
        },
        end({ seconds }) { speed = Math.round(steps.length / seconds).toLocaleString("en"); },
      }, { signal });
      const read = [];
      await events("playground/write/text", {
        ...wish, prompt: page.pieces().join("").slice(0, 2000), length: 0,
      }, { token: (step) => read.push(step) }, { signal });
      const all = read.map((_, i) => bits(read, i)).filter((x) => x !== null);
      const mean = all.reduce((sum, x) => sum + x, 0) / Math.max(1, all.length);
      result.textContent = `The text above: ${mean.toFixed(2)} bits per character. `
        + `${speed} characters a second.`;
    }
    return { root: el("div", {}, el("h3", {}, name), text.root, result), run, text };
  }

  return {
    id: "compare", title: "Compare", root, update,
    paint() {
      paintText();
      for (const { text } of state.columns) text.paint(text.shade);
    },
    stop() { state.running?.abort(); },
  };
}
