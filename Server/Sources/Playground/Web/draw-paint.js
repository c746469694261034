// Numbers as colours: negative, neutral, positive; or grey levels; or the glow of a heat map.
import { color } from "./ui.js";

let palettes;
window.addEventListener("themechange", () => { palettes = undefined; });

/** 511 colours from the most negative to the most positive, as little-endian pixels. */
function palette(isGrey) {
  palettes ??= [false, true].map((isGrey) => {
    const [positive, negative, neutral] = ["--positive", "--negative", "--neutral"].map(color);
    return Uint32Array.from({ length: 511 }, (_, i) => {
      const x = (i - 255) / 255;
      const end = x < 0 ? negative : positive;
      const [red, green, blue] = isGrey
        ? Array(3).fill(Math.round(255 * Math.max(0, x)))
        : neutral.map((low, c) => Math.round(low + (end[c] - low) * Math.abs(x)));
      return (255 << 24 | blue << 16 | green << 8 | red) >>> 0;
    });
  });
  return palettes[isGrey ? 1 : 0];
}

function shade(colors, x, most) {
  const level = most > 0 ? Math.max(-255, Math.min(255, Math.round(x / most * 255))) : 0;
  return colors[255 + (level || 0)];
}

/** Paints the canvas, a pixel for each number; `at(i)` is the number of pixel `i`, or undefined. */
export function paintPixels(canvas, rows, columns, at, most, isGrey = false) {
  if (canvas.width !== columns || canvas.height !== rows || !canvas.image) {
    canvas.width = columns;
    canvas.height = rows;
    canvas.image = canvas.getContext("2d").createImageData(columns, rows);
    canvas.pixels = new Uint32Array(canvas.image.data.buffer);
  }
  const colors = palette(isGrey);
  for (let i = 0; i < rows * columns; i++) {
    const x = at(i);
    canvas.pixels[i] = x === undefined ? 0 : shade(colors, x, most);
  }
  canvas.getContext("2d").putImageData(canvas.image, 0, 0);
  return canvas;
}

/** The largest absolute value. */
export function largest(numbers) {
  let most = 0;
  for (const x of numbers) most = Math.max(most, Math.abs(x));
  return most;
}

/** A number with as many digits as a cell has room for. */
export function short(x, digits = 2) {
  if (x === 0) return "0";
  const text = Math.abs(x).toFixed(Math.abs(x) >= 100 ? 0 : digits);
  return x < 0 && Number(text) !== 0 ? `−${text}` : text;
}

/** Draws a grid of numbers as text on their colours. `mark` is the index of a cell to frame,
 *  `isOutside(i)` tells cells beyond the edge of a map, which are hatched. */
export function paintGrid(canvas, numbers, rows, columns, most, options = {}) {
  const { isGrey = false, mark = -1, isOutside = () => false } = options;
  const isText = options.isText ?? rows * columns <= 49;
  const isNarrow = columns > 3 && window.innerWidth < 720;
  const cell = options.cell ?? 8;
  const [width, height] = !isText ? [cell, cell] : isNarrow ? [95 / columns, 18]
    : columns > 3 ? [180 / columns, 22] : [52, 34];
  const ratio = window.devicePixelRatio || 1;
  canvas.width = columns * width * ratio;
  canvas.height = rows * height * ratio;
  canvas.style.width = `${columns * width}px`;
  canvas.style.height = `${rows * height}px`;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.font = `${isNarrow ? 8 : columns > 5 ? 9 : 11}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  const colors = palette(isGrey);
  for (let i = 0; i < rows * columns && i < numbers.length; i++) {
    const [x, y] = [i % columns * width, Math.floor(i / columns) * height];
    const pixel = shade(colors, numbers[i], most);
    const [red, green, blue] = [pixel & 255, pixel >> 8 & 255, pixel >> 16 & 255];
    context.fillStyle = `rgb(${red} ${green} ${blue})`;
    context.fillRect(x, y, width, height);
    const ink = 0.299 * red + 0.587 * green + 0.114 * blue > 128 ? "#000" : "#fff";
    if (isOutside(i)) {
      context.strokeStyle = ink;
      context.globalAlpha = 0.35;
      context.beginPath();
      context.moveTo(x + width, y);
      context.lineTo(x, y + height);
      context.stroke();
      context.globalAlpha = 1;
    }
    if (!isText) continue;
    context.fillStyle = ink;
    context.fillText(short(numbers[i], isNarrow ? 1 : 2), x + width / 2, y + height / 2 + 0.5);
  }
  if (mark >= 0) {
    frame(context, mark % columns * width, Math.floor(mark / columns) * height, width, height);
  }
  return canvas;
}

/** A light line in a dark one, to be seen on every colour. */
function frame(context, x, y, width, height) {
  for (const [line, style] of [[4, "#000"], [2, "#ffd54a"]]) {
    context.lineWidth = line;
    context.strokeStyle = style;
    context.strokeRect(x + 1.5, y + 1.5, width - 3, height - 3);
  }
}

/** Draws a map large, with a frame around some cells and dots on others. */
export function paintZoom(canvas, numbers, rows, columns, most, { cells, dots = [], isGrey }) {
  const cell = Math.max(2, Math.floor(170 / Math.max(rows, columns)));
  paintGrid(canvas, numbers, rows, columns, most, { cell, isGrey, isText: false });
  const context = canvas.getContext("2d");
  const place = (i) => [i % columns * cell, Math.floor(i / columns) * cell];
  for (const dot of dots) {
    const [x, y] = place(dot);
    for (const [radius, style] of [[0.32, "#000"], [0.2, "#fff"]]) {
      context.fillStyle = style;
      context.beginPath();
      context.arc(x + cell / 2, y + cell / 2, Math.max(1, radius * cell), 0, 2 * Math.PI);
      context.fill();
    }
  }
  const [x, y] = place(cells[0]);
  const [right, bottom] = place(cells.at(-1));
  frame(context, x, y, right + cell - x, bottom + cell - y);
  return canvas;
}

/** Paints strengths as a glow from transparent over red to yellow; negative ones as 0. */
export function paintGlow(canvas, numbers, rows, columns) {
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const most = numbers.reduce((a, b) => Math.max(a, b), 0);
  for (let i = 0; i < rows * columns; i++) {
    const x = most > 0 ? Math.max(0, numbers[i] / most) : 0;
    image.data[4 * i] = 255;
    image.data[4 * i + 1] = Math.round(210 * Math.max(0, 1.2 * x - 0.2));
    image.data[4 * i + 2] = 0;
    image.data[4 * i + 3] = Math.round(255 * Math.min(1, 1.5 * x));
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
