// The gates and states of a recurrent layer as colours of the text, and a heat map of all units.
import { el, paint, values } from "./ui.js";
import { gateScale, number } from "./write-colors.js";
import { spoken } from "./write-text.js";

/** The most characters that the server looks into. */
const limit = 500;

/** The view “Gates”. */
export function gates(page) {
  const layer = el("select", { onchange: () => load() });
  const parts = el("div", {
    class: "write-choice", role: "radiogroup", "aria-label": "Gate or state",
  });
  const unit = el("input", {
    type: "number", min: "0", value: "0", class: "write-number",
    oninput: () => choose(unit.valueAsNumber),
  });
  const order = el("select", { onchange: () => draw() },
    ...["number", "mean", "change"].map((name) => el("option", { value: name }, name)));
  const legend = el("div");
  const canvas = el("canvas", { role: "img" });
  const row = el("div", { class: "write-map-row" });
  const line = el("div", { class: "write-map-line" });
  const map = el("div", {
    class: "write-map", tabindex: "0", role: "slider", "aria-orientation": "vertical",
    "aria-valuemin": "0", onkeydown: key, onpointerdown: pick,
  }, canvas, row, line);
  const caption = el("p", { class: "write-caption", "aria-live": "polite" });
  const layerLabel = el("label", {}, "Layer", layer);
  const note = el("p", { class: "muted" });
  const root = el("div", {}, note,
    el("div", { class: "row" }, layerLabel, parts, el("label", {}, "Unit", unit),
      el("label", {}, "Rows by", order)),
    el("div", { class: "row write-legends" }, legend, caption),
    el("p", { class: "muted" }, "All units, one row each; a column is a character. Click a row to "
      + "see it in the text, or use the arrow keys."),
    map);
  const state = { answer: null, numbers: [], part: 0, unit: 0, key: "", rows: [] };

  async function load() {
    const text = page.pieces().slice(0, limit).join("");
    layerLabel.hidden = page.layers.length < 2;
    if (!page.layers.some(({ name }) => name === layer.value)) {
      layer.replaceChildren(...page.layers.map(({ name }) => el("option", {}, name)));
    }
    const wish = { model: page.model, text, layer: layer.value || undefined };
    const name = JSON.stringify(wish);
    if (!text) return;
    if (name !== state.key) {
      const answer = await page.ask("gates", wish, caption);
      if (!answer) return;
      const isOther = answer.kind !== state.answer?.kind || answer.units !== state.answer?.units;
      state.key = name;
      state.answer = answer;
      state.numbers = answer.parts.map((part) => values(part.values));
      if (isOther) {
        state.part = answer.parts.findIndex(({ letter }) => ["C", "H"].includes(letter));
        const change = statistics().map((unit) => unit.change);
        state.unit = change.indexOf(Math.max(...change));
        unit.max = answer.units - 1;
        unit.value = state.unit;
      }
      offerParts();
    }
    draw();
  }

  /** The mean of each unit, and how much it changes from its mean. */
  function statistics() {
    const { units, pieces } = state.answer;
    const numbers = state.numbers[state.part];
    return Array.from({ length: units }, (_, u) => {
      let sum = 0;
      let squares = 0;
      for (let t = 0; t < pieces.length; t++) {
        const x = numbers[t * units + u];
        sum += x;
        squares += x * x;
      }
      const mean = sum / pieces.length;
      return { mean, change: squares / pieces.length - mean * mean };
    });
  }

  /** The units from the first row to the last. */
  function sorted() {
    const units = Array.from({ length: state.answer.units }, (_, u) => u);
    if (order.value === "number") return units;
    const found = statistics();
    return units.sort((a, b) => found[b][order.value] - found[a][order.value]);
  }

  function offerParts() {
    parts.replaceChildren(...state.answer.parts.map(({ letter, name }, index) => el("label", {},
      el("input", {
        type: "radio", name: "write-part", checked: index === state.part,
        onchange: () => { state.part = index; draw(); },
      }),
      el("span", {}, el("i", {}, letter), ` ${name}`))));
  }

  const value = (t) => state.numbers[state.part][t * state.answer.units + state.unit];
  const scale = () => {
    const { letter, name } = state.answer.parts[state.part];
    return gateScale(letter, state.numbers[state.part], name);
  };

  function draw() {
    const { units, pieces, kind } = state.answer;
    const colors = scale();
    note.textContent = page.pieces().length > limit
      ? `The first ${limit} characters, read by the ${kind}.` : "";
    legend.replaceChildren(colors.legend());
    state.rows = sorted();
    const numbers = new Float32Array(units * pieces.length);
    const all = state.numbers[state.part];
    state.rows.forEach((u, place) => {
      for (let t = 0; t < pieces.length; t++) {
        numbers[place * pieces.length + t] = colors.position(all[t * units + u]);
      }
    });
    paint(canvas, numbers, units, pieces.length, 1);
    map.setAttribute("aria-valuemax", units - 1);
    show();
  }

  function show() {
    const { units, pieces, parts } = state.answer;
    const { name } = parts[state.part];
    const colors = scale();
    page.text.paint((i) => (i < pieces.length ? colors.style(value(i)) : null));
    row.style.top = `${(100 * state.rows.indexOf(state.unit)) / units}%`;
    row.style.height = `${100 / units}%`;
    map.setAttribute("aria-valuenow", state.unit);
    map.setAttribute("aria-valuetext", `unit ${state.unit}`);
    map.setAttribute("aria-label", `${name} of ${units} units at ${pieces.length} characters`);
    canvas.setAttribute("aria-label", `heat map of the ${name}`);
    cursor();
  }

  function cursor() {
    if (!state.answer) return;
    const { pieces, parts } = state.answer;
    const at = page.text.cursor;
    line.hidden = at < 0 || at >= pieces.length;
    if (line.hidden) {
      caption.textContent = `Unit ${state.unit}: ${parts[state.part].name}`;
      return;
    }
    line.style.left = `${(100 * at) / pieces.length}%`;
    line.style.width = `${100 / pieces.length}%`;
    caption.textContent = `Unit ${state.unit}, ${parts[state.part].name}, `
      + `after ${spoken(pieces[at])}: ${number(value(at))}`;
  }

  function choose(wanted) {
    if (!state.answer || !Number.isInteger(wanted)) return;
    state.unit = Math.max(0, Math.min(state.answer.units - 1, wanted));
    show();
  }

  function pick(event) {
    if (!state.answer) return;
    const box = canvas.getBoundingClientRect();
    const { units, pieces } = state.answer;
    page.text.move(Math.floor(((event.clientX - box.left) / box.width) * pieces.length));
    choose(state.rows[Math.floor(((event.clientY - box.top) / box.height) * units)]);
    unit.value = state.unit;
  }

  function key(event) {
    const steps = { ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10 };
    const moves = { ArrowLeft: -1, ArrowRight: 1 };
    if (event.key in steps) {
      const place = state.rows.indexOf(state.unit) + steps[event.key];
      choose(state.rows[Math.max(0, Math.min(state.rows.length - 1, place))]);
    } else if (event.key in moves) page.text.move(page.text.cursor + moves[event.key]);
    else return;
    unit.value = state.unit;
    event.preventDefault();
  }

  return {
    id: "gates", title: "Gates", root, update: load, cursor,
    paint: () => { if (state.answer) draw(); },
  };
}
