// Filters, the maps of one example, mistakes and the confusion matrix.
import { el } from "./ui.js";
import { paintPicture, tileRow } from "./train-tiles.js";

const percent = (share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;

/** The names of layers as the page writes them. */
export const layerNames = {
  convolution: "convolution", maxPool: "max pool", averagePool: "average pool", dense: "dense",
  relu: "ReLU", leakyRelu: "leaky ReLU", tanh: "tanh", sigmoid: "sigmoid", maxout: "maxout",
  dropout: "dropout", normalization: "batch normalization", rnn: "RNN", lstm: "LSTM", gru: "GRU",
};

/** The sizes of what a layer computes. */
function sizes({ kind, tiles: { shape } }) {
  return ["rnn", "lstm", "gru"].includes(kind)
    ? `${shape[0]} steps, downwards, of ${shape[1]} units` : shape.join(" × ");
}

/** A view with `open(description)` and `update(frame)`; `show(example)` asks for another one. */
export function examplesView(show) {
  const picture = el("canvas", { class: "digit", role: "img" });
  const text = el("p", { class: "bits" });
  const answer = el("p", {});
  const bars = el("div", { class: "bars" });
  const layers = el("div", { class: "layers" });
  const filters = el("div", {});
  const filtersTitle = el("h2", {}, "Filters");
  const mistakes = el("div", { class: "mistakes" });
  const mistakesTitle = el("h2", {}, "Mistakes");
  const mistakesHint = el("p", { class: "muted" }, "Validation examples that the network takes for",
    " another class, the surest first. Choose one to see its layers.");
  const confusion = el("div", { class: "confusion" });
  const previous = el("button", { type: "button", "aria-label": "the example before" }, "‹");
  const next = el("button", { type: "button", "aria-label": "the next example" }, "›");
  const node = el("div", { class: "examples columns" },
    el("section", { class: "panel" },
      el("h2", {}, "One example, layer by layer"),
      el("div", { class: "row example" },
        el("div", {}, picture, text, el("div", { class: "row" }, previous, next)),
        el("div", { class: "answer" }, answer, bars)),
      layers),
    el("div", { class: "columns" },
      el("section", { class: "panel" }, filtersTitle, filters),
      el("section", { class: "panel" },
        mistakesTitle,
        mistakesHint, mistakes),
      el("section", { class: "panel" }, el("h2", {}, "Confusion matrix"), confusion)));
  let [run, shown, seen, filterRow, layerRows] = [{}, 0, "", undefined, []];
  const step = (by) => show((shown + by + run.validationCount) % run.validationCount);
  previous.addEventListener("click", () => step(-1));
  next.addEventListener("click", () => step(1));

  function open(description) {
    run = description;
    [seen, filterRow, layerRows] = ["", undefined, []];
    for (const part of [layers, filters, mistakes, confusion, bars]) part.replaceChildren();
    confusion.append(confusionTable());
    bars.append(...run.classes.map((name) => el("div", { class: "bar" },
      el("span", {}, name), el("span", { class: "track" }, el("span", { class: "fill" })),
      el("span", { class: "value" }))));
  }

  function updateShown(view) {
    shown = view.example;
    const key = `${view.example} ${document.documentElement.dataset.theme}`;
    if (key !== seen) {
      seen = key;
      picture.hidden = !view.picture;
      if (view.picture) paintPicture(picture, view.picture);
      picture.setAttribute("aria-label", `validation example ${shown}: ${run.classes[view.label]}`);
      text.textContent = view.text ?? "";
    }
    const best = view.probabilities.indexOf(Math.max(...view.probabilities));
    answer.replaceChildren(`Is ${run.classes[view.label]}, taken for `,
      el("strong", {}, run.classes[best]), best === view.label ? " ✓" : " ✗");
    view.probabilities.forEach((share, index) => {
      const bar = bars.children[index];
      bar.classList.toggle("is", index === view.label);
      bar.children[1].firstChild.style.width = `${100 * share}%`;
      bar.children[2].textContent = percent(share);
    });
    view.layers.forEach((layer, index) => {
      const name = `Layer ${layer.layer + 1}, ${layerNames[layer.kind] ?? layer.kind}`;
      if (!layerRows[index]) {
        layerRows[index] = tileRow(name);
        layers.append(
          el("h3", {}, name, el("span", { class: "muted" }, ` ${sizes(layer)}`)),
          layerRows[index].node);
      }
      layerRows[index].update(layer.tiles);
    });
  }

  function updateFilters(view) {
    if (!filterRow) {
      const [kind, position] = [layerNames[view.kind] ?? view.kind, view.layer + 1];
      filtersTitle.textContent = view.kind === "convolution"
        ? `Filters of layer ${position}` : `Weights of layer ${position}, ${kind}`;
      filterRow = tileRow(filtersTitle.textContent);
      filterRow.node.classList.add("filters");
      filters.append(filterRow.node);
    }
    filterRow.update(view.tiles);
  }

  function updateMistakes(view) {
    const wrong = Math.round((1 - view.accuracy) * view.count);
    mistakesTitle.textContent = `Mistakes: ${wrong} of ${view.count}`;
    mistakesHint.hidden = wrong === 0;
    // The buttons stay the same, so that the focus does.
    while (mistakes.children.length > view.mistakes.length) mistakes.lastChild.remove();
    while (mistakes.children.length < view.mistakes.length) mistakes.append(mistakeButton());
    view.mistakes.forEach((mistake, index) => {
      const button = mistakes.children[index];
      const [is, seems] = [run.classes[mistake.label], run.classes[mistake.predicted]];
      const [canvas, bits, caption] = button.children;
      button.dataset.example = mistake.example;
      button.title = `${percent(mistake.probability)} sure`;
      button.setAttribute("aria-label",
        `${is} taken for ${seems}, ${percent(mistake.probability)}: show its layers`);
      canvas.hidden = !mistake.picture;
      if (mistake.picture) paintPicture(canvas, mistake.picture);
      bits.textContent = mistake.text ?? "";
      caption.textContent = `${is} → ${seems}`;
    });
  }

  function mistakeButton() {
    const button = el("button", { type: "button" },
      el("canvas", { "aria-hidden": "true" }), el("span", { class: "bits" }), el("span", {}));
    button.addEventListener("click", () => show(Number(button.dataset.example)));
    return button;
  }

  function confusionTable() {
    const head = el("tr", {}, el("th", { scope: "col" }, "is \\ taken for"),
      ...run.classes.map((name) => el("th", { scope: "col" }, name)));
    return el("table", {}, el("tbody", {}, head, ...run.classes.map((name) => el("tr", {},
      el("th", { scope: "row" }, name), ...run.classes.map(() => el("td", {}))))));
  }

  function updateConfusion(view) {
    const n = run.classes.length;
    const most = Math.max(1, ...view.confusion);
    confusion.querySelectorAll("td").forEach((cell, index) => {
      const count = view.confusion[index];
      const tint = index % n === Math.floor(index / n) ? "--negative" : "--positive";
      cell.textContent = count ? String(count) : "";
      cell.style.background = count
        ? `color-mix(in srgb, var(${tint}) ${55 * Math.sqrt(count / most)}%, transparent)` : "";
    });
  }

  function update(frame) {
    if (frame.shown) updateShown(frame.shown);
    if (frame.filters) updateFilters(frame.filters);
    if (frame.validation) {
      updateMistakes(frame.validation);
      updateConfusion(frame.validation);
    }
  }
  return { node, open, update };
}
