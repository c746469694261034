// The page Look: the graph of a model, and its values after a run. The address names the model:
// #look/lenet5 is a served one, #look/from/PATH one that a path below /playground/ answers with.
import { api, el, say } from "./ui.js";
import { kinds } from "./look-kinds.js";
import { clipped, makeScene, pathOf } from "./look-scene.js";
import { layout } from "./look-layout.js";
import { makeView } from "./look-view.js";
import { addGestures } from "./look-keys.js";
import { boxView, modelView } from "./look-detail.js";
import { stripHeight } from "./look-draw.js";
import { runForm } from "./look-run.js";

/** Builds the page. */
export async function mount(root) {
  document.head.append(el("link", { rel: "stylesheet", href: "look.css" }));
  const names = await api("/playground/look/models");
  const state = { model: null, scene: null, selected: null, path: [], run: null, color: "kind" };

  const select = el("select", { "aria-label": "Model" }, ...names.map((name) => el("option", { value: name }, name)),
    el("option", { value: "", hidden: true }, "a file"));
  const file = el("input", { type: "file", accept: ".onnx,.onnxtxt,.json", "aria-label": "Open a model's file" });
  const search = el("input", { type: "search", placeholder: "Name or operator", "aria-label": "Search nodes", autocomplete: "off" });
  const results = el("div", { class: "panel look-results", hidden: true });
  const path = el("nav", { class: "look-path", "aria-label": "Graph" });
  const color = el("select", {}, el("option", { value: "kind" }, "kind"), el("option", { value: "time" }, "time"));
  const colorLabel = el("label", { hidden: true }, "Colour by", color);
  const simple = el("input", { type: "checkbox" });
  const simpleLabel = el("label", { title: "Without what depends on constants alone, and needless nodes" }, simple, "Simplified");
  const stage = el("div", { class: "panel look-stage" });
  const legend = el("ul", { class: "look-legend", "aria-label": "Colours" });
  const detail = el("div", { class: "panel look-detail", tabindex: -1 });
  const run = el("div", { class: "panel" });

  root.append(
    el("div", { class: "panel row look-bar" },
      el("label", {}, "Model", select), el("label", { class: "look-file" }, file, el("span", {}, "Open a file …")),
      simpleLabel, path, colorLabel, el("div", { class: "look-search" }, search, results)),
    el("div", { class: "columns look-columns" }, stage, el("div", { class: "look-side" }, run, detail)));

  const view = makeView(stage, { select: (box) => state.select(box), open: (box) => state.open(box) });
  const columns = el("button", {
    type: "button", "aria-pressed": "false", title: "A tall graph as columns beside each other",
    onclick: () => {
      state.isFolded = !state.isFolded;
      columns.setAttribute("aria-pressed", String(state.isFolded));
      showGraph();
      if (state.isFolded) view.fit();
    },
  }, "Columns");
  const tool = (label, text, onclick) => el("button", { type: "button", "aria-label": label, title: label, onclick }, text);
  stage.append(legend, el("div", { class: "look-tools" },
    tool("Zoom in", "+", () => view.zoom(1.4)), tool("Zoom out", "−", () => view.zoom(1 / 1.4)),
    tool("Show all", "Fit", () => view.fit()), columns));
  Object.assign(state, {
    select: choose, open, openGraph, search: find,
    focusDetail: () => detail.focus(),
    isConstant: (value) => state.scene.hidden.has(value),
  });
  addGestures(view, state);

  /** Shows the graph at the end of the path. */
  function showGraph(keepsPlace = false) {
    const { graph } = state.path.at(-1);
    const isMain = graph === 0;
    const shown = isMain ? state.run : null;
    const scene = makeScene(state.model, state.model.graphs[graph], shown, stripHeight);
    const before = state.scene && view.view.plan && { ...view.view };
    state.scene = scene;
    const plan = layout(scene.boxes, scene.edges, shown ? 34 : 20, state.isFolded && stage.clientWidth / stage.clientHeight);
    view.show(scene, plan, boxColor);
    if (!keepsPlace || !before) view.fit(!state.isFolded);
    choose(state.selected && scene.boxes[state.selected.index], true);
    showPath();
    showLegend();
    view.svg.setAttribute("aria-label", `Graph of ${scene.boxes.length} boxes. Arrow keys move along edges, plus and minus zoom, `
      + "0 shows all, Enter goes to the details, Shift and Enter opens a graph within a node.");
  }

  const boxColor = (box) => {
    if (state.color !== "time" || !box.node) return box.kind;
    const part = (box.time ?? 0) / state.run.longest;
    return `time-${part > 0.5 ? 3 : part > 0.15 ? 2 : part > 0.03 ? 1 : 0}`;
  };

  function choose(box, moves = false) {
    state.selected = box;
    view.select(box, moves);
    detail.replaceChildren(box ? boxView(state, box) : modelView(state));
    detail.parentElement.scrollTop = 0;
    if (moves && box) say(described(box));
  }

  /** A box in a sentence, for users of screen readers. */
  function described(box) {
    const value = state.model.values[box.node ? box.node.outputs.find((value) => value >= 0) : box.value];
    return [box.node ? box.node.op : box.role, box.node ? box.node.name : value?.name, value?.type].filter(Boolean).join(", ");
  }

  function open(box) {
    if (box.node?.graphs.length) openGraph(box.node.graphs[0], box.node);
  }

  function openGraph(graph, node) {
    state.path.push({ graph, title: `${node.name ? clipped(node.name, 16) : node.op} › ${state.model.graphs[graph].title || "graph"}` });
    state.selected = null;
    showGraph();
    view.svg.focus();
  }

  function showPath() {
    path.replaceChildren(...(state.path.length < 2 ? [] : state.path.map(({ title }, index) => el("button", {
      type: "button", "aria-current": index === state.path.length - 1 ? "true" : null,
      onclick: () => {
        state.path.length = index + 1;
        state.selected = null;
        showGraph();
      },
    }, title))));
  }

  function showLegend() {
    const used = new Set(state.scene.boxes.map((box) => box.color));
    const item = (name, text) => el("li", { class: name }, el("i"), text);
    const { longest } = state.run ?? {};
    legend.replaceChildren(...Object.entries(kinds).filter(([name]) => used.has(name)).map(([name, text]) => item(name, text)),
      ...(state.color === "time" && longest ? ["up to 3 %", "3 to 15 %", "15 to 50 %", "over 50 % of the longest"]
        .map((text, index) => item(`time-${index}`, text)) : []));
  }

  function find(text) {
    search.value = text;
    showResults();
    search.focus();
  }

  function showResults() {
    const words = search.value.trim().toLowerCase();
    const found = !words ? [] : state.scene.boxes.filter((box) =>
      `${box.node?.op ?? box.role} ${box.node?.name ?? ""} ${(box.node?.outputs ?? [box.value]).map((v) => state.model.values[v]?.name).join(" ")}`
        .toLowerCase().includes(words));
    view.mark(found);
    results.hidden = !words;
    results.replaceChildren(
      el("p", { class: "muted", role: "status" }, found.length === 1 ? "1 match" : `${found.length} matches`),
      ...found.slice(0, 50).map((box) => el("button", {
        type: "button",
        onclick: () => {
          results.hidden = true;
          choose(box, true);
          view.svg.focus({ preventScroll: true });
        },
      }, el("b", {}, box.title), ` ${box.node?.name ?? box.name}`)));
  }

  search.addEventListener("input", showResults);
  search.addEventListener("focus", () => { if (search.value) showResults(); });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") results.querySelector("button")?.click();
    if (event.key === "Escape") {
      search.value = "";
      showResults();
    }
  });
  document.addEventListener("pointerdown", (event) => {
    if (!search.parentElement.contains(event.target)) results.hidden = true;
  });

  /** Shows a model that the server has described. */
  function showModel(model) {
    Object.assign(state, { model, path: [{ graph: 0, title: clipped(model.graphs[0].title || "main", 20) }], run: null, selected: null, color: "kind" });
    color.value = "kind";
    colorLabel.hidden = true;
    search.value = "";
    view.view.found = [];
    results.hidden = true;
    select.value = names.includes(model.id) ? model.id : "";
    simpleLabel.hidden = !select.value;
    run.replaceChildren(runForm(model, showRun));
    showGraph();
  }

  function showRun(result, request) {
    const times = new Map(result.times.map(({ node, microseconds }) => [node, microseconds]));
    state.run = {
      request, times, values: new Map(result.values.map((value) => [value.value, value])),
      time: Math.max(1e-9, [...times.values()].reduce((a, b) => a + b, 0)), longest: Math.max(1e-9, ...times.values()),
    };
    colorLabel.hidden = false;
    const keepsPlace = state.path.length === 1 && state.scene.run;
    if (state.path.length > 1) state.selected = null;
    state.path.length = 1;
    showGraph(keepsPlace);
  }

  async function load(ask) {
    say("Reading the model …");
    try {
      showModel(await ask());
      say("");
    } catch (error) {
      say(error.message, true);
    }
  }

  const loadServed = (id) => load(async () => {
    const model = { id, simplified: simple.checked };
    return { ...(await api(pathOf(model))), simplified: model.simplified };
  });
  const upload = (blob) => load(() => api("/playground/look/models", blob));
  select.addEventListener("change", () => {
    const hash = `#look/${encodeURIComponent(select.value)}`;
    if (location.hash === hash) loadServed(select.value);
    else location.hash = hash;
  });
  file.addEventListener("change", () => {
    if (file.files.length) upload(file.files[0]);
    file.value = "";
  });
  simple.addEventListener("change", () => loadServed(state.model.id));
  color.addEventListener("change", () => {
    state.color = color.value;
    showGraph(true);
  });
  stage.addEventListener("dragover", (event) => {
    event.preventDefault();
    stage.classList.add("over");
  });
  stage.addEventListener("dragleave", () => stage.classList.remove("over"));
  stage.addEventListener("drop", (event) => {
    event.preventDefault();
    stage.classList.remove("over");
    if (event.dataTransfer.files.length) upload(event.dataTransfer.files[0]);
  });
  window.addEventListener("themechange", () => {
    view.redraw();
    if (state.scene) choose(state.selected);
  });

  function decoded(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  }

  let shown = "";
  function show() {
    view.measure();
    const [, name = "", source] = location.hash.slice(1).split("/");
    const address = source ? `${name}/${source}` : name;
    if (state.model && (!address || (address === shown && name !== "from"))) return;
    shown = address;
    const from = source && decoded(source);
    if (name === "from" && from?.startsWith("/playground/")) {
      load(async () => {
        const response = await fetch(from);
        if (!response.ok) throw new Error(`${from}: ${response.status} ${response.statusText}`);
        return api("/playground/look/models", await response.blob());
      });
    } else if (names.length || name) {
      const wanted = name ? decoded(name) : names.includes("lenet5") ? "lenet5" : names[0];
      select.value = wanted;
      loadServed(wanted);
    } else say("The server has no models: open a file.");
  }
  return { show };
}
