// A graph as boxes and edges. Constants are lines of the boxes that use them.
import { kindOf } from "./look-kinds.js";

/** The path of an endpoint of a model. */
export function pathOf({ id, simplified }, rest = "") {
  return `/playground/look/models/${encodeURIComponent(id)}${rest}${simplified ? "?simplified" : ""}`;
}

/** Sizes as text: `6×1×5×5`; nothing for an unknown shape. */
export function sizes(shape) {
  if (!shape) return "";
  return shape.length ? shape.join("×") : "scalar";
}

/** A number in a few characters. */
export function short(x) {
  if (typeof x !== "number") return String(x ?? "–");
  if (x === 0) return "0";
  const size = Math.abs(x);
  const text = Number.isInteger(x) && size < 1e6 ? String(x)
    : size >= 1e5 || size < 1e-3 ? x.toExponential(1)
    : String(Number(x.toPrecision(3)));
  return text.replace("-", "−");
}

/** A long name by its end, which tells names apart. */
export function clipped(name, limit = 26) {
  return name.length <= limit ? name : `…${name.slice(1 - limit)}`;
}

/** The type of elements and the shape of a value, without the usual float32. */
export function typeText(value) {
  if (!value.shape) return value.type ?? "";
  const element = value.type.split("[")[0];
  return `${element === "float32" ? "" : `${element} `}${sizes(value.shape)}`;
}

function constantLine(value) {
  const name = value.name.split(/[/.:]/).filter(Boolean).slice(-1)[0] ?? "";
  if (value.number != null) return `${clipped(name, 14)} = ${short(value.number)}`;
  return `${clipped(name, 16)} ${typeText(value)}`;
}

/** The values of a graph that the graphs within a node use, besides its inputs. */
function captured(model, node, maker) {
  const found = new Set();
  const waiting = [...node.graphs];
  const known = new Set(waiting);
  while (waiting.length) {
    const graph = model.graphs[waiting.pop()];
    for (const value of graph.outputs) found.add(value);
    for (const inner of graph.nodes) {
      for (const value of inner.inputs) found.add(value);
      for (const next of inner.graphs) if (!known.has(next)) known.add(next) && waiting.push(next);
    }
  }
  return [...found].filter((value) => maker.has(value) && !node.inputs.includes(value) && !node.outputs.includes(value));
}

const isHidden = (node) => node.op === "Constant" && !node.inputs.length;

/** The boxes and edges of a graph. After a run (`{ values, times }`), boxes have the summary of their value,
 *  their time, and `strip` more height to show them. */
export function makeScene(model, graph, run, strip) {
  const boxes = [];
  const maker = new Map();
  const hidden = new Set();
  const add = (box) => boxes.push({ lines: [], index: boxes.length, ...box }) - 1;
  const addValue = (value, role) =>
    add({ role, value, kind: "value", title: clipped(model.values[value].name, 22), name: role });
  for (const value of graph.inputs) maker.set(value, addValue(value, "input"));
  graph.nodes.forEach((node, number) => {
    if (isHidden(node)) {
      hidden.add(node.outputs[0]);
      return;
    }
    const box = add({
      role: "node", node, number, kind: kindOf(node), title: clipped(node.op, 24),
      name: node.name ? clipped(node.name) : "",
    });
    for (const value of node.outputs) if (value >= 0) maker.set(value, box);
  });
  const edges = [];
  const connect = (value, to) => {
    if (!maker.has(value)) maker.set(value, addValue(value, "from outside"));
    edges.push({ from: maker.get(value), to, value });
  };
  for (const box of boxes.filter((box) => box.role === "node")) {
    const constants = [];
    for (const value of box.node.inputs) {
      if (value < 0) continue;
      if (model.values[value].isConstant || hidden.has(value)) constants.push(value);
      else connect(value, box.index);
    }
    for (const value of captured(model, box.node, maker)) connect(value, box.index);
    box.lines = constants.slice(0, 3).map((value) => constantLine(model.values[value]));
    if (constants.length > 3) box.lines.push(`and ${constants.length - 3} more`);
    if (box.node.graphs.length) box.lines.push("▸ opens");
  }
  for (const value of graph.outputs) {
    if (model.values[value].isConstant || hidden.has(value)) continue;
    const box = addValue(value, "output");
    connect(value, box);
  }
  for (const box of boxes) {
    const value = box.node ? box.node.outputs.find((value) => value >= 0) : box.value;
    box.summary = run?.values.get(value)?.summary;
    box.time = run?.times.get(box.number);
    measure(box, run ? strip : 0);
  }
  return { model, run, boxes, edges, maker, hidden };
}

const context = document.createElement("canvas").getContext("2d");

/** The width of a text in the fonts of look.css. */
function widthOf(text, font = "11px") {
  context.font = `${font} system-ui, sans-serif`;
  return context.measureText(text).width;
}

function measure(box, strip) {
  const time = box.time == null ? 0 : 56;
  const widths = [widthOf(box.title, "650 13px") + time, ...[box.name, ...box.lines].map((text) => widthOf(text))];
  const hasStrip = strip && box.role !== "output";
  box.width = Math.ceil(Math.max(54, hasStrip ? 176 : 0, ...widths)) + 28;
  box.textHeight = 24 + (box.name ? 14 : 0) + box.lines.length * 14 + (box.name || box.lines.length ? 4 : 2);
  box.height = box.textHeight + (hasStrip ? strip : 0);
}
