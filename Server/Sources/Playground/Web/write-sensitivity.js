// How much the next prediction depends on each earlier character, for several networks.
import { el, values } from "./ui.js";
import { Scale } from "./write-colors.js";
import { shown, spoken } from "./write-text.js";

/** The most characters before the prediction. */
const reach = 100;
/** The decades of the chart. */
const decades = 8;
/** How many times more is clearly more. */
const clearly = 1.25;

/** The view “Sensitivity”. */
export function sensitivity(page) {
  const caption = el("p", { class: "write-caption", "aria-live": "polite" });
  const chart = el("div", { class: "write-chart" });
  const rows = el("div", {
    class: "write-rows", tabindex: "0", role: "group", "aria-label": "Coloured texts",
  });
  const sentences = el("ul", { class: "write-sentences" });
  const meaning = el("p");
  const scale = new Scale(-4, 0, {
    title: "of the largest gradient", format: (x) => (x === 0 ? "1" : `10${superscript(x)}`),
  });
  const root = el("div", {},
    el("p", { class: "muted" },
      "The gradient of the best next character's score by each earlier input, computed by "
      + "backpropagation through time: its norm, relative to the largest. Choose a character of "
      + "the text (click, or Enter) to see what the prediction after it depends on."),
    caption, el("div", { class: "row write-legends" }, scale.legend()),
    chart, rows, sentences, meaning);
  const state = { key: "", results: [], end: 0 };

  async function update() {
    const pieces = page.pieces();
    const at = page.chosen >= 0 ? page.chosen : pieces.length - 1;
    const part = pieces.slice(Math.max(0, at + 1 - reach), at + 1);
    const names = comparable();
    const key = JSON.stringify([part, names]);
    if (part.length < 2) {
      caption.textContent = "Choose a character with others before it.";
      page.text.paint(() => null);
      return;
    }
    if (key !== state.key) {
      state.key = "";
      const found = [];
      for (const model of names) {
        const answer = await page.ask("sensitivity", { model, text: part.join("") }, caption);
        if (!answer) return;
        found.push({ model, ...answer, logs: logarithms(values(answer.values)) });
      }
      Object.assign(state, { key, results: found });
    }
    state.end = at;
    draw();
  }

  /** The first model of each kind of layer that has the vocabulary of the chosen model. */
  function comparable() {
    const own = page.models.find(({ name }) => name === page.model);
    const same = [own, ...page.models]
      .filter(({ vocabulary }) => vocabulary.join() === own.vocabulary.join());
    return ["LSTM", "GRU", "RNN"]
      .map((kind) => same.find(({ layers }) => layers[0]?.kind === kind)?.name).filter(Boolean);
  }

  function draw() {
    const { results } = state;
    if (!results.length) return;
    const count = results[0].pieces.length;
    caption.textContent = `After ${spoken(results[0].pieces[count - 1])}: `
      + results.map(({ kind, next }) => `the ${kind} expects ${spoken(next)}`).join(", ") + ".";
    chart.replaceChildren(curves(results, count));
    rows.replaceChildren(...results.map(row));
    rows.scrollLeft = rows.scrollWidth;
    sentences.replaceChildren(...results.map((result) => el("li", {}, told(result))));
    meaning.textContent = lesson();
    paintText();
  }

  function paintText() {
    const own = state.results.find(({ model }) => model === page.model) ?? state.results[0];
    if (!own) return;
    const start = state.end + 1 - own.logs.length;
    page.text.paint((i) => (
      i >= start && i <= state.end ? scale.style(own.logs[i - start]) : null));
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
    const [width, height, left, bottom] = [Math.max(280, chart.clientWidth), 280, 40, 34];
    const x = (i) => left + ((i + 0.5) * (width - left - 8)) / count;
    const y = (log) => 8 + (Math.min(decades, -log) * (height - bottom - 8)) / decades;
    const svg = el("svg", {
      viewBox: `0 0 ${width} ${height}`, role: "img",
      "aria-label": results.map(told).join(" "),
    });
    for (let d = 0; d <= decades; d++) {
      svg.append(el("line", { x1: left, x2: width - 8, y1: y(-d), y2: y(-d), class: "grid" }),
        el("text", { x: left - 8, y: y(-d) + 4, "text-anchor": "end" },
          d % 2 ? "" : d ? `10${superscript(-d)}` : "1"));
    }
    const last = { x: width - 8, y: height - 12, "text-anchor": "end" };
    svg.append(el("text", last, "last"));
    const step = count > 60 ? 20 : count > 30 ? 10 : 5;
    for (let back = step; back < count; back += step) {
      const place = { ...last, x: x(count - 1 - back), "text-anchor": "middle" };
      svg.append(el("text", place, `−${back}`));
    }
    for (const { kind, logs } of results) {
      svg.append(el("polyline", {
        class: `curve ${kind}`,
        points: logs.map((log, i) => `${x(i).toFixed(1)},${y(log).toFixed(1)}`).join(" "),
      }));
    }
    results.forEach(({ kind }, index) => {
      const px = left + 12 + index * 88;
      svg.append(el("line", { x1: px, x2: px + 28, y1: 20, y2: 20, class: `curve ${kind}` }),
        el("text", { x: px + 34, y: 24, class: "name" }, kind));
    });
    return svg;
  }

  function told({ model, kind, logs }) {
    const layers = page.models.find(({ name }) => name === model).layers.length;
    const back = distance(logs);
    const rate = decay(logs);
    return `${kind}${layers > 1 ? ` (${layers} layers)` : ""}: ${back} characters back the `
      + `gradient is ${exact(smoothed(logs, back))} of the largest`
      + (rate > 0 ? `; it shrinks tenfold every ${(1 / rate).toFixed(0)} characters.` : ".");
  }

  /** What the lines mean, and what they show here, be it what theory lets one expect or not. */
  function lesson() {
    const theory = "Each character back multiplies the gradient once more: in a plain RNN by its "
      + "recurrent weights and the slope of tanh, along the cell of an LSTM by the forget gate. "
      + "Factors below 1 make it vanish exponentially, a straight line on this axis.";
    const rnn = state.results.find(({ kind }) => kind === "RNN");
    const gated = state.results.filter((result) => result !== rnn);
    if (!rnn || !gated.length || rnn.logs.length < 20) return theory;
    const back = distance(rnn.logs);
    const left = ({ logs }) => smoothed(logs, back);
    const order = [...state.results].sort((a, b) => left(b) - left(a))
      .map((result) => `the ${result.kind} (${exact(left(result))})`);
    const longer = gated.filter((result) => left(result) - left(rnn) > Math.log10(clearly));
    const flatter = gated.filter(({ logs }) => decay(rnn.logs) > clearly * decay(logs));
    const isExpected = longer.length === gated.length && flatter.length === gated.length;
    return `${theory} Gates should thus keep clearly more than the RNN. Here, ${back} characters `
      + `back, most is left in ${order.join(", then in ")}: theory ${borneOut(longer, gated)}. `
      + `By the slopes of the whole lines it ${borneOut(flatter, gated)}.`
      + (isExpected ? "" : " Gates allow a long memory, but training decides.");
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
  return Array.from(numbers, (x) => (x > 0 ? Math.max(-12, Math.log10(x / most)) : -12));
}

/** How many characters back the networks are compared. */
const distance = (logs) => Math.min(40, logs.length - 1);

/** Whether those of the networks with gates that differ from the RNN as expected are all of them. */
function borneOut(some, all) {
  if (!some.length) return "is not borne out";
  if (some.length === all.length) return "is borne out";
  return `is borne out for the ${some.map(({ kind }) => kind).join(" and the ")} alone`;
}

/** The mean of the logarithms of five characters, the third of them `back` before the last. */
function smoothed(logs, back) {
  const at = logs.length - 1 - back;
  const part = logs.slice(Math.max(0, at - 2), at + 3);
  return part.reduce((sum, x) => sum + x, 0) / part.length;
}

/** Decades that the line falls for each character back: the slope of the best straight line. */
function decay(logs) {
  const points = logs.map((log, i) => [i, log]).filter(([, log]) => log > -12);
  const mean = (f) => points.reduce((sum, point) => sum + f(point), 0) / points.length;
  const [x, y] = [mean((point) => point[0]), mean((point) => point[1])];
  const spread = mean((point) => (point[0] - x) ** 2);
  return spread > 0 ? mean((point) => (point[0] - x) * (point[1] - y)) / spread : 0;
}

function superscript(x) {
  const digits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  return (x < 0 ? "⁻" : "") + String(Math.abs(x)).split("").map((d) => digits[d] ?? d).join("");
}

const rounded = (x) => Number(x.toPrecision(2)).toLocaleString("en");

function exact(log) {
  return log >= -1 ? (10 ** log).toFixed(2) : `1/${rounded(10 ** -log)}`;
}
