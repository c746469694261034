// What all pages share: elements, requests, events, numbers and colours.

/** An element: `el("button", { type: "button", onclick: f }, "Go")`. */
export function el(name, attributes = {}, ...children) {
  const svg = ["svg", "g", "path", "line", "rect", "circle", "text", "title", "polyline"];
  const node = svg.includes(name)
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

/** Shows a sentence below the page, and reads it to users of screen readers. */
export function say(text, isError = false) {
  const status = document.getElementById("status");
  status.textContent = text;
  status.classList.toggle("error", isError);
}

/** Sends a request; the answer's JSON. An error is an `Error` with the server's sentence. */
export async function api(path, body, options = {}) {
  const response = await fetch(path, request(body, options));
  await check(response);
  return response.json();
}

/** Sends a request and calls `handlers[event](value)` for each server-sent event of the answer. */
export async function events(path, body, handlers, options = {}) {
  const response = await fetch(path, request(body, options));
  await check(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; ;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const parts = text.split("\n\n");
    text = parts.pop();
    for (const part of parts) {
      const lines = part.split("\n");
      const name = lines.find((line) => line.startsWith("event: "))?.slice(7) ?? "message";
      const data = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
      handlers[name]?.(JSON.parse(data.join("\n")));
    }
  }
}

function request(body, options) {
  if (body === undefined) return options;
  const isRaw = body instanceof Blob || body instanceof ArrayBuffer || ArrayBuffer.isView(body);
  return {
    method: "POST",
    headers: { "content-type": isRaw ? "application/octet-stream" : "application/json" },
    body: isRaw ? body : JSON.stringify(body),
    ...options,
  };
}

async function check(response) {
  if (response.ok) return;
  let sentence = `${response.status} ${response.statusText}`;
  try { sentence = (await response.json()).error ?? sentence; } catch { /* no JSON */ }
  throw new Error(sentence);
}

/** The numbers of `Values` of the server. */
export function values({ data }) {
  const text = atob(data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return new Float32Array(bytes.buffer);
}

/** The red, green and blue of a custom property such as `--positive`. */
export function color(name) {
  const text = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((start) => parseInt(text.slice(start, start + 2), 16));
}

/** Draws numbers `[rows, columns]` into a canvas of one pixel each: negative, neutral, positive.
 *  `limit` is the absolute value of the strongest colour; by default the largest of the numbers. */
export function paint(canvas, numbers, rows, columns, limit) {
  canvas.width = columns;
  canvas.height = rows;
  let most = limit ?? 0;
  if (limit === undefined) for (const x of numbers) most = Math.max(most, Math.abs(x));
  const [positive, negative, neutral] = ["--positive", "--negative", "--neutral"].map(color);
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  for (let i = 0; i < rows * columns; i++) {
    const x = most > 0 ? Math.max(-1, Math.min(1, numbers[i] / most)) : 0;
    const end = x < 0 ? negative : positive;
    for (let c = 0; c < 3; c++) {
      image.data[4 * i + c] = neutral[c] + (end[c] - neutral[c]) * Math.abs(x);
    }
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
