// Horizontal positions (Brandes and Köpf 2002): each vertex is aligned with a median neighbour, as far as
// aligned ways do not cross; what is aligned is a straight column. Four such layouts, from each corner,
// are averaged.

const gap = 26;

/** Sets `x` of all vertices of the layers, which are in order; returns the width of the whole. */
export function placeColumns(layers) {
  for (const layer of layers) layer.forEach((vertex, index) => { vertex.place = index; });
  const crossing = innerCrossings(layers);
  const layouts = [];
  for (const key of ["above", "below"]) {
    for (const isLeft of [true, false]) {
      const list = (key === "above" ? layers : layers.slice().reverse()).map((layer) => (isLeft ? layer : layer.slice().reverse()));
      layouts.push(compact(list, align(list, key, isLeft, crossing), isLeft));
    }
  }
  average(layers.flat(), layouts);
  let [left, right] = [Infinity, -Infinity];
  for (const vertex of layers.flat()) {
    left = Math.min(left, vertex.x - vertex.width / 2);
    right = Math.max(right, vertex.x + vertex.width / 2);
  }
  for (const vertex of layers.flat()) vertex.x -= left;
  return right - left;
}

/** Links that cross the way of an edge through layers: that way is to be straight. */
function innerCrossings(layers) {
  const crossing = new Set();
  for (let i = 1; i < layers.length; i++) {
    let [first, from] = [0, 0];
    layers[i].forEach((vertex, index) => {
      const inner = vertex.box ? null : vertex.above.find(({ from }) => !from.box);
      if (!inner && index < layers[i].length - 1) return;
      const last = inner ? inner.from.place : Infinity;
      for (; from <= index; from++) {
        for (const link of layers[i][from].above) {
          const place = link.from.place;
          if ((place < first || place > last) && (link.from.box || layers[i][from].box)) crossing.add(link);
        }
      }
      first = inner ? last : first;
    });
  }
  return crossing;
}

/** The first vertex of the column that each vertex belongs to, by its id. */
function align(layers, key, isLeft, crossing) {
  const root = new Map();
  const isTaken = new Set();
  const end = key === "above" ? "from" : "to";
  const side = isLeft ? 1 : -1;
  for (const layer of layers) {
    let before = -Infinity;
    for (const vertex of layer) {
      root.set(vertex, vertex);
      const links = vertex[key].slice().sort((a, b) => side * (a[end].place - b[end].place));
      const middle = (links.length - 1) / 2;
      for (let i = Math.floor(middle); i >= 0 && i <= Math.ceil(middle); i++) {
        const other = links[i][end];
        if (isTaken.has(other) || before >= side * other.place || crossing.has(links[i])) continue;
        isTaken.add(other);
        root.set(vertex, root.get(other));
        before = side * other.place;
        break;
      }
    }
  }
  return root;
}

/** Places the columns beside each other: as far left as they can be, then right up to their neighbours. */
function compact(layers, root, isLeft) {
  const after = new Map();
  const waiting = new Map();
  for (const layer of layers) {
    layer.forEach((vertex, index) => {
      const column = root.get(vertex);
      if (!waiting.has(column)) waiting.set(column, 0);
      if (!index) return;
      const before = layer[index - 1];
      const list = after.get(root.get(before)) ?? after.set(root.get(before), []).get(root.get(before));
      list.push([column, (before.width + vertex.width) / 2 + gap]);
      waiting.set(column, waiting.get(column) + 1);
    });
  }
  const x = new Map([...waiting.keys()].map((column) => [column, 0]));
  const order = [...waiting].filter(([, count]) => !count).map(([column]) => column);
  for (let i = 0; i < order.length; i++) {
    for (const [column, distance] of after.get(order[i]) ?? []) {
      x.set(column, Math.max(x.get(column), x.get(order[i]) + distance));
      waiting.set(column, waiting.get(column) - 1);
      if (!waiting.get(column)) order.push(column);
    }
  }
  for (const column of order.reverse()) {
    const most = Math.min(...(after.get(column) ?? []).map(([next, distance]) => x.get(next) - distance));
    if (most !== Infinity) x.set(column, Math.max(x.get(column), most));
  }
  return new Map([...root].map(([vertex, column]) => [vertex, isLeft ? x.get(column) : -x.get(column)]));
}

/** The mean of the two middle positions, after the layouts are shifted to the side of the narrowest. Layouts
 *  that are much wider, because each block of a deep graph is beside the one before, do not count. */
function average(vertices, layouts) {
  const ends = layouts.map((layout) => {
    let [left, right] = [Infinity, -Infinity];
    for (const [vertex, x] of layout) {
      left = Math.min(left, x - vertex.width / 2);
      right = Math.max(right, x + vertex.width / 2);
    }
    return { left, right, width: right - left };
  });
  const narrow = ends.reduce((a, b) => (b.width < a.width ? b : a));
  const shifts = ends.map(({ left, right }, i) => (i % 2 === 0 ? narrow.left - left : narrow.right - right));
  const used = layouts.flatMap((layout, i) => (ends[i].width <= 1.5 * narrow.width ? [[layout, shifts[i]]] : []));
  const middle = (used.length - 1) / 2;
  for (const vertex of vertices) {
    const list = used.map(([layout, shift]) => layout.get(vertex) + shift).sort((a, b) => a - b);
    vertex.x = (list[Math.floor(middle)] + list[Math.ceil(middle)]) / 2;
  }
}
