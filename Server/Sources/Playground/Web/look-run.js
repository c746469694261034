// The form of a run: what the inputs hold.
import { api, el } from "./ui.js";
import { pathOf } from "./look-scene.js";
import { timeText } from "./look-draw.js";

const pictureSizes = 224;

/** The inputs of the model's graph that a run must be given. */
const inputsOf = (model) => model.graphs[0].inputs.map((number) => model.values[number]);

/** Whether an input takes a picture: `[N, 1 or 3, H, W]` of numbers. */
const isPicture = ({ shape, type }) =>
  shape?.length === 4 && type.startsWith("float") && (shape[1] === 1 || shape[1] === 3 || typeof shape[1] === "string");

/** A form for a model. `done(result, request)` is called after a run. */
export function runForm(model, done) {
  const inputs = inputsOf(model);
  const picture = inputs.find(isPicture);
  const open = openSizes(inputs);
  const fields = new Map();
  const fill = el("select", { name: "fill" },
    ...(picture ? [el("option", { value: "digit" }, "a drawn digit"), el("option", { value: "file" }, "a picture file")] : []),
    el("option", { value: "random" }, "random numbers"), el("option", { value: "zeros" }, "zeros"), el("option", { value: "ones" }, "ones"));
  const seed = el("input", { type: "number", name: "seed", min: 0, max: 999999, value: 3, class: "look-small" });
  const seedText = el("span", {}, "Seed");
  const fileName = el("span", {}, "Choose a picture …");
  const file = el("input", { type: "file", accept: "image/*", "aria-label": "Picture",
    onchange: () => { fileName.textContent = file.files[0]?.name ?? "Choose a picture …"; } });
  const fileLabel = el("label", { class: "look-file" }, file, fileName);
  const button = el("button", { type: "submit", class: "primary" }, "Run");
  const note = el("p", { class: "muted", role: "status" });
  const follow = () => {
    seedText.textContent = fill.value === "digit" ? "Digit" : "Seed";
    seed.parentElement.hidden = !["digit", "random"].includes(fill.value);
    seed.max = fill.value === "digit" ? 9 : 999999;
    fileLabel.hidden = fill.value !== "file";
  };
  for (const [name, byDefault] of open) {
    fields.set(name, el("input", { type: "number", min: 1, max: 4096, value: byDefault, class: "look-small" }));
  }
  const form = el("form", { class: "look-run" }, el("h2", {}, "Run"),
    el("div", { class: "row" },
      el("label", {}, "Inputs", fill), el("label", {}, seedText, seed), fileLabel,
      ...[...fields].map(([name, field]) => el("label", {}, name, field)), button),
    note);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    note.textContent = "Running …";
    try {
      const request = await makeRequest();
      const result = await api(pathOf(model, "/run"), request);
      note.textContent = `${timeText(1000 * result.milliseconds)} on one thread, every value kept`;
      done(result, request);
    } catch (error) {
      note.textContent = error.message;
    }
    button.disabled = false;
  });
  fill.addEventListener("change", follow);
  follow();

  async function makeRequest() {
    const shapes = {};
    for (const input of inputs) {
      if (input.shape) shapes[input.name] = input.shape.map((size, axis) =>
        typeof size === "number" ? size : Number(fields.get(openName(input, axis)).value));
    }
    const request = { fill: fill.value, seed: Number(seed.value) || 0, shapes, inputs: [] };
    if (fill.value === "digit" || fill.value === "file") {
      request.fill = "random";
      const shape = shapes[picture.name];
      const source = fill.value === "digit" ? digit(request.seed % 10) : await picked(file);
      request.inputs.push({ name: picture.name, data: pixels(source, shape) });
    }
    return request;
  }
  return form;
}

const openName = (input, axis) => {
  const size = input.shape[axis];
  return size === "?" ? `${input.name} ${axis}` : size;
};

/** The sizes that are not fixed, with values to begin with. */
function openSizes(inputs) {
  const sizes = new Map();
  for (const input of inputs) {
    (input.shape ?? []).forEach((size, axis) => {
      if (typeof size === "number") return;
      const isSide = isPicture(input) && axis > 1;
      sizes.set(openName(input, axis), axis === 0 || /batch|^N$/i.test(size) ? 1 : isSide ? pictureSizes : axis === 1 && isPicture(input) ? 3 : 8);
    });
  }
  return sizes;
}

function digit(n) {
  const canvas = el("canvas", { width: 112, height: 112 });
  const context = canvas.getContext("2d");
  context.fillStyle = "#000";
  context.fillRect(0, 0, 112, 112);
  context.fillStyle = "#fff";
  context.font = "88px sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(String(n), 56, 60);
  return canvas;
}

async function picked(file) {
  if (!file.files.length) throw new Error("choose a picture first");
  try {
    return await createImageBitmap(file.files[0]);
  } catch {
    throw new Error(`${file.files[0].name} is not a picture that the browser reads`);
  }
}

/** The pixels of a picture, 0 to 1, as float32 `[N, C, H, W]` in base64. */
function pixels(source, [count, channels, height, width]) {
  if (count * channels * height * width > 1 << 24) throw new Error("the picture is too large");
  const canvas = el("canvas", { width, height });
  const context = canvas.getContext("2d");
  context.drawImage(source, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const area = width * height;
  const numbers = new Float32Array(count * channels * area);
  for (let n = 0; n < count; n++) {
    for (let c = 0; c < channels; c++) {
      for (let i = 0; i < area; i++) {
        numbers[(n * channels + c) * area + i] = channels === 1
          ? (0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2]) / 255
          : data[4 * i + Math.min(c, 2)] / 255;
      }
    }
  }
  const bytes = new Uint8Array(numbers.buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}
