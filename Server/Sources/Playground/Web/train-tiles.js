// Small pictures of numbers, painted many times a second.
import { color, el } from "./ui.js";

let table;
window.addEventListener("themechange", () => { table = undefined; });

/** The colour of each signed byte, as the four bytes of a pixel. */
function colors() {
  if (table) return table;
  const [positive, negative, neutral] = ["--positive", "--negative", "--neutral"].map(color);
  table = new Uint8ClampedArray(256 * 4);
  for (let byte = -128; byte < 128; byte++) {
    const [end, share] = [byte < 0 ? negative : positive, Math.min(1, Math.abs(byte) / 127)];
    for (let c = 0; c < 3; c++) {
      table[4 * (byte & 255) + c] = neutral[c] + (end[c] - neutral[c]) * share;
    }
    table[4 * (byte & 255) + 3] = 255;
  }
  return table;
}

/** The signed bytes of `Tiles` of the server, −127 to 127. */
export function bytes(tiles) {
  const text = atob(tiles.data);
  const bytes = new Int8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Paints bytes `[rows, columns]`; with `flips` the first row is the lowest. */
export function paintBytes(canvas, bytes, rows, columns, flips = false) {
  if (canvas.width !== columns || canvas.height !== rows) {
    canvas.width = columns;
    canvas.height = rows;
  }
  const palette = colors();
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  for (let row = 0; row < rows; row++) {
    const source = (flips ? rows - 1 - row : row) * columns;
    for (let column = 0; column < columns; column++) {
      const from = 4 * (bytes[source + column] & 255);
      const to = 4 * (row * columns + column);
      for (let c = 0; c < 4; c++) image.data[to + c] = palette[from + c];
    }
  }
  context.putImageData(image, 0, 0);
}

/** Paints a picture of grey bytes in base64, as ink on paper. */
export function paintPicture(canvas, picture, side = 28) {
  const text = atob(picture);
  canvas.width = canvas.height = side;
  const [ink, paper] = ["--text", "--surface"].map(color);
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  for (let i = 0; i < side * side; i++) {
    const share = text.charCodeAt(i) / 255;
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = paper[c] + (ink[c] - paper[c]) * share;
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

/** A row of canvases that shows tiles `[tiles, rows, columns]`, more of them when needed. */
export function tileRow(name, flips = false) {
  const node = el("div", { class: "tiles", role: "img", "aria-label": name });
  function update(tiles) {
    const [count, rows, columns] = layout(tiles.shape);
    const all = bytes(tiles);
    while (node.children.length > count) node.lastChild.remove();
    while (node.children.length < count) node.append(el("canvas", { "aria-hidden": "true" }));
    node.classList.toggle("line", rows === 1);
    node.classList.toggle("matrix", count === 1 && rows > 1);
    for (let tile = 0; tile < count; tile++) {
      const size = rows * columns;
      paintBytes(
        node.children[tile], all.subarray(tile * size, (tile + 1) * size), rows, columns, flips);
    }
    node.setAttribute("aria-label",
      `${name}: ${count === 1 ? "a picture" : `${count} pictures`} of ${rows} by ${columns},`
      + ` the strongest colour is ${tiles.scale.toPrecision(2)}`);
  }
  return { node, update };
}

/** Tiles, rows and columns of a shape: numbers are one row, a sequence is one picture, and the
 *  channels of a filter stand one above the other. */
function layout(shape) {
  if (shape.length === 1) return [1, 1, shape[0]];
  if (shape.length === 2) return [1, shape[0], shape[1]];
  if (shape.length === 4) return [shape[0], shape[1] * shape[2], shape[3]];
  return shape;
}
