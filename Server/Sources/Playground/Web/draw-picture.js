// From the drawing board to the samples of a model's picture.

/** The rows and columns of the board's coordinates. */
export const side = 280;
/** The width of the pen on the board. */
const pen = 18;
/** Each row and column of a picture is drawn with so many, then averaged. */
const fine = 4;
const canvas = document.createElement("canvas");
const context = canvas.getContext("2d", { willReadFrequently: true });

/** Draws lines through points `[x, y, x, y, …]`. */
export function drawStrokes(context, strokes, width = pen) {
  context.lineWidth = width;
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = "#fff";
  for (const points of strokes) {
    context.beginPath();
    context.moveTo(points[0], points[1]);
    if (points.length === 2) context.lineTo(points[0] + 0.01, points[1]);
    for (let i = 2; i < points.length; i += 2) context.lineTo(points[i], points[i + 1]);
    context.stroke();
  }
}

/** Samples `[C, H, W]` from 0 to 1 of what `draw` draws, and the way there from the board: a point
 *  `p` of the board is at `p · scale + x or y` of the picture. */
function render(draw, [channels, rows, columns], place) {
  canvas.width = columns * fine;
  canvas.height = rows * fine;
  context.setTransform(
    place.scaleX * fine, 0, 0, place.scaleY * fine, place.x * fine, place.y * fine);
  context.imageSmoothingQuality = "high";
  draw(context);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const samples = new Float32Array(channels * rows * columns);
  for (let y = 0; y < canvas.height; y++) {
    const row = Math.floor(y / fine) * columns;
    for (let x = 0; x < canvas.width; x++) {
      const at = 4 * (y * canvas.width + x);
      const cell = row + Math.floor(x / fine);
      if (channels === 1) {
        samples[cell] += 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
      } else {
        for (let c = 0; c < 3; c++) samples[c * rows * columns + cell] += data[at + c];
      }
    }
  }
  const whole = 255 * fine * fine;
  for (let i = 0; i < samples.length; i++) samples[i] = Math.min(1, samples[i] / whole);
  return samples;
}

/** The whole board as a picture. */
function straight(draw, shape) {
  const place = { scaleX: shape[2] / side, scaleY: shape[1] / side, x: 0, y: 0 };
  return { samples: render(draw, shape, place), place };
}

/** A digit as in MNIST: its longer side is 20 of 28 pixels, its centre of mass is the middle.
 *  `box` is `[left, top, right, bottom]`, `margin` what the ink adds to it in the picture. */
function centred(draw, shape, box, margin) {
  const [, rows, columns] = shape;
  const longer = Math.max(box[2] - box[0], box[3] - box[1], 16);
  const scale = (Math.min(rows, columns) * (20 / 28) - margin) / longer;
  const place = {
    scaleX: scale, scaleY: scale,
    x: columns / 2 - scale * (box[0] + box[2]) / 2, y: rows / 2 - scale * (box[1] + box[3]) / 2,
  };
  const [x, y] = centre(render((context) => draw(context, scale), shape, place), rows, columns);
  place.x += columns / 2 - x;
  place.y += rows / 2 - y;
  return { samples: render((context) => draw(context, scale), shape, place), place };
}

function centre(samples, rows, columns) {
  let [mass, x, y] = [0, 0, 0];
  for (let i = 0; i < samples.length; i++) {
    mass += samples[i];
    x += samples[i] * (i % columns + 0.5);
    y += samples[i] * (Math.floor(i / columns) + 0.5);
  }
  return mass > 0 ? [x / mass, y / mass] : [columns / 2, rows / 2];
}

/** Whether a model takes digits as in MNIST rather than pictures of any kind. */
export const takesDigits = ({ classes, shape }) => classes.length > 0 && shape[0] === 1;

/** The picture of a board for a model: `{ samples, place }`. */
export function pictureOf(board, model) {
  const { shape } = model;
  const { picture, strokes } = board;
  const all = (context) => {
    if (picture) context.drawImage(picture.canvas, 0, 0, side, side);
    drawStrokes(context, strokes);
  };
  if (!takesDigits(model) || (!picture && !strokes.length)) return straight(all, shape);
  if (!picture) {
    const box = strokes.reduce(extend, [Infinity, Infinity, -Infinity, -Infinity]);
    // The pen is as wide as MNIST's, however large the digit is.
    const width = Math.min(shape[1], shape[2]) * (2.3 / 28);
    return centred(
      (context, scale) => drawStrokes(context, strokes, width / scale), shape, box, width);
  }
  const { samples } = picture;
  const isExact = samples && !strokes.length && picture.rows === shape[1]
    && picture.columns === shape[2];
  if (isExact) {
    return { samples, place: { scaleX: shape[2] / side, scaleY: shape[1] / side, x: 0, y: 0 } };
  }
  if (samples) return straight(all, shape);
  const ink = inkOf(all);
  return ink ? centred((context) => context.drawImage(ink.canvas, 0, 0), shape, ink.box, 0)
    : straight(all, shape);
}

function extend(box, points) {
  for (let i = 0; i < points.length; i += 2) {
    box = [
      Math.min(box[0], points[i]), Math.min(box[1], points[i + 1]),
      Math.max(box[2], points[i]), Math.max(box[3], points[i + 1]),
    ];
  }
  return box;
}

/** A photograph or scan as white ink on black: `{ canvas, box }`; nothing if it has no ink. */
function inkOf(draw) {
  const sheet = document.createElement("canvas");
  sheet.width = sheet.height = side;
  const context = sheet.getContext("2d", { willReadFrequently: true });
  draw(context);
  const image = context.getImageData(0, 0, side, side);
  const grey = new Float32Array(side * side);
  for (let i = 0; i < grey.length; i++) {
    const [red, green, blue] = image.data.subarray(4 * i, 4 * i + 3);
    grey[i] = (0.299 * red + 0.587 * green + 0.114 * blue) / 255;
  }
  const rim = grey.filter((_, i) => {
    const [x, y] = [i % side, Math.floor(i / side)];
    return Math.min(x, y, side - 1 - x, side - 1 - y) < 4;
  }).sort();
  const paper = rim[rim.length >> 1];
  const sign = paper > 0.5 ? -1 : 1;
  let most = 0;
  for (let i = 0; i < grey.length; i++) {
    grey[i] = sign * (grey[i] - paper);
    most = Math.max(most, grey[i]);
  }
  let box = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < grey.length; i++) {
    const ink = Math.max(0, Math.min(1, (grey[i] / most - 0.25) / 0.5));
    if (ink > 0.5) box = extend(box, [i % side, Math.floor(i / side)]);
    image.data.fill(Math.round(255 * ink), 4 * i, 4 * i + 3);
  }
  if (most < 0.1 || box[0] > box[2]) return undefined;
  context.putImageData(image, 0, 0);
  return { canvas: sheet, box };
}
