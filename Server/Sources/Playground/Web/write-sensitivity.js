// How much the next prediction depends on each earlier character, for several networks.
import { el, values } from "./ui.js";
import { Scale } from "./write-colors.js";
import { shown, spoken } from "./write-text.js";

/** The most characters before the prediction. */
const window = 100;
/** The decades of the chart. */
const decades = 6;

/** The view “Sensitivity”. */
export function sensitivity(page) {
  const caption = el("p", { class: "write-caption", "aria-live": "polite" });
  const chart = el("div", { class: "write-chart" });
  const rows = el("div", { class: "write-rows", tabindex: "0", role: "group", "aria-label": "Coloured texts" });
  const sentences = el("ul", { class: "write-sentences" });
  const scale = new Scale(-4, 0, {
    title: "of the largest gradient", format: (x) => (x === 0 ? "1" : `10${superscript(x)}`),
  });
  const root = el("div", {},
    el("p", { class: "muted" },
      "The gradient of the best next character's score by each earlier input, computed by "
      + "backpropagation through time: its norm, relative to the largest. Choose a character of the "
      + "text (click, or Enter) to see what the prediction after it depends on."),
    caption, el("div", { class: "row write-legends" }, scale.legend()),
    chart, rows, sentences);
  const state = { key: "", results: [], end: 0 };

  async function update() {
    const pieces = page.pieces();
    const at = page.chosen >= 0 ? page.chosen : pieces.length - 1;
    const part = pieces.slice(Math.max(0, at + 1 - window), at + 1);
    const names = comparable();
    const key = JSON.stringify([part, names]);
    state.end = at;
    if (part.length < 2) {
      caption.textContent = "Choose a character with others before it.";
      return;
    }
    if (key !== state.key) {
      state.key = key;
      const found = [];
      for (const model of names) {
        const answer = await page.ask("sensitivity", { model, text: part.join("") });
        if (!answer || state.key !== key) return;
        found.push({ model, ...answer, logs: logarithms(values(answer.values)) });
      }
      state.results = found;
    }
    draw();
  }

  /** The chosen model first, then the others of the same vocabulary, at most one of each kind. */
  function comparable() {
    const own = page.models.find(({ name }) => name === page.model);
    const kinds = new Set();
    return [own, ...page.models].filter((model) => {
      const kind = model.layers[0]?.kind;
      if (!kind || kinds.has(kind) || model.vocabulary.join() !== own.vocabulary.join()) return false;
      return kinds.add(kind);
    }).map(({ name }) => name)
      .sort((a, b) => order(a) - order(b));
  }

  const order = (name) => ["LSTM", "GRU", "RNN"]
    .indexOf(page.models.find((model) => model.name === name).layers[0].kind);

  function draw() {
    const { results } = state;
    if (!results.length) return;
    const count = results[0].pieces.length;
    caption.textContent = `After ${spoken(results[0].pieces[count - 1])}: `
      + results.map(({ kind, next }) => `the ${kind} expects ${spoken(next)}`).join(", ") + ".";
    chart.replaceChildren(curves(results, count));
    rows.replaceChildren(...results.map(row));
    rows.scrollLeft = rows.scrollWidth;
    sentences.replaceChildren(...results.map((result) => el("li", {}, told(result))), el("li", {}, lesson()));
    paintText();
  }

  function paintText() {
    const own = state.results.find(({ model }) => model === page.model) ?? state.results[0];
    if (!own) return;
    const start = state.end + 1 - own.logs.length;
    page.text.paint((i) => (i >= start && i <= state.end ? scale.style(own.logs[i - start]) : null));
  }

  function row({ kind, pieces, logs }) {
    return el("div", { class: "write-row" }, el("b", {}, kind),
      el("span", { class: "write-row-text" }, ...pieces.map((piece, i) => {
        const cell = el("span", {
          class: "cell", title: `${spoken(piece)}: ${exact(logs[i])}`,
        }, shown(piece));
        Object.assign(cell.style, scale.style(logs[i]));
        return cell;
      })));
  }

  /** Logarithms of the norms on axes: a line for each network. */
  function curves(results, count) {
    const [width, height, left, bottom] = [960, 260, 56, 34];
    const x = (i) => left + ((i + 0.5) * (width - left - 64)) / count;
    const y = (log) => 8 + (Math.min(decades, -log) * (height - bottom - 8)) / decades;
    const svg = el("svg", {
      viewBox: `0 0 ${width} ${height}`, role: "img",
      "aria-label": results.map(told).join(" "),
    });
    for (let d = 0; d <= decades; d++) {
      svg.append(el("line", { x1: left, x2: width - 64, y1: y(-d), y2: y(-d), class: "grid" }),
        el("text", { x: left - 8, y: y(-d) + 4, "text-anchor": "end" }, d ? `10${superscript(-d)}` : "1"));
    }
    for (let back = 0; back < count; back += count > 60 ? 20 : 10) {
      svg.append(el("text", { x: x(count - 1 - back), y: height - 12, "text-anchor": "middle" },
        back ? `−${back}` : "last"));
    }
    const ends = [];
    for (const { kind, logs } of results) {
      const line = el("polyline", {
        class: `curve ${kind}`, points: logs.map((log, i) => `${x(i).toFixed(1)},${y(log).toFixed(1)}`).join(" "),
      });
      let at = y(smoothed(logs, 0));
      for (const other of ends) if (Math.abs(other - at) < 16) at = other + (at < other ? -16 : 16);
      ends.push(at);
      svg.append(line);
    }
    results.forEach(({ kind }, index) => {
      const px = left + 12 + index * 84;
      svg.append(el("line", { x1: px, x2: px + 28, y1: 20, y2: 20, class: `curve ${kind}` }),
        el("text", { x: px + 34, y: 24, class: "name" }, kind));
    });
    return svg;
  }

  function told({ kind, logs }) {
    const count = logs.length;
    const reach = distance(logs, -2);
    const start = smoothed(logs, 0);
    return `${kind}: ${reach === null
      ? `stays above a hundredth over all ${count} characters`
      : `falls below a hundredth ${reach} characters back`}; at the first of ${count} characters it is `
      + `${exact(start)} of the largest.`;
  }

  function lesson() {
    const { results } = state;
    const [lstm, rnn] = ["LSTM", "RNN"].map((kind) => results.find((result) => result.kind === kind));
    if (!lstm || !rnn) return "Each step back multiplies the gradient once more by the layer's Jacobian.";
    const [a, b] = [smoothed(lstm.logs, 0), smoothed(rnn.logs, 0)];
    const factor = Math.abs(a - b);
    const times = factor < 0.3 ? "about as much as" : `${rounded(10 ** factor)} times ${a > b ? "more" : "less"} than`;
    return "Each step back multiplies the gradient of a plain RNN by its recurrent weights and the "
      + "slope of tanh, so that it vanishes exponentially; the cell of an LSTM is carried on by its "
      + `forget gate instead. Here the first character still counts ${times} in the LSTM compared `
      + "with the RNN, each relative to its own largest.";
  }

  return {
    id: "sensitivity", title: "Sensitivity", root, update,
    paint: draw,
    choose: update,
  };
}

/** Base-10 logarithms relative to the largest; -12 for zeros. */
function logarithms(numbers) {
  const most = Math.max(...numbers);
  return Array.from(numbers, (x) => (x > 0 && most > 0 ? Math.max(-12, Math.log10(x / most)) : -12));
}

/** The mean of the logarithms of five characters from `start` on. */
function smoothed(logs, start) {
  const part = logs.slice(start, start + 5);
  return part.reduce((sum, x) => sum + x, 0) / part.length;
}

/** How many characters back all earlier ones stay below a threshold; `null` for never. */
function distance(logs, threshold) {
  let first = logs.findIndex((log) => log >= threshold);
  if (first < 0) first = logs.length - 1;
  return first === 0 ? null : logs.length - first;
}

function superscript(x) {
  const digits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  return (x < 0 ? "⁻" : "") + String(Math.abs(x)).split("").map((d) => digits[d] ?? d).join("");
}

const rounded = (x) => Number(x.toPrecision(2)).toLocaleString("en");

function exact(log) {
  return log >= -1 ? (10 ** log).toFixed(2) : `1/${rounded(10 ** -log)}`;
}
