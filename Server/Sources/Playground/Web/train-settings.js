// What is chosen besides the layers: the data and the optimiser.
import { el } from "./ui.js";
import { numberBox } from "./train-number.js";

/** The names of data as the page writes them. */
export const dataNames = {
  spirals: "Spirals", circles: "Circles", xor: "XOR", gaussians: "Gaussians",
  digits: "Digits (1,000)", mnist: "MNIST (60,000)", parity: "Parity of 8 bits",
};
const optimizerNames = {
  sgd: "SGD", momentum: "SGD with momentum", nesterov: "Nesterov", adagrad: "Adagrad",
  adadelta: "Adadelta", rmsprop: "RMSProp", adam: "Adam",
};
/** What networks are made for: two kinds of data of one family suit the same layers. */
export const family = (kind) => kind === "mnist" ? "digits" : kind === "parity" ? kind
  : kind === "digits" ? kind : "cloud";
export const inputShape = { cloud: [2], digits: [1, 28, 28], parity: [8, 1] };

/** Radio buttons for the data, and its noise, with `set(data)`, `value` and `count(run)`, which
 *  shows how many examples there are. */
export function dataChoice(kinds, changed) {
  const radios = kinds.map((kind) => el("input", { type: "radio", name: "train-data", value: kind }));
  const noise = el("input", { type: "range", min: 0, max: 0.5, step: 0.05 });
  const share = el("output", {});
  const noiseRow = el("label", {}, "noise", noise, share);
  const again = el("button", { type: "button" }, "New points");
  const made = el("div", { class: "row" }, noiseRow, again);
  const counts = el("p", { class: "muted end" });
  const node = el("fieldset", {}, el("legend", {}, "Data"),
    el("div", { class: "chips" }, ...radios.map((radio) => el("label", { class: "chip" },
      radio, el("span", {}, dataNames[radio.value])))), counts, made);
  let value = { kind: kinds[0], noise: 0, seed: 1 };
  const show = () => {
    for (const radio of radios) radio.checked = radio.value === value.kind;
    noise.value = value.noise;
    share.textContent = Number(value.noise).toFixed(2);
    made.hidden = family(value.kind) !== "cloud";
  };
  const change = (part) => {
    const before = value.kind;
    value = { ...value, ...part };
    show();
    changed(before);
  };
  for (const radio of radios) {
    radio.addEventListener("change", () => change({ kind: radio.value }));
  }
  noise.addEventListener("input", () => { share.textContent = Number(noise.value).toFixed(2); });
  noise.addEventListener("change", () => change({ noise: Number(noise.value) }));
  again.addEventListener("click", () => change({ seed: value.seed % 1000000 + 1 }));
  return {
    node, get value() { return value; },
    set(data) { value = { ...data }; show(); },
    count({ trainCount, validationCount }) {
      counts.textContent = `${trainCount.toLocaleString("en")} to train on, `
        + `validated with ${validationCount.toLocaleString("en")}`;
    },
  };
}

/** Optimiser, batch size, weight decay and seed, with `set(design)` and `value`. */
export function settings(optimizers, changed) {
  const optimizer = el("select", {},
    ...optimizers.map((name) => el("option", { value: name }, optimizerNames[name] ?? name)));
  const numbers = { batch: 0, seed: 0 };
  const box = (key, name, min, max) => numberBox(
    name, { min, max }, (value) => { numbers[key] = value; }, changed);
  const batch = box("batch", "batch size", 1, 512);
  const seed = box("seed", "seed", 0, 2147483647);
  const decay = el("select", {}, ...[0, 0.0001, 0.001, 0.01, 0.1].map(
    (value) => el("option", { value }, value === 0 ? "none" : String(value))));
  for (const control of [optimizer, decay]) control.addEventListener("change", changed);
  const node = el("fieldset", { class: "settings" }, el("legend", {}, "Training"),
    el("label", {}, "optimiser", optimizer), batch.label, batch.note,
    el("label", {}, "L2 decay", decay), seed.label, seed.note);
  return {
    node,
    get value() {
      return { optimizer: optimizer.value, decay: Number(decay.value), ...numbers };
    },
    set(design) {
      optimizer.value = design.optimizer;
      Object.assign(numbers, { batch: design.batch, seed: design.seed });
      batch.set(design.batch);
      seed.set(design.seed);
      if (![...decay.options].some((option) => Number(option.value) === design.decay)) {
        decay.append(el("option", { value: design.decay }, String(design.decay)));
      }
      decay.value = String(design.decay);
    },
  };
}
