// A tall layout as several columns beside each other, for an overview of the whole.

const gap = 70;
const trackGap = 7;

/** Moves the layers into columns, cut where few links pass, so that the whole has an aspect (width / height).
 *  Returns its size, or nothing where one column is best. Links that leave a column get a `track`. */
export function fold(layers, links, width, aspect) {
  const bottoms = layers.map((layer) => layer[0].y + layer[0].half);
  const tops = layers.map((layer) => layer[0].y - layer[0].half);
  const height = bottoms.at(-1);
  const count = Math.min(40, Math.round(Math.sqrt((height * aspect) / (width + gap))));
  if (count < 2) return null;
  const column = columnsOf(bottoms, passing(layers, links), count);
  const tracks = numberTracks(links, column);
  const most = Math.max(0, ...tracks);
  const margin = most ? (most + 2) * trackGap : 0;
  let [x, first, tallest] = [0, 0, 0];
  for (let c = 0; c <= column.at(-1); c++) {
    const last = column.lastIndexOf(c);
    const part = layers.slice(first, last + 1).flat();
    const left = Math.min(...part.map((vertex) => vertex.x - vertex.width / 2));
    const right = Math.max(...part.map((vertex) => vertex.x + vertex.width / 2));
    const end = x + right - left;
    for (const vertex of part) {
      vertex.x += x - left;
      vertex.y += margin - tops[first];
      vertex.column = { number: c, right: end, top: margin, bottom: bottoms[last] - tops[first] + margin };
    }
    tallest = Math.max(tallest, bottoms[last] - tops[first]);
    x = end + gap + (tracks[c] ?? 0) * trackGap;
    first = last + 1;
  }
  return { width: x - gap, height: tallest + 2 * margin };
}

/** How many links pass from each layer to the next. */
function passing(layers, links) {
  const counts = layers.map(() => 0);
  for (const link of links) counts[link.from.layer]++;
  return counts;
}

/** The column of each layer. */
function columnsOf(bottoms, counts, count) {
  const step = bottoms.at(-1) / count;
  const cuts = [];
  for (let i = 1; i < count; i++) {
    const cost = (layer) => Math.abs(bottoms[layer] - step * i) + counts[layer] * step * 0.06;
    let best = null;
    for (let layer = (cuts.at(-1) ?? -1) + 1; layer < bottoms.length - 1; layer++) {
      if (Math.abs(bottoms[layer] - step * i) > step * 0.3) continue;
      if (best === null || cost(layer) < cost(best)) best = layer;
    }
    if (best !== null) cuts.push(best);
  }
  return bottoms.map((_, layer) => cuts.filter((cut) => cut < layer).length);
}

/** Numbers the links that leave each column; returns how many there are. */
function numberTracks(links, column) {
  const tracks = [];
  for (const link of links) {
    const from = column[link.from.layer];
    if (from === column[link.to.layer]) continue;
    link.track = tracks[from] ?? 0;
    tracks[from] = link.track + 1;
  }
  return [...tracks].map((count) => count ?? 0);
}

/** The points of a link around the end of its column to the top of the next. */
export function around(link, x1) {
  const { from, to, track } = link;
  const y = from.column.bottom + (track + 1) * trackGap;
  const x = from.column.right + 20 + track * trackGap;
  const top = to.column.top - (track + 1) * trackGap;
  return `V${y}H${x}V${top}H${x1}`;
}
