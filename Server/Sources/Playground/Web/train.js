// The page Train: a network that trains on the server while the page shows it.
import { api, el, events, say } from "./ui.js";
import { curves, short } from "./train-curves.js";
import { cloudView } from "./train-cloud.js";
import { examplesView } from "./train-examples.js";
import { layerList } from "./train-layers.js";
import { hasWrong } from "./train-number.js";
import { dataChoice, family, inputShape, settings } from "./train-settings.js";

const base = "/playground/train";
const rates = [0.00001, 0.0001, 0.0003, 0.001, 0.002, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];
const paces = [[10, "10 steps/s"], [100, "100 steps/s"], [500, "500 steps/s"], [0, "as fast as possible"]];
const most = 1200;

export async function mount(root) {
  const link = el("link", { rel: "stylesheet", href: "train.css" });
  const styled = new Promise((done) => link.addEventListener("load", done, { once: true }));
  document.head.append(link);
  const [choices] = await Promise.all([api(`${base}/choices`), styled]);

  // What the page has.
  const start = el("button", { type: "button", class: "primary start" }, "▶ Start");
  const step = el("button", { type: "button", title: "Train on one batch" }, "Step");
  const reset = el("button", { type: "button", title: "Begin again with the first weights" }, "Reset");
  const preset = el("select", { class: "preset" },
    ...choices.presets.map(({ name }, index) => el("option", { value: index }, name)),
    el("option", { value: "", hidden: true }, "my own"));
  const rate = el("select", { class: "rate" },
    ...rates.map((value) => el("option", { value }, String(value))));
  const pace = el("select", { class: "pace" },
    ...paces.map(([value, text]) => el("option", { value }, text)));
  const figures = {};
  const figure = (key, name) => {
    figures[key] = el("dd", { class: key }, "–");
    return el("div", {}, el("dt", {}, name), figures[key]);
  };
  const problem = el("p", { class: "problem", role: "alert" });
  const bar = el("section", { class: "panel controls", "aria-label": "Training controls" },
    el("div", { class: "row" }, start, step, reset,
      el("label", {}, "example", preset), el("label", {}, "learning rate", rate),
      el("label", {}, "speed", pace)),
    el("dl", { class: "figures" },
      figure("accuracy", "validation accuracy"), figure("loss", "validation loss"),
      figure("step", "steps"), figure("epoch", "epochs"), figure("steps", "steps/s"),
      figure("examples", "examples/s")), problem);
  const data = dataChoice(choices.data, dataChanged);
  const layers = layerList(changed);
  const others = settings(choices.optimizers, changed);
  const file = el("input", { type: "file", accept: ".json,.onnx", hidden: true, id: "train-file" });
  const load = el("button", { type: "button" }, "Load…");
  const saveModel = el("a", { class: "button", download: "trained.onnx" }, "Save ONNX");
  const saveRun = el("a", { class: "button", download: "training.json" }, "Save JSON");
  const look = el("a", { class: "button", title: "The graph and its values on the page Look" },
    "Show the graph");
  const design = el("section", { class: "panel design", "aria-label": "Data and network" },
    data.node, el("fieldset", {}, el("legend", {}, "Network"), layers.node), others.node,
    el("fieldset", {}, el("legend", {}, "Save and load"),
      el("div", { class: "row" }, saveModel, saveRun, load, look, file),
      el("p", { class: "muted" },
        "Both files hold the whole run; training continues from them. Networks of ConvNetJS are",
        " loaded, too.")));
  const lossCurve = curves("Loss", "loss", "validationLoss", (x) => +x.toPrecision(2) + "");
  const accuracyCurve = curves(
    "Accuracy", "accuracy", "validationAccuracy", (x) => `${Math.round(100 * x)} %`, 1);
  const cloud = cloudView();
  const examples = examplesView((shown) => change({ shown }));
  const live = el("div", { class: "live" },
    cloud.plane,
    el("section", { class: "panel charts" }, lossCurve.node, accuracyCurve.node),
    cloud.layers, examples.node);
  root.append(el("div", { class: "training" }, bar, design, live));

  // What the page knows of the run.
  let run;
  let frame;
  let points = [];
  let stream;
  let checking = 0;
  /** Done when the server has said what it thinks of the last change. */
  let checked = Promise.resolve();

  const current = () => ({
    data: data.value, layers: layers.layers, rate: Number(rate.value), ...others.value,
  });

  /** Whether the network is one that the page cannot build anew. */
  function setFixed(value) {
    layers.isFixed = others.node.disabled = value;
  }

  function setDesign(design) {
    setFixed(false);
    data.set(design.data);
    layers.set(design.layers);
    others.set(design);
    setRate(design.rate);
  }

  /** Points are learned so fast that one would see little of it. */
  function suitPace(kind) { pace.value = family(kind) === "cloud" ? "500" : "0"; }

  function setRate(value) {
    if (![...rate.options].some((option) => Number(option.value) === value)) {
      rate.append(el("option", { value }, String(value)));
    }
    rate.value = String(value);
  }

  function usePreset(index) {
    preset.value = index;
    setDesign(choices.presets[index].design);
    suitPace(data.value.kind);
    changed();
  }

  function dataChanged(before) {
    const wanted = family(data.value.kind);
    if (wanted === family(before) && !others.node.disabled) return changed();
    const index = choices.presets.findIndex(({ design }) => family(design.data.kind) === wanted);
    const kind = data.value.kind;
    preset.value = index;
    setDesign({ ...choices.presets[index].design, data: { ...data.value, kind } });
    suitPace(kind);
    changed();
  }

  /** Something was changed: asks the server what it thinks, and begins a run of it. */
  function changed() {
    const mine = ++checking;
    if (hasWrong(design)) {
      layers.problem = "";
      return block(true);
    }
    showPreset();
    checked = check(mine);
  }

  /** Chooses the example that is like the network, or “my own”. */
  function showPreset() {
    const mine = comparable(current());
    const index = choices.presets.findIndex(({ design }) => comparable(design) === mine);
    preset.value = index < 0 ? "" : index;
  }

  async function check(mine) {
    await new Promise((done) => setTimeout(done, 150));
    if (mine !== checking) return;
    try {
      const report = await api(`${base}/check`, current());
      if (mine !== checking) return;
      layers.report(report.layers, report.problem, inputShape[family(data.value.kind)]);
      block(Boolean(report.problem));
      if (!report.problem) await create();
    } catch (error) { say(error.message, true); }
  }

  /** Lets nobody train a network that is wrong, nor go on with the one before. */
  function block(isWrong) {
    for (const button of [start, step, reset]) button.disabled = isWrong;
    if (isWrong) hide();
  }

  function hide() { if (start.dataset.running === "true") change({ isRunning: false }); }

  async function create() {
    const mine = checking;
    const description = await api(`${base}/runs`, current());
    if (mine !== checking) return remove(description.run);
    open(description);
  }

  function remove(name) { fetch(`${base}/runs/${name}`, { method: "DELETE" }).catch(() => {}); }

  function open(description) {
    stream?.abort();
    if (run) remove(run.run);
    run = description;
    points = [];
    const isCloud = Boolean(run.points);
    cloud.plane.hidden = !isCloud;
    if (!isCloud) cloud.layers.hidden = true;
    data.count(run);
    examples.node.hidden = isCloud;
    live.classList.toggle("plain", isCloud);
    if (isCloud) cloud.open(run.points);
    examples.open(run);
    saveModel.href = `${base}/runs/${run.run}/onnx`;
    saveRun.href = `${base}/runs/${run.run}/snapshot`;
    look.href = `#look/from/${encodeURIComponent(`${base}/runs/${run.run}/onnx`)}`;
    say(`${run.trainCount.toLocaleString("en")} examples to train on, `
      + `${run.validationCount.toLocaleString("en")} to validate with.`);
    setPace();
    listen(run.run);
  }

  async function listen(name) {
    stream = new AbortController();
    const { signal } = stream;
    try {
      await events(`${base}/runs/${name}/events`, undefined, { frame: show }, { signal });
      if (!signal.aborted) forget("The server has forgotten the run.");
    } catch (error) {
      if (!signal.aborted) forget(error.message);
    }
  }

  function forget(sentence) {
    run = undefined;
    showState(false);
    say(`${sentence} Start begins a new one.`, true);
  }

  function show(next) {
    if (next.replacesPoints) points = [];
    points.push(...next.points);
    if (points.length > 2 * most) points = points.filter((_, index) => index % 2);
    next.validation ??= frame?.validation;
    frame = next;
    showState(next.isRunning);
    draw();
  }

  function showState(isRunning) {
    start.textContent = isRunning ? "❚❚ Pause" : "▶ Start";
    start.dataset.running = isRunning;
    root.dataset.steps = frame?.step ?? 0;
  }

  function draw() {
    if (!frame || !run) return;
    const { validation } = frame;
    const shown = {
      accuracy: `${(100 * validation.accuracy).toFixed(1)} %`,
      loss: validation.loss < 0.001 ? validation.loss.toExponential(1) : validation.loss.toFixed(3),
      step: frame.step.toLocaleString("en"),
      epoch: frame.epoch.toFixed(1),
      steps: short(frame.stepsPerSecond), examples: short(frame.examplesPerSecond),
    };
    for (const [key, text] of Object.entries(shown)) figures[key].textContent = text;
    problem.textContent = frame.problem ?? "";
    lossCurve.update(points);
    accuracyCurve.update(points);
    if (frame.cloud) cloud.update(frame.cloud, validation.accuracy);
    else examples.update(frame);
  }

  async function change(body) {
    try {
      if (!run && others.node.disabled) throw new Error("Load the network again to train it.");
      if (!run) await create();
      await api(`${base}/runs/${run.run}/set`, body);
    } catch (error) { say(error.message, true); }
  }

  /** What a button asks for, of the network that is designed now. */
  async function press(body) {
    await checked;
    if (!start.disabled) await change(body);
  }

  const setPace = () => change({ pace: Number(pace.value) });
  start.addEventListener("click", () => press({ isRunning: start.dataset.running !== "true" }));
  step.addEventListener("click", () => press({ steps: 1 }));
  reset.addEventListener("click", () => press({ resets: true }));
  rate.addEventListener("change", () => change({ rate: Number(rate.value) }));
  pace.addEventListener("change", setPace);
  preset.addEventListener("change", () => usePreset(Number(preset.value)));
  load.addEventListener("click", () => file.click());
  file.addEventListener("change", async () => {
    if (!file.files.length) return;
    try {
      const description = await api(`${base}/load`, file.files[0]);
      checking++;
      preset.value = "";
      suitPace(description.design.data.kind);
      setDesign({ ...description.design, rate: description.rate });
      if (description.design.imported) {
        setFixed(true);
        layers.showFixed(description.kinds, description.layers);
      } else {
        showPreset();
        layers.report(description.layers, undefined, inputShape[family(data.value.kind)]);
      }
      block(false);
      open(description);
      say(`Loaded ${file.files[0].name}.`);
    } catch (error) { say(error.message, true); }
    file.value = "";
  });
  window.addEventListener("themechange", draw);
  usePreset(0);
  return { hide };
}

/** A design without its seeds and rate, as a text to compare. */
function comparable({ data, layers, optimizer, batch, decay }) {
  return JSON.stringify([data.kind, data.noise, optimizer, batch, decay,
    layers.map((layer) => Object.entries(layer).sort())]);
}
