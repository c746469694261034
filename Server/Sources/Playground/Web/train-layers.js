// The list of layers: kinds and sizes, their order, what the server says of each.
import { el } from "./ui.js";
import { layerNames } from "./train-examples.js";
import { numberBox } from "./train-number.js";

const fields = {
  convolution: { units: ["filters", 8], size: ["size", 5], stride: ["stride", 1], padding: ["padding", 2] },
  maxPool: { size: ["size", 2], stride: ["stride", 2] },
  averagePool: { size: ["size", 2], stride: ["stride", 2] },
  dense: { units: ["units", 16] },
  maxout: { units: ["pieces", 2] },
  dropout: { ratio: ["ratio", 0.25] },
  rnn: { units: ["units", 32] },
  lstm: { units: ["units", 32] },
  gru: { units: ["units", 32] },
};

/** An editor with `set(layers)`, `layers` and `report(facts, problem, input)`. */
export function layerList(changed) {
  const list = el("ol", { class: "layer-list" });
  const input = el("p", { class: "muted end" });
  const output = el("p", { class: "muted end" });
  const problem = el("p", { class: "problem", role: "alert" });
  const kind = el("select", { "aria-label": "kind of the new layer" }, ...options("dense"));
  const add = el("button", { type: "button" }, "Add layer");
  const adding = el("div", { class: "row" }, kind, add);
  const node = el("div", {}, input, list, output, problem, adding);
  let layers = [];

  add.addEventListener("click", () => {
    layers.push(standard(kind.value));
    draw(layers.length - 1, "select");
    changed();
  });

  /** Draws the rows anew and moves the focus to a control of one of them. */
  function draw(focused, selector) {
    list.replaceChildren(...layers.map(row));
    list.children[focused]?.querySelector(selector)?.focus();
  }

  function row(layer, index) {
    const name = `layer ${index + 1}`;
    const choice = el("select", { "aria-label": `kind of ${name}` }, ...options(layer.kind));
    choice.addEventListener("change", () => {
      layers[index] = standard(choice.value, layer);
      draw(index, "select");
      changed();
    });
    const move = (by, text, title) => el("button", {
      type: "button", class: "small", title, "aria-label": `${title}: ${name}`,
      disabled: index + by < 0 || index + by >= layers.length,
      onclick: () => {
        layers.splice(index + by, 0, ...layers.splice(index, 1));
        draw(index + by, `button[title="${title}"]:not(:disabled), select`);
        changed();
      },
    }, text);
    const remove = el("button", {
      type: "button", class: "small", title: "Remove", "aria-label": `Remove ${name}`,
      onclick: () => {
        layers.splice(index, 1);
        draw(Math.min(index, layers.length - 1), "select");
        changed();
      },
    }, "×");
    const boxes = Object.entries(fields[layer.kind] ?? {}).map(
      ([key, [text]]) => number(layer, key, text, name));
    return el("li", {},
      el("div", { class: "row head" }, choice, el("span", { class: "space" }),
        move(-1, "↑", "Move up"), move(1, "↓", "Move down"), remove),
      el("div", { class: "row sizes" }, ...boxes.map(({ label }) => label)),
      ...boxes.map(({ note }) => note),
      el("p", { class: "muted facts" }));
  }

  function number(layer, key, text, name) {
    const box = numberBox(text, {
      min: key === "padding" || key === "ratio" ? 0 : 1, step: key === "ratio" ? 0.05 : 1,
      "aria-label": `${text} of ${name}`,
    }, (value) => { layer[key] = value; }, changed);
    box.set(layer[key] ?? "");
    return box;
  }

  function set(all) {
    layers = structuredClone(all);
    draw();
  }

  function report(facts, wrong, shape) {
    input.textContent = `input ${shape.join(" × ")}`;
    [...list.children].forEach((row, index) => {
      row.classList.toggle("wrong", wrong?.layer === index);
      row.lastChild.textContent = facts[index] ? describe(facts[index]) : "";
    });
    const last = facts[layers.length];
    const sum = facts.reduce((sum, layer) => sum + layer.parameters, 0);
    output.textContent = last
      ? `output: dense, ${last.shape[0]} classes, softmax · ${sum.toLocaleString("en")} parameters in all`
      : "";
    problem.textContent = wrong ? wrong.sentence + advice(wrong.layer, shape) : "";
  }

  /** Where a layer that needs maps belongs, if it comes too late for pictures. */
  function advice(index, shape) {
    const first = layers.slice(0, index)
      .find(({ kind }) => ["dense", "rnn", "lstm", "gru"].includes(kind));
    const isLate = first && shape.length === 3 && fields[layers[index]?.kind]?.stride;
    return isLate ? `; place it before the first ${layerNames[first.kind]} layer` : "";
  }

  /** Shows a network that was not designed here, and lets nobody edit it. */
  function showFixed(kinds, facts) {
    layers = [];
    input.textContent = "A network of ConvNetJS. Another example begins a new one.";
    list.replaceChildren(...kinds.map((kind, index) => el("li", {},
      el("div", { class: "row head" }, layerNames[kind] ?? kind),
      el("p", { class: "muted facts" }, describe(facts[index])))));
    output.textContent = problem.textContent = "";
  }

  return {
    node, set, report, showFixed,
    get layers() { return layers; },
    set problem(sentence) { problem.textContent = sentence; },
    set isFixed(value) { adding.hidden = value; },
  };
}

function describe({ shape, parameters }) {
  const count = parameters === 1 ? "1 parameter" : `${parameters.toLocaleString("en")} parameters`;
  return `→ ${shape.join(" × ")}${parameters ? ` · ${count}` : ""}`;
}

const options = (chosen) => Object.entries(layerNames).map(
  ([kind, name]) => el("option", { value: kind, selected: kind === chosen }, name));

/** A layer of a kind, with those sizes of another layer that it has, too. */
function standard(kind, other = {}) {
  const layer = { kind };
  for (const [key, [, value]] of Object.entries(fields[kind] ?? {})) {
    layer[key] = kind === "maxout" ? value : other[key] ?? value;
  }
  return layer;
}
