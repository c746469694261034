// A unit whose state follows something in the text, found by correlation.
import { el, values } from "./ui.js";
import { gateScale, number } from "./write-colors.js";
import { spoken } from "./write-text.js";

/** The fewest and the most characters that the server searches. */
const limits = [40, 2000];

/** What a unit may follow: the server's name, the name on the page, and the name in a sentence. */
const features = [
  ["linePosition", "position in the line", "the position in the line"],
  ["lineEnd", "line ends", "line ends"],
  ["speaker", "names of speakers", "names of speakers"],
  ["capital", "capital letters", "capital letters"],
  ["space", "spaces", "spaces"],
  ["vowel", "vowels", "vowels"],
  ["wordPosition", "position in the word", "the position in the word"],
  ["quotes", "quotations", "quotations"],
  ["brackets", "depth of brackets", "the depth of brackets"],
  ["substring", "a text that you mark", "the marked text"],
];

const signed = (x) => (x < 0 ? "−" : "+") + Math.abs(x).toFixed(2);

/** The weaker of a unit's two correlations; 0 if they have different signs. */
const agreement = ({ first, second }) => (
  first * second > 0 ? Math.min(Math.abs(first), Math.abs(second)) : 0);

/** The view “Memory”. */
export function memory(page) {
  const feature = el("select", { id: "write-feature", onchange: pickFeature },
    ...features.map(([value, name]) => el("option", { value }, name)));
  const marked = el("input", { maxlength: "60", spellcheck: "false", size: "16" });
  const markedLabel = el("label", {}, "Marked text", marked);
  const find = el("button", { type: "button", id: "write-find", onclick: search }, "Find a unit");
  const verdict = el("p", { class: "write-caption", "aria-live": "polite" });
  const legend = el("div");
  const list = el("table", { class: "write-units" });
  const chart = el("div", { class: "write-chart" });
  const here = el("p", { class: "muted write-here" });
  const results = el("div", { class: "columns write-found", hidden: true },
    el("div", {}, legend, here, chart), list);
  const root = el("div", {},
    el("p", { class: "muted" },
      "Does a unit keep track of something? Choose what, or mark a few characters of the text. The "
      + "server correlates the state of every unit with it. Units are ranked by the first half of "
      + "the text; the second half, which had no part in the choice, shows whether that holds."),
    el("div", { class: "row" }, el("label", {}, "Follow", feature), markedLabel, find),
    verdict, results);
  const state = { answer: null, chosen: 0, numbers: [], key: "", what: "", timer: 0 };

  function pickFeature() {
    offer();
    if (feature.value !== "substring") search();
    else marked.focus();
  }

  function offer() {
    markedLabel.hidden = feature.value !== "substring";
  }

  async function search() {
    const text = page.pieces().slice(0, limits[1]).join("");
    const wish = {
      model: page.model, text, feature: feature.value,
      substring: feature.value === "substring" ? marked.value : undefined,
    };
    clearTimeout(state.timer);
    const [, , what] = features.find(([value]) => value === feature.value);
    state.key = "";
    verdict.textContent = "searching…";
    const answer = await page.ask("neurons", wish, verdict);
    if (answer === undefined) return;
    state.key = page.key();
    state.answer = answer;
    if (!answer) {
      results.hidden = true;
      page.text.paint(() => null);
      return;
    }
    Object.assign(state, { chosen: 0, what });
    state.numbers = answer.units.map((unit) => values(unit.values));
    draw();
  }

  /** Searches in a text that is new, and shows what was found before in others. */
  function update() {
    offer();
    const count = page.pieces().length;
    find.disabled = count < limits[0];
    if (state.key === page.key()) {
      if (state.answer) show();
      return;
    }
    Object.assign(state, { answer: null, key: page.key() });
    results.hidden = true;
    page.text.paint(() => null);
    verdict.textContent = find.disabled
      ? `The text has ${count} characters; a search needs at least ${limits[0]}.` : "";
    if (!find.disabled && feature.value !== "substring") search();
  }

  const name = (unit) => `unit ${unit.unit} (${unit.part}`
    + `${page.layers.length > 1 ? ` of ${unit.layer}` : ""})`;

  function sentence() {
    const { what, answer: { units: [best], verdict, candidates } } = state;
    const found = `${name(best)}, the best of ${candidates} states: correlation `
      + `${signed(best.first)} in the first half, ${signed(best.second)} in the second`;
    const steady = steadiest();
    const other = steady > 0
      ? ` In both halves ${name(state.answer.units[steady])} (✓) holds best: a longer text decides `
        + "better." : "";
    if (verdict === "follows") return `Found: ${found}. It follows ${what}.${other}`;
    if (verdict === "partly") return `Partly: ${found}. It follows ${what} loosely.${other}`;
    return `None: no unit alone follows ${what} in this text. The closest was ${found}, which does `
      + `not hold up.${other}`;
  }

  /** The unit that holds best in both halves; -1 if none does. */
  function steadiest() {
    const held = state.answer.units.map(agreement);
    const most = Math.max(...held);
    return most >= 0.3 ? held.indexOf(most) : -1;
  }

  function draw() {
    verdict.textContent = sentence();
    results.hidden = false;
    const steady = steadiest();
    list.replaceChildren(el("caption", { class: "muted" },
      `Correlation with the feature${steady < 0 ? "" : "; ✓: holds best in both halves"}`),
      el("tr", {}, ...["unit", "1st half", "2nd half"]
        .map((title) => el("th", { scope: "col" }, title))),
      ...state.answer.units.map((unit, index) => el("tr", {},
        el("th", { scope: "row" }, el("button", {
          type: "button", "aria-pressed": index === state.chosen ? "true" : "false",
          onclick: () => pick(index),
        }, `${unit.letter} ${unit.unit}`), page.layers.length > 1 ? ` ${unit.layer}` : "", index === steady ? " ✓" : ""),
        correlation(unit.first), correlation(unit.second))));
    show();
  }

  function pick(index) {
    state.chosen = index;
    draw();
    list.querySelectorAll("button")[index].focus();
  }

  function correlation(x) {
    const fill = el("span", { class: x < 0 ? "fill negative" : "fill" });
    fill.style.width = `${50 * Math.abs(x)}%`;
    fill.style[x < 0 ? "right" : "left"] = "50%";
    return el("td", {}, el("span", { class: "track two" }, fill), el("span", {}, signed(x)));
  }

  function show() {
    const { answer, chosen, numbers } = state;
    const unit = answer.units[chosen];
    const scale = gateScale(unit.letter, numbers[chosen], `${unit.part} ${unit.unit}`);
    legend.replaceChildren(scale.legend());
    const isSwitch = answer.feature.every((x) => x === 0 || x === 1);
    page.text.paint(
      (i) => (i < numbers[chosen].length ? scale.style(numbers[chosen][i]) : null),
      (i) => isSwitch && answer.feature[i] === 1);
    drawChart(isSwitch);
    cursor();
  }

  /** Two lines over the characters: the feature and the state of the unit. */
  function drawChart(isSwitch) {
    const { answer, chosen, numbers } = state;
    const count = answer.feature.length;
    const [width, height] = [Math.max(300, Math.min(900, count * 3)), 120];
    const most = Math.max(...answer.feature);
    const [low, high] = [Math.min(...numbers[chosen]), Math.max(...numbers[chosen])];
    const x = (i) => ((i + 0.5) * width) / count;
    /** The points of a line through numbers between 0 and 1. */
    const path = (f) => Array.from({ length: count }, (_, i) => (
      `${x(i).toFixed(1)},${(height - 4 - f(i) * (height - 8)).toFixed(1)}`)).join(" ");
    const middle = x(answer.half - 0.5);
    chart.replaceChildren(
      el("svg", {
        viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img",
        "aria-label": `The feature and the state of ${name(answer.units[chosen])} at ${count} `
          + "characters",
      },
      el("line", { x1: middle, x2: middle, y1: 0, y2: height, class: "half" }),
      el("polyline", { class: "feature", points: path((i) => answer.feature[i] / most) }),
      el("polyline", {
        class: "unit", points: path((i) => (numbers[chosen][i] - low) / (high - low || 1)),
      })),
      el("p", { class: "muted write-key" },
        el("span", { class: "feature" },
          isSwitch ? "feature (underlined in the text)" : `feature (0 to ${most})`),
        el("span", { class: "unit" }, `unit (${number(low)} to ${number(high)})`),
        el("span", { class: "half" }, "half of the text")));
  }

  return {
    id: "memory", title: "Memory", root, update,
    paint: update,
    mark(text) {
      marked.value = text;
      feature.value = "substring";
      offer();
      clearTimeout(state.timer);
      state.timer = setTimeout(search, 500);
    },
    cursor,
  };

  function cursor() {
    const { answer, chosen, numbers } = state;
    const at = page.text.cursor;
    if (!answer || at < 0 || at >= answer.feature.length) return;
    here.textContent = `After ${spoken(answer.pieces[at])}: unit ${number(numbers[chosen][at])}, `
      + `feature ${answer.feature[at]}.`;
  }
}
