// A layered layout (Sugiyama, Tagawa and Toda 1981): layers by the longest path, order within a layer by
// barycenters. Edges go downwards.
import { placeColumns } from "./look-columns.js";
import { around, fold } from "./look-fold.js";

const mostVertices = 120000;

/** Places boxes: sets `x` and `y` of their centres and `layer`. Returns the links between them, of which
 *  a value's run along one way, and the size of the whole. Links begin straight for the height of a label. With an
 *  `aspect`, a tall graph is folded into columns. */
export function layout(boxes, edges, labelHeight, aspect) {
  const vertices = boxes.map((box) => ({ box, width: box.width, height: box.height, above: [], below: [] }));
  const forward = assignLayers(vertices, edges);
  const links = makeLinks(vertices, forward);
  const layers = [];
  for (const vertex of vertices) (layers[vertex.layer] ??= []).push(vertex);
  order(layers);
  let height = placeRows(layers, labelHeight + 34);
  let width = placeColumns(layers);
  const folded = aspect ? fold(layers, links, width, aspect) : null;
  if (folded) ({ width, height } = folded);
  for (const { box, x, y, layer } of vertices) if (box) Object.assign(box, { x, y, layer });
  spreadEnds(vertices);
  for (const link of links) draw(link, labelHeight);
  return { links, width, height, layers: layers.map((list) => list.flatMap(({ box }) => box ?? [])) };
}

/** Sets layers; returns the edges without those that close a cycle. */
function assignLayers(vertices, edges) {
  const waiting = vertices.map(() => 0);
  const next = vertices.map(() => []);
  for (const edge of edges) {
    waiting[edge.to]++;
    next[edge.from].push(edge);
  }
  const done = [];
  const isDone = vertices.map(() => false);
  const isReady = waiting.map((count) => count === 0);
  const ready = vertices.flatMap((_, index) => (waiting[index] ? [] : [index]));
  const layer = vertices.map(() => 0);
  const forward = [];
  for (let start = 0; done.length < vertices.length; ) {
    if (done.length === ready.length) {
      // Only an invalid model has a cycle: go on anywhere in it.
      while (isReady[start]) start++;
      isReady[start] = true;
      ready.push(start);
    }
    const vertex = ready[done.length];
    done.push(vertex);
    isDone[vertex] = true;
    for (const edge of next[vertex]) {
      if (isDone[edge.to]) continue;
      forward.push(edge);
      layer[edge.to] = Math.max(layer[edge.to], layer[vertex] + 1);
      if (--waiting[edge.to] === 0 && !isReady[edge.to]) {
        isReady[edge.to] = true;
        ready.push(edge.to);
      }
    }
  }
  sink(vertices, done, next, layer);
  vertices.forEach((vertex, index) => { vertex.layer = layer[index]; });
  return forward;
}

/** Moves boxes that nothing leads to, and what depends on such constants only, right above their use. */
function sink(vertices, done, next, layer) {
  const depends = vertices.map(({ box }) => box.role === "input");
  for (const vertex of done) {
    if (depends[vertex]) for (const { to } of next[vertex]) depends[to] = true;
  }
  for (const vertex of done.reverse()) {
    if ((depends[vertex] && vertices[vertex].box.role !== "input") || !next[vertex].length) continue;
    const least = Math.min(...next[vertex].map(({ to }) => layer[to]));
    if (least > layer[vertex]) layer[vertex] = least - 1;
  }
}

/** Links from layer to layer, with points where an edge passes a layer. */
function makeLinks(vertices, edges) {
  const links = [];
  const known = new Set();
  const passing = new Map();
  for (const { from, to, value } of edges) {
    let last = vertices[from];
    const link = (vertex) => {
      // The ways of a value that share a point share what is before it, too.
      if (vertex.box || !known.has(vertex)) {
        const made = { from: last, to: vertex, value };
        known.add(vertex);
        links.push(made);
        last.below.push(made);
        vertex.above.push(made);
      }
      last = vertex;
    };
    for (let layer = vertices[from].layer + 1; layer < vertices[to].layer; layer++) {
      if (vertices.length > mostVertices) break;
      const key = `${value}:${layer}`;
      if (!passing.has(key)) {
        const vertex = { width: 8, height: 0, layer, above: [], below: [] };
        passing.set(key, vertex);
        vertices.push(vertex);
      }
      link(passing.get(key));
    }
    link(vertices[to]);
  }
  return links;
}

function order(layers) {
  const number = (layer) => layer.forEach((vertex, index) => { vertex.place = index; });
  layers.forEach(number);
  const sort = (layer, key, end) => {
    for (const vertex of layer) {
      const list = vertex[key];
      vertex.key = list.length
        ? list.reduce((sum, link) => sum + link[end].place / (layers[link[end].layer].length || 1), 0) / list.length
        : vertex.place / layer.length;
    }
    layer.sort((a, b) => a.key - b.key || a.place - b.place);
    number(layer);
  };
  for (let pass = 0; pass < 8; pass++) {
    for (let i = 1; i < layers.length; i++) sort(layers[i], "above", "from");
    for (let i = layers.length - 2; i >= 0; i--) sort(layers[i], "below", "to");
  }
}

function placeRows(layers, layerGap) {
  let y = 0;
  for (const layer of layers) {
    const height = Math.max(...layer.map((vertex) => vertex.height));
    for (const vertex of layer) {
      vertex.y = y + height / 2;
      vertex.half = height / 2;
    }
    y += height + layerGap;
  }
  return y - layerGap;
}

/** Lets links enter a box beside each other, in the order in which they come. */
function spreadEnds(vertices) {
  for (const vertex of vertices) {
    if (!vertex.box || vertex.above.length < 2) continue;
    const list = vertex.above.slice().sort((a, b) => a.from.x - b.from.x);
    const step = Math.min(18, (vertex.width * 0.6) / (list.length - 1));
    list.forEach((link, index) => { link.shift = (index - (list.length - 1) / 2) * step; });
  }
}

/** The path of a link: a curve between the layers, lines within them. */
function draw(link, labelHeight) {
  const { from, to } = link;
  const x0 = from.x;
  const x1 = to.x + (link.shift ?? 0);
  const y0 = from.box ? from.y + from.height / 2 : from.y + from.half;
  const y1 = to.box ? to.y - to.height / 2 - 5 : to.y - to.half;
  const start = from.y + from.half + labelHeight;
  const end = Math.max(to.y - to.half, start);
  const middle = (start + end) / 2;
  const r = (x) => Math.round(x * 10) / 10;
  const isFolded = link.track !== undefined;
  const way = isFolded ? around(link, r(x1)) : `V${r(start)}C${r(x0)} ${r(middle)} ${r(x1)} ${r(middle)} ${r(x1)} ${r(end)}`;
  link.path = `M${r(x0)} ${r(y0)}${way}V${r(y1)}${to.box ? "" : `V${r(to.y + to.half)}`}`;
  if (to.box) link.arrow = `M${r(x1 - 4)} ${r(y1 - 2)}l4 7l4 -7z`;
  Object.assign(link, {
    left: Math.min(x0, x1), right: Math.max(x0, x1),
    top: isFolded ? 0 : y0, bottom: isFolded ? Infinity : to.y + to.half,
  });
}
