// What the model expected: the five likeliest next characters below each character.
import { el } from "./ui.js";
import { Scale } from "./write-colors.js";
import { shown, spoken } from "./write-text.js";

const percent = (x) => `${x > 0 && x < 0.1 ? (100 * x).toFixed(1) : Math.round(100 * x)} %`;
export const surprise = new Scale(0, 8, { title: "surprise in bits", format: (x) => `${x}` });
const probable = new Scale(0, 1, { title: "probability", format: percent });

/** How surprising a model found a character, in bits; `null` for the first. */
export function bits(steps, i) {
  const p = steps[i]?.probability;
  return p == null ? null : -Math.log2(Math.max(p, 1e-12));
}

/** The view “Guesses”. */
export function guesses(page) {
  const strip = el("div", {
    class: "write-strip", role: "img",
    "aria-label": "The five likeliest next characters below each character of a part of the text",
  });
  const caption = el("p", { class: "write-caption", "aria-live": "polite" });
  const bars = el("table", { class: "write-bars" });
  const total = el("p", { class: "muted" });
  const legends = el("div", { class: "row write-legends" }, surprise.legend(), probable.legend());
  const root = el("div", {},
    el("p", { class: "muted" },
      "The text is coloured by surprise: how unlikely the model found each character before it "
      + "read it. Below each character of the strip stand the five that the model thought likeliest "
      + "to come next; the one that came has a frame."),
    legends, strip,
    el("div", { class: "columns write-detail" }, el("div", {}, caption, bars), total));
  let first = 0;

  function column(i) {
    const step = page.steps[i];
    const came = page.steps[i + 1]?.text;
    const cells = step.next.map((guess) => {
      const cell = el("span", { class: "cell" }, shown(guess.text));
      Object.assign(cell.style, probable.style(guess.probability));
      if (guess.text === came) cell.classList.add("came");
      return cell;
    });
    const head = el("span", { class: "cell head" }, shown(step.text));
    if (step.isPrompt) head.classList.add("prompt");
    return el("span", {
      class: i === page.text.cursor ? "column cursor" : "column",
      onpointerenter: () => page.text.move(i),
    }, head, ...cells);
  }

  function drawStrip() {
    const count = Math.max(8, Math.floor(strip.clientWidth / 25.6));
    const at = Math.max(page.text.cursor, 0);
    if (at < first || at >= first + count) first = at - Math.floor(count / 3);
    first = Math.max(0, Math.min(first, page.steps.length - count));
    const last = Math.min(first + count, page.steps.length);
    strip.replaceChildren();
    for (let i = first; i < last; i++) strip.append(column(i));
  }

  function drawDetail() {
    const step = page.steps[page.text.cursor];
    bars.replaceChildren();
    caption.textContent = "";
    if (!step) return;
    const came = page.steps[page.text.cursor + 1];
    caption.textContent = `After ${spoken(step.text)}`
      + (came ? ` came ${spoken(came.text)}, with probability ${percent(came.probability)}.` : ":");
    bars.append(el("tr", {}, ...["next", "model", `at temperature ${page.temperature}`]
      .map((title) => el("th", { scope: "col" }, title))));
    for (const guess of step.next) {
      bars.append(el("tr", { class: guess.text === came?.text ? "came" : "" },
        el("th", { scope: "row" }, shown(guess.text)),
        bar(guess.probability), bar(guess.chance)));
    }
  }

  function bar(x) {
    const fill = el("span", { class: "fill" });
    fill.style.width = `${(100 * x).toFixed(2)}%`;
    return el("td", {}, el("span", { class: "track" }, fill), el("span", {}, percent(x)));
  }

  function drawTotal() {
    const parts = [["read", true], ["written", false]].map(([name, isPrompt]) => {
      const all = page.steps.map((_, i) => bits(page.steps, i))
        .filter((x, i) => x !== null && page.steps[i].isPrompt === isPrompt);
      const mean = all.reduce((sum, x) => sum + x, 0) / all.length;
      return all.length ? `${mean.toFixed(2)} bits per character ${name}` : null;
    }).filter(Boolean);
    total.textContent = parts.length
      ? `Mean surprise: ${parts.join(", ")}. A uniform guess among ${page.vocabulary} characters `
        + `would need ${Math.log2(page.vocabulary).toFixed(2)}.`
      : "";
  }

  return {
    id: "next", title: "Guesses", root,
    isLive: true,
    paint: () => page.text.paint((i) => surprise.style(bits(page.steps, i))),
    update() {
      this.paint();
      drawStrip();
      drawDetail();
      drawTotal();
    },
    cursor() {
      drawStrip();
      drawDetail();
    },
  };
}
