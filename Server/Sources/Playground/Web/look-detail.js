// The panel about the selected box, or about the model.
import { api, el } from "./ui.js";
import { kinds } from "./look-kinds.js";
import { pathOf, short } from "./look-scene.js";
import { histogram, tiles } from "./look-pictures.js";
import { timeText } from "./look-draw.js";

const table = (rows) => el("table", { class: "look-table" }, el("tbody", {}, ...rows.map(([name, content]) =>
  el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, content)))));

const section = (title, ...children) => el("section", {}, el("h3", {}, title), ...children);

/** Statistics, histogram, picture and first elements of a tensor. */
export function summaryView(summary, label) {
  const parts = [];
  if (summary.min != null) {
    parts.push(table([
      ["range", `${short(summary.min)} … ${short(summary.max)}`],
      ["mean ± deviation", `${short(summary.mean)} ± ${short(summary.deviation)}`],
      ["elements", `${summary.count.toLocaleString("en")}${summary.zeros ? `, ${summary.zeros.toLocaleString("en")} of them 0` : ""}`],
      ...(summary.unusual ? [["NaN or infinite", String(summary.unusual)]] : []),
    ]));
  } else if (summary.unusual) {
    parts.push(el("p", {}, `All ${summary.unusual} elements are NaN or infinite.`));
  }
  if (summary.histogram) parts.push(histogram(summary, short));
  if (summary.tiles && summary.count > 1) {
    parts.push(tiles(summary, `${label} as a picture`));
    const shown = summary.tiles.shape[0];
    if (shown < summary.tileCount) parts.push(el("p", { class: "muted" }, `${shown} of ${summary.tileCount} tiles`));
  }
  if (summary.first) {
    const rest = summary.count > summary.first.length ? " …" : "";
    parts.push(el("details", {}, el("summary", {}, "first elements"),
      el("p", { class: "look-numbers" }, summary.first.map(short).join("  ") + rest)));
  }
  return el("div", { class: "look-summary" }, ...parts);
}

/** Text about the shown graph: where the model comes from, and how often each operator occurs. */
export function modelView(state) {
  const { model } = state;
  const place = state.path.at(-1);
  const graph = model.graphs[place.graph];
  const counts = new Map();
  for (const node of graph.nodes) if (node.op !== "Constant") counts.set(node.op, (counts.get(node.op) ?? 0) + 1);
  const list = [...counts].sort((a, b) => b[1] - a[1]);
  const value = (number) => `${model.values[number].name}: ${model.values[number].type ?? "?"}`;
  return el("div", {},
    el("h2", {}, place.title),
    ...[place.graph ? graph.doc : model.doc].filter(Boolean).map((text) => el("p", { class: "look-doc" }, text)),
    table([
      ["inputs", el("span", { class: "look-list" }, ...graph.inputs.map((n) => el("span", {}, value(n))))],
      ["outputs", el("span", { class: "look-list" }, ...graph.outputs.map((n) => el("span", {}, n < 0 ? "" : value(n))))],
      ["nodes", graph.nodes.length.toLocaleString("en")],
      ...(place.graph ? [] : [
        ["parameters", model.parameters.toLocaleString("en")],
        ["operator sets", model.operatorSets.join(", ")],
        ...(model.producer ? [["producer", model.producer]] : []),
      ]),
    ]),
    ...(place.graph || !model.metadata.length ? [] : [el("details", { class: "look-metadata" }, el("summary", {}, "metadata"),
      table(model.metadata.map(({ name, text }) => [name, text])))]),
    section("Operators", el("ul", { class: "look-counts" }, ...list.slice(0, 40).map(([op, count]) =>
      el("li", {}, el("button", { type: "button", onclick: () => state.search(op) }, `${op} `, el("b", {}, count)))))),
  );
}

/** What is known about a box: a node, an input or an output. */
export function boxView(state, box) {
  const { model, scene } = state;
  if (!box.node) {
    const value = model.values[box.value];
    return el("div", {}, el("p", { class: "look-kind" }, box.role), el("h2", {}, value.name),
      valueView(state, box.value, false, true));
  }
  const { node } = box;
  const names = (list) => list.filter((value) => value >= 0);
  const outputs = section("Outputs", ...names(node.outputs).map((value) => valueView(state, value, true, true)));
  return el("div", {},
    el("p", { class: `look-kind ${box.kind}` }, kinds[box.kind] + (node.domain ? ` · ${node.domain}` : "")),
    el("h2", {}, node.op),
    ...(node.name ? [el("p", { class: "muted look-wrap" }, node.name)] : []),
    ...(box.time != null ? [el("p", {}, `${timeText(box.time)}, ${Math.round(100 * box.time / scene.run.time)} % of the run`)] : []),
    ...(node.doc ? [el("p", { class: "look-doc" }, node.doc)] : []),
    ...node.graphs.map((graph) => el("p", {}, el("button", {
      type: "button", class: "primary", onclick: () => state.openGraph(graph, node),
    }, `Open ${model.graphs[graph].title || "the graph"} (${model.graphs[graph].nodes.length} nodes)`))),
    ...(scene.run ? [outputs] : []),
    ...(node.attributes.length ? [section("Attributes", table(node.attributes.map(({ name, text }) => [name, text])))] : []),
    section(node.inputs.length ? "Inputs" : "No inputs", ...names(node.inputs).map((value) => valueView(state, value, true))),
    ...(scene.run ? [] : [outputs]),
  );
}

/** A value: its type, where it comes from and goes to, and its numbers where they are known. */
function valueView(state, number, hasName, isOpen = false) {
  const { model, scene } = state;
  const value = model.values[number];
  const run = scene.run?.values.get(number);
  const maker = scene.boxes[scene.maker.get(number)];
  const users = [...new Set(scene.edges.filter((edge) => edge.value === number).map((edge) => scene.boxes[edge.to]))];
  const link = (box, arrow) => el("button", { type: "button", class: "look-go", onclick: () => state.select(box, true) },
    `${arrow} ${box.title}`);
  const type = run ? run.summary.type : value.type ?? "type unknown";
  const head = el("div", { class: "look-value" }, ...(hasName ? [el("b", { class: "look-wrap" }, value.name)] : []),
    el("span", { class: "look-type-text" }, type));
  const links = el("div", { class: "row" },
    ...(maker && hasName && maker !== state.selected ? [link(maker, "↑")] : []),
    ...users.filter((box) => box !== state.selected).slice(0, 8).map((box) => link(box, "↓")));
  const body = el("div");
  if (value.isConstant || state.isConstant(number)) body.append(constantView(state, number));
  else if (run) body.append(computedView(state, number, run, isOpen));
  return el("div", { class: "look-entry" }, head, ...(links.childElementCount ? [links] : []), body);
}

function lazily(title, load) {
  const content = el("div", {}, el("p", { class: "muted" }, "Loading …"));
  const details = el("details", {}, el("summary", {}, title), content);
  details.addEventListener("toggle", async () => {
    if (!details.open || details.dataset.loaded) return;
    details.dataset.loaded = "yes";
    try {
      content.replaceChildren(await load());
    } catch (error) {
      content.replaceChildren(el("p", { class: "look-error" }, error.message));
    }
  });
  return details;
}

function constantView(state, number) {
  const value = state.model.values[number];
  if (value.number != null) return el("p", {}, `= ${short(value.number)}`);
  return lazily("values", async () => summaryView(
    await api(pathOf(state.model, `/constants/${number}`)), value.name));
}

function computedView(state, number, run, isOpen) {
  const { summary } = run;
  const value = state.model.values[number];
  if (summary.count === 1) return el("p", {}, `= ${short(summary.mean ?? summary.min)}`);
  const details = lazily("values of the run", async () => {
    const answer = await api(pathOf(state.model, "/run"), { ...state.scene.run.request, value: number });
    return summaryView(answer.values[0].summary, value.name);
  });
  details.open = isOpen;
  return details;
}

