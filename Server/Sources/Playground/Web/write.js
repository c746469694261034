// A recurrent network that writes, and what goes on in it.
import { api, el, events, say } from "./ui.js";
import { compare } from "./write-compare.js";
import { gates } from "./write-gates.js";
import { memory } from "./write-memory.js";
import { guesses } from "./write-next.js";
import { passage } from "./write-prompts.js";
import { sensitivity } from "./write-sensitivity.js";
import { TextView } from "./write-text.js";

/** What the views share: the text, its steps, and the model that wrote it. */
class Page {
  constructor() {
    this.models = [];
    this.steps = [];
    this.model = "";
    this.temperature = 0.7;
    /** The character whose prediction is looked into; -1 for the last. */
    this.chosen = -1;
    this.text = new TextView({
      oncursor: () => this.view.cursor?.(),
      onchoose: (index) => { this.chosen = index; this.view.choose?.(); },
      onmark: (text) => this.view.mark?.(text),
    });
    this.views = [guesses, gates, memory, sensitivity, compare].map((make) => make(this));
    this.view = this.views[0];
  }

  get layers() { return this.models.find(({ name }) => name === this.model)?.layers ?? []; }
  get vocabulary() {
    return this.models.find(({ name }) => name === this.model)?.vocabulary.length ?? 0;
  }
  pieces() { return this.steps.map(({ text }) => text); }
  key() { return `${this.model}\n${this.pieces().join("")}`; }

  /** The answer of the server; `null` after saying why there is none, also in `caption`;
   *  `undefined` if the reader has gone on to another text, view or question meanwhile. */
  async ask(path, wish, caption) {
    const question = { key: this.key(), view: this.view };
    this.question = question;
    const isOld = () => this.question !== question || this.view !== question.view
      || this.key() !== question.key;
    try {
      const answer = await api(`playground/write/${path}`, wish);
      if (isOld()) return undefined;
      say("");
      return answer;
    } catch (error) {
      if (isOld()) return undefined;
      say(error.message, true);
      caption.textContent = `No answer: ${error.message}.`;
      return null;
    }
  }
}

export async function mount(root) {
  document.head.append(el("link", { rel: "stylesheet", href: "write.css" }));
  const page = new Page();
  const catalog = await api("playground/write/models");
  page.models = catalog.models;
  if (!page.models.length) {
    root.append(el("p", {}, "The folder has no language model: one with an input of tokens, an "
      + "output of logits, and its characters in the metadata “vocabulary”."));
    return {};
  }
  const prompts = [...catalog.prompts, passage];
  const controls = form(page, prompts);
  root.append(el("div", { class: "columns write" }, controls.root,
    el("div", { class: "write-main" },
      el("div", { class: "panel" }, page.text.root), tabs(page))));
  window.addEventListener("themechange", () => page.view.paint());
  window.addEventListener("resize", () => {
    if (page.steps.length && !root.hidden) page.view.update();
  });
  controls.write();
  return {
    hide() {
      controls.stop();
      page.view.stop?.();
    },
  };
}

/** Tabs: what the colours of the text show. */
function tabs(page) {
  const list = el("div", {
    class: "write-tabs", role: "tablist", "aria-label": "What the colours show",
  });
  const panels = page.views.map((view) => el("div", {
    role: "tabpanel", id: `write-panel-${view.id}`, "aria-labelledby": `write-tab-${view.id}`,
  }, view.root));
  const buttons = page.views.map((view, index) => el("button", {
    type: "button", role: "tab", id: `write-tab-${view.id}`,
    "aria-controls": `write-panel-${view.id}`,
    onclick: () => open(index),
    onkeydown: (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      open((index + step + buttons.length) % buttons.length);
      event.preventDefault();
    },
  }, view.title));

  function open(index) {
    page.view = page.views[index];
    buttons.forEach((button, i) => {
      button.setAttribute("aria-selected", i === index ? "true" : "false");
      button.tabIndex = i === index ? 0 : -1;
      panels[i].hidden = i !== index;
    });
    if (buttons.includes(document.activeElement)) buttons[index].focus();
    if (page.steps.length) page.view.update();
  }

  list.append(...buttons);
  open(0);
  return el("div", { class: "panel write-views" }, list, ...panels);
}

/** The controls of the writing. */
function form(page, prompts) {
  const model = el("select", { id: "write-model", onchange: write },
    ...page.models.map(({ name, layers }) => el("option", { value: name },
      `${name}${layers.length ? ` (${layers.map(({ kind }) => kind).join(", ")})` : ""}`)));
  if (page.models.some(({ name }) => name === "char_lstm")) model.value = "char_lstm";
  const prompt = el("textarea", { id: "write-prompt", rows: "3", spellcheck: "false" });
  const preset = el("select", { id: "write-preset", onchange: begin },
    ...prompts.map(({ name }, index) => el("option", { value: index }, name)),
    el("option", { value: "", hidden: true }, "my own"));
  prompt.addEventListener("input", () => {
    const index = prompts.findIndex(({ text }) => text === prompt.value);
    preset.value = index < 0 ? "" : index;
  });
  const temperature = slider("write-temperature", "Temperature", 0, 2, 0.05, 0.7,
    (x) => (x === 0 ? "0: the likeliest" : x.toFixed(2)));
  const length = slider("write-length", "Length", 0, 1000, 10, 300,
    (x) => (x === 0 ? "0: only read" : String(x)));
  const seed = el("input", {
    id: "write-seed", type: "number", min: "0", step: "1", value: "1", class: "write-number",
  });
  const dice = el("button", {
    type: "button", title: "Another seed", "aria-label": "Another seed",
    onclick: () => { seed.value = Math.floor(Math.random() * 10000); write(); },
  }, "⚄");
  const start = el("button", { type: "submit", class: "primary", id: "write-start" }, "Write");
  const stopButton = el("button", {
    type: "button", id: "write-stop", disabled: true, onclick: stop,
  }, "Stop");
  const done = el("p", { class: "muted", id: "write-done", "aria-live": "polite" });
  const presetIndex = Math.max(0, prompts.findIndex(({ name }) => name === "romeo"));
  preset.value = presetIndex;
  let running = null;

  function fill({ text, length: count }) {
    prompt.value = text;
    if (count !== undefined) length.set(count);
    else if (length.value === 0) length.set(300);
  }

  function begin() {
    fill(prompts[preset.value]);
    write();
  }

  function tell(text, isError = false) {
    done.textContent = text;
    done.classList.toggle("error", isError);
  }

  function stop() { running?.abort(); }

  /** Makes place for a new text. */
  function clear(wish) {
    page.wish = wish;
    page.model = wish.model;
    page.temperature = wish.temperature;
    page.chosen = -1;
    page.steps = [];
    page.text.clear();
    if (page.view.isLive) page.view.paint();
    else page.text.paint(() => null);
  }

  async function write() {
    stop();
    const own = new AbortController();
    running = own;
    stopButton.disabled = false;
    tell("writing…");
    say("");
    const wish = {
      model: model.value, prompt: prompt.value, length: length.value,
      temperature: temperature.value, seed: Math.max(0, Math.floor(Number(seed.value) || 0)),
    };
    let isNew = false;
    /** The text before stays until the new one begins: there may be none. */
    const renew = () => {
      if (!isNew) clear(wish);
      isNew = true;
    };
    try {
      await events("playground/write/text", wish, {
        token(step) {
          if (running !== own) return;
          renew();
          page.steps.push(step);
          page.text.append(step.text, step.isPrompt);
        },
        end({ written, seconds }) {
          if (running !== own) return;
          renew();
          const count = page.steps.length;
          tell(`read ${count - written}, wrote ${written}: `
            + `${Math.round(count / seconds).toLocaleString("en")} characters a second`);
        },
        failure({ error }) { if (running === own) tell(`Stopped: ${error}.`, true); },
      }, { signal: own.signal });
    } catch (error) {
      if (running !== own) return;
      if (error.name === "AbortError") {
        tell(`stopped after ${isNew ? page.steps.length : 0} characters`);
      } else tell(`${isNew ? "Stopped" : "Nothing new is written"}: ${error.message}.`, true);
    }
    if (running !== own) return;
    running = null;
    stopButton.disabled = true;
    if (isNew) page.text.move(Math.max(0, page.steps.findLastIndex(({ isPrompt }) => isPrompt)));
    page.view.update();
  }

  fill(prompts[presetIndex]);
  const root = el("form", {
    class: "panel write-form", onsubmit: (event) => { event.preventDefault(); write(); },
  },
  labelled("Model", model), labelled("Begin with", preset), labelled("Prompt", prompt),
  temperature.root, length.root, labelled("Seed", seed, dice),
  el("div", { class: "row write-buttons" }, start, stopButton), done);
  return { root, write, stop };
}

function labelled(name, control, ...others) {
  return el("div", { class: `write-field ${control.localName}` },
    el("label", { for: control.id }, name), el("div", { class: "row" }, control, ...others));
}

/** A slider with its name and number. */
function slider(id, name, min, max, step, start, format) {
  const output = el("output", { for: id });
  const input = el("input", { type: "range", id, min, max, step, value: start, oninput: show });
  function show() { output.textContent = format(Number(input.value)); }
  show();
  return {
    root: el("div", { class: "write-field" },
      el("label", { for: id }, name, output), input),
    get value() { return Number(input.value); },
    set(x) { input.value = x; show(); },
  };
}
