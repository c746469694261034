// The arithmetic of a model's steps, one element at a time: what `values[step][index]` is made of.

/** The row, column and map of an element, or only the unit. */
export function placeOf(step, index) {
  if (step.shape.length < 3) return { map: index, row: 0, column: 0 };
  const [, rows, columns] = step.shape;
  return {
    map: Math.floor(index / (rows * columns)), row: Math.floor(index / columns) % rows,
    column: index % columns,
  };
}

/** The step whose values a reshaping step only renames. */
export function behind(model, index) {
  while (model.steps[index].kind === "reshape") [index] = model.steps[index].inputs;
  return index;
}

const functions = {
  Abs: (x) => Math.abs(x),
  Relu: (x) => Math.max(0, x),
  LeakyRelu: (x, [alpha]) => (x < 0 ? alpha * x : x),
  ThresholdedRelu: (x, [alpha]) => (x > alpha ? x : 0),
  Elu: (x, [alpha]) => (x < 0 ? alpha * Math.expm1(x) : x),
  Selu: (x, [alpha, gamma]) => gamma * (x < 0 ? alpha * Math.expm1(x) : x),
  Tanh: (x) => Math.tanh(x),
  Sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  HardSigmoid: (x, [alpha, beta]) => Math.max(0, Math.min(1, alpha * x + beta)),
  HardSwish: (x) => x * Math.max(0, Math.min(1, x / 6 + 0.5)),
  Softplus: (x) => (x > 20 ? x : Math.log1p(Math.exp(x))),
  Softsign: (x) => x / (1 + Math.abs(x)),
  Clip: (x, [low, high]) => Math.min(high, Math.max(low, x)),
};

/** The value of an activation. */
export function activate(step, x) { return functions[step.operator](x, step.parameters); }

/** The cells of a window along one axis: -1 outside of the input. */
function cells(window, axis, output, size) {
  return Array.from({ length: window.kernel[axis] }, (_, i) => {
    const at = output * window.stride[axis] + i * window.dilation[axis] - window.before[axis];
    return at >= 0 && at < size ? at : -1;
  });
}

/** The part of a map that a window covers: `{ step, map, rows, columns, cells, values }`. */
function patch(model, values, source, map, step, place) {
  const [, height, width] = model.steps[source].shape;
  const ys = cells(step.window, 0, place.row, height);
  const xs = cells(step.window, 1, place.column, width);
  const indices = ys.flatMap((y) =>
    xs.map((x) => (y < 0 || x < 0 ? -1 : (map * height + y) * width + x)));
  return {
    step: source, map, rows: ys.length, columns: xs.length, cells: indices,
    values: indices.map((index) => (index < 0 ? 0 : values[source][index])),
  };
}

function weighted(part, weights) {
  part.weights = weights;
  part.products = part.values.map((value, i) => value * weights[i]);
  part.sum = part.products.reduce((a, b) => a + b, 0);
  return part;
}

/** What an element is made of: `parts` of the steps before, `terms`, and the `result`, which is
 *  undefined for an operator whose arithmetic is not known here. */
export function explain(model, values, index, element) {
  const step = model.steps[index];
  const place = placeOf(step, element);
  const found = { step, index, element, place, value: values[index][element], parts: [] };
  return Object.assign(found, makers[step.kind]?.(model, values, step, place, element));
}

const makers = {
  convolution(model, values, step, { map, row, column }) {
    const [outputs, depth] = step.weights.shape;
    const group = Math.floor(map / (outputs / step.window.groups));
    const size = step.window.kernel[0] * step.window.kernel[1];
    const parts = Array.from({ length: depth }, (_, i) => {
      const start = (map * depth + i) * size;
      return weighted(
        patch(model, values, step.inputs[0], group * depth + i, step, { row, column }),
        Array.from(step.weights.numbers.subarray(start, start + size)));
    });
    return withBias(step, parts, map);
  },
  dense(model, values, step, place, element) {
    const source = behind(model, step.inputs[0]);
    const { shape } = model.steps[source];
    const [, count] = step.weights.shape;
    const maps = shape.length === 3 ? shape[0] : 1;
    const size = count / maps;
    const columns = shape.length === 3 ? shape[2] : Math.min(count, 15);
    const parts = Array.from({ length: maps }, (_, map) => {
      const cells = Array.from({ length: size }, (_, i) => map * size + i);
      const start = element * count + map * size;
      const part = {
        step: source, map, rows: Math.ceil(size / columns), columns, cells,
        values: cells.map((cell) => values[source][cell]), isWhole: true,
      };
      return weighted(part, Array.from(step.weights.numbers.subarray(start, start + size)));
    });
    return withBias(step, parts, element);
  },
  maximum(model, values, step, place) {
    const part = patch(model, values, step.inputs[0], place.map, step, place);
    let chosen = -1;
    part.cells.forEach((cell, i) => {
      if (cell >= 0 && (chosen < 0 || part.values[i] > part.values[chosen])) chosen = i;
    });
    return { parts: [part], chosen, result: part.values[chosen] };
  },
  average(model, values, step, place) {
    const part = patch(model, values, step.inputs[0], place.map, step, place);
    const count = step.window.countsPadding
      ? padded(step, place, model.steps[step.inputs[0]].shape)
      : part.cells.filter((cell) => cell >= 0).length;
    const sum = part.values.reduce((a, b) => a + b, 0);
    return { parts: [part], count, sum, result: sum / count };
  },
  activation(model, values, step, place, element) {
    const part = single(model, values, step.inputs[0], element);
    return { parts: [part], result: activate(step, part.values[0]) };
  },
  affine(model, values, step, { map }, element) {
    const part = single(model, values, step.inputs[0], element);
    const [factor, addend] = [step.factors.numbers[map], step.addends.numbers[map]];
    return { parts: [part], factor, addend, result: factor * part.values[0] + addend };
  },
  sum(model, values, step, place, element) {
    const parts = step.inputs.map((input) => single(model, values, input, element));
    return { parts, result: parts.reduce((sum, part) => sum + part.values[0], 0) };
  },
  reshape(model, values, step, place, element) {
    const part = single(model, values, behind(model, step.inputs[0]), element);
    return { parts: [part], result: part.values[0] };
  },
  softmax(model, values, step, place, element) {
    const [source] = step.inputs;
    const numbers = values[source];
    const most = numbers.reduce((a, b) => Math.max(a, b), -Infinity);
    const total = numbers.reduce((sum, x) => sum + Math.exp(x - most), 0);
    const part = single(model, values, source, element);
    return { parts: [part], most, total, result: Math.exp(part.values[0] - most) / total };
  },
};

function withBias(step, parts, map) {
  const bias = step.bias ? step.bias.numbers[map] : 0;
  const sum = parts.reduce((sum, part) => sum + part.sum, 0);
  return { parts, bias, sum, result: sum + bias };
}

/** The cells of a window that are in the input or its padding. */
function padded({ window }, place, shape) {
  return [place.row, place.column].reduce((count, output, axis) => {
    const end = shape[axis + 1] + window.after[axis];
    const inside = Array.from({ length: window.kernel[axis] }, (_, i) =>
      output * window.stride[axis] + i * window.dilation[axis] - window.before[axis]);
    return count * inside.filter((at) => at < end).length;
  }, 1);
}

function single(model, values, source, element) {
  const { map } = placeOf(model.steps[source], element);
  return {
    step: source, map, rows: 1, columns: 1, cells: [element], values: [values[source][element]],
  };
}

/** The rows and columns of the picture that an element depends on: `[top, left, bottom, right]`. */
export function fieldOf(model, index, element) {
  const [, height, width] = model.shape;
  const whole = [0, 0, height - 1, width - 1];
  const { row, column } = placeOf(model.steps[index], element);
  let field = [row, column, row, column];
  while (index > 0) {
    const step = model.steps[index];
    if (step.shape.length < 3) return whole;
    if (step.window) {
      const { kernel, stride, dilation, before } = step.window;
      const low = (i) => field[i] * stride[i] - before[i];
      const high = (i) => field[i + 2] * stride[i] - before[i] + (kernel[i] - 1) * dilation[i];
      field = [low(0), low(1), high(0), high(1)];
    } else if (!["activation", "affine", "reshape", "other"].includes(step.kind)) {
      return whole;
    }
    [index] = step.inputs;
  }
  return [
    Math.max(0, field[0]), Math.max(0, field[1]), Math.min(height - 1, field[2]),
    Math.min(width - 1, field[3]),
  ];
}
