"""Shapes of inputs that fit together, for the operators where free choice rarely gives a valid node.

A recipe takes a `Maker` and a schema, and returns the inputs and some attributes. An input is a shape
(a list), contents (an array), or `None` for one that is left out.
"""

import numpy as np

RECIPES = {}


def recipe(*names):
    def register(function):
        for name in names:
            RECIPES[name] = function
        return function

    return register


def whole(*numbers):
    return np.array(numbers, np.int64)


def sizes(m, low=1, high=3, rank=None):
    rank = m.whole(1, 3) if rank is None else rank
    return [m.whole(0, 2) if m.chance(0.02) else m.whole(low, high) for _ in range(rank)]


@recipe("Conv", "ConvInteger", "ConvTranspose")
def convolution(m, schema):
    groups = m.pick([1, 1, 1, 2, 3])
    depth, maps = m.whole(1, 3), m.whole(1, 3)
    image = sizes(m, 1, 8)
    kernel = [m.whole(1, 4) for _ in image]
    weights = (
        [groups * depth, maps] if schema.name == "ConvTranspose" else [groups * maps, depth])
    inputs = [[m.whole(1, 2), groups * depth, *image], weights + kernel]
    if schema.name == "ConvInteger":
        if m.chance(0.5):
            inputs += [[] if m.chance(0.7) else None, m.pick([[], [groups * maps], None])]
    elif m.chance(0.5):
        inputs.append([groups * maps])
    return inputs, window(m, kernel, {"group": groups}, schema.name == "ConvTranspose")


def window(m, kernel, attributes, transposed=False):
    rank = len(kernel)
    attributes["kernel_shape"] = kernel if m.chance(0.8) else None
    attributes["strides"] = [m.pick([1, 1, 2, 3, 7]) for _ in range(rank)] if m.chance(0.6) else None
    attributes["dilations"] = [m.pick([1, 1, 2, 3]) for _ in range(rank)] if m.chance(0.4) else None
    attributes["pads"] = [m.pick([0, 0, 1, 2, 4]) for _ in range(2 * rank)] if m.chance(0.5) else None
    attributes["auto_pad"] = (
        m.pick(["SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"]) if m.chance(0.3) else None)
    if attributes["auto_pad"] and m.chance(0.9):
        attributes["pads"] = None
    if transposed:
        attributes["output_padding"] = [m.whole(0, 2) for _ in range(rank)] if m.chance(0.3) else None
        attributes["output_shape"] = [m.whole(1, 12) for _ in range(rank)] if m.chance(0.3) else None
    return attributes


@recipe("QLinearConv")
def quantized_convolution(m, schema):
    (x, w, *_), attributes = convolution(m, schema)
    maps = w[0]
    inputs = [x, np.array(0.5, np.float32), [], w,
              np.array(0.25, np.float32) if m.chance(0.6) else np.full(maps, 0.25, np.float32), [],
              np.array(m.pick([0.5, 3.0]), np.float32), []]
    return inputs, attributes


@recipe("DeformConv")
def deformable(m, schema):
    groups, depth, maps, n = m.pick([1, 2]), m.whole(1, 2), m.whole(1, 2), m.whole(1, 2)
    image, kernel = sizes(m, 3, 6, 2), [m.whole(1, 3), m.whole(1, 3)]
    stride, pad = m.pick([1, 2]), m.pick([0, 1])
    out = [(i + 2 * pad - k) // stride + 1 for i, k in zip(image, kernel)]
    elements = kernel[0] * kernel[1]
    inputs = [[n, groups * depth, *image], [groups * maps, depth, *kernel],
              [n, 2 * elements, *out]]
    if m.chance(0.5):
        inputs += [[groups * maps] if m.chance(0.5) else None, [n, elements, *out]]
    return inputs, {"group": groups, "offset_group": 1, "strides": [stride] * 2, "pads": [pad] * 4,
                    "kernel_shape": None, "dilations": None}


@recipe("AveragePool", "MaxPool", "LpPool")
def pool(m, schema):
    image = sizes(m, 1, 8)
    kernel = [m.pick([1, 2, 2, 3, 4, 7]) for _ in image]
    attributes = window(m, kernel, {})
    attributes["kernel_shape"] = kernel
    attributes["p"] = m.pick([1, 2, 3, 4])
    attributes["ceil_mode"] = m.pick([0, 1])
    return [[m.whole(1, 2), m.whole(1, 3), *image]], attributes


@recipe("BatchNormalization")
def batch_normalization(m, schema):
    shape = m.shape(m.whole(2, 5))
    inputs = [shape] + [[shape[1]]] * 3
    return inputs + [np.abs(m.random.normal(size=shape[1])).astype(np.float32)], {
        "training_mode": None, "is_test": 1 if m.chance(0.8) else None, "spatial": None,
        "epsilon": m.pick([1e-5, 1e-3])}


@recipe("InstanceNormalization")
def instance(m, schema):
    shape = m.shape(m.whole(3, 5))
    return [shape, [shape[1]], [shape[1]]], {"epsilon": m.pick([1e-5, 1e-2])}


@recipe("GroupNormalization")
def group(m, schema):
    groups, each = m.whole(1, 3), m.whole(1, 3)
    count = groups if schema.since_version < 21 else groups * each
    shape = [m.whole(1, 2), groups * each] + m.shape(m.whole(1, 2))
    return [shape, [count], [count]], {"num_groups": groups, "epsilon": None, "stash_type": None}


@recipe("LayerNormalization", "RMSNormalization")
def layer(m, schema):
    shape = m.shape(m.whole(1, 4))
    axis = m.whole(0, len(shape) - 1)
    tail = shape[axis:]
    inputs = [shape, m.pick([tail, tail, tail, [1], [tail[-1]]])]
    if schema.name == "LayerNormalization" and m.chance(0.6):
        inputs.append(m.pick([tail, tail, [tail[-1]]]))
    return inputs, {"axis": axis - len(shape) if m.chance(0.5) else axis, "stash_type": None,
                    "epsilon": m.pick([1e-5, 1e-2, 0.0])}


@recipe("LRN")
def response(m, schema):
    return [m.shape(m.whole(3, 5))], {
        "size": m.pick([1, 2, 3, 5, 7]), "alpha": m.pick([1e-4, 1.0, -1.0]),
        "beta": m.pick([0.75, 1.0, 0.0]), "bias": m.pick([1.0, 0.0])}


@recipe("Resize")
def resize(m, schema):
    rank = m.pick([1, 2, 3, 4, 4])
    shape = m.shape(rank)
    if rank == 4 and m.chance(0.8):
        shape[:2] = [1, 1]
    free = [i >= 2 or rank < 4 for i in range(rank)]
    scales = [m.pick([0.5, 0.6, 1.0, 1.5, 2.0, 3.0, 0.3]) if f else 1.0 for f in free]
    wanted = [m.whole(1, 9) if f else s for f, s in zip(free, shape)]
    scales = np.array(scales, np.float32)
    attributes = {"axes": None, "extrapolation_value": m.pick([0.0, 10.0]),
                  "cubic_coeff_a": m.pick([-0.75, -0.5]), "exclude_outside": m.pick([0, 0, 1]),
                  "antialias": m.pick([0, 0, 1])}
    if schema.since_version == 10:
        return [shape, scales], {"mode": m.pick(["nearest", "linear"])}
    if schema.since_version < 18:
        attributes.update(antialias=None)
    if schema.since_version < 19:
        attributes["coordinate_transformation_mode"] = m.pick(
            ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"])
    roi = None
    if m.chance(0.2):
        attributes["coordinate_transformation_mode"] = "tf_crop_and_resize"
        low, high = [0.0] * rank, [1.0] * rank
        if rank == 4:
            low[2:], high[2:] = [0.2, -0.3], [1.2, 0.7]
        roi = np.array(low + high, np.float32)
    if schema.since_version < 13 and roi is None:
        roi = np.array([], np.float32)
    if m.chance(0.5):
        return [shape, roi, scales], attributes
    if schema.since_version < 13:
        return [shape, roi, np.array([], np.float32), whole(*wanted)], attributes
    return [shape, roi, None, whole(*wanted)], attributes


@recipe("GridSample")
def grid(m, schema):
    axes = 2 if schema.since_version < 20 or m.chance(0.6) else m.pick([1, 3])
    n = m.whole(1, 2)
    old = schema.since_version < 20
    modes = ["bilinear", "nearest", "bicubic"] if old else ["linear", "nearest", "cubic"]
    return [[n, m.whole(1, 2), *sizes(m, 1, 5, axes)], [n, *sizes(m, 1, 4, axes), axes]], {
        "mode": m.pick(modes)}


@recipe("AffineGrid")
def affine(m, schema):
    n, axes = m.whole(1, 2), m.pick([2, 3])
    return [[n, axes, axes + 1], whole(n, 1, *sizes(m, 1, 4, axes))], {}


@recipe("RoiAlign")
def align(m, schema):
    count, n = m.whole(0, 3), m.whole(1, 2)
    rois = np.sort(m.random.uniform(-2, 9, (count, 2, 2)), axis=1).reshape(count, 4)
    if m.chance(0.2):
        rois = rois[:, ::-1]
    return [[n, m.whole(1, 2), *sizes(m, 2, 7, 2)], rois.astype(np.float32),
            m.random.integers(0, n, count)], {
        "output_height": m.whole(1, 3), "output_width": m.whole(1, 3),
        "sampling_ratio": m.pick([0, 1, 2]), "spatial_scale": m.pick([1.0, 0.5])}


@recipe("RNN", "GRU", "LSTM")
def recurrent(m, schema):
    gates = {"RNN": 1, "GRU": 3, "LSTM": 4}[schema.name]
    direction = m.pick(["forward", "reverse", "bidirectional"])
    d = 2 if direction == "bidirectional" else 1
    steps, n, size, hidden = m.whole(1, 4), m.whole(1, 3), m.whole(1, 3), m.whole(1, 3)
    inputs = [[steps, n, size], [d, gates * hidden, size], [d, gates * hidden, hidden],
              [d, 2 * gates * hidden] if m.chance(0.7) else None,
              m.random.integers(1, steps + 1, n).astype(np.int32) if m.chance(0.4) else None,
              [d, n, hidden] if m.chance(0.5) else None]
    if schema.name == "LSTM":
        inputs += [[d, n, hidden] if m.chance(0.5) else None,
                   [d, 3 * hidden] if m.chance(0.3) else None]
    count = {"RNN": 1, "GRU": 2, "LSTM": 3}[schema.name] * d
    names = ["Relu", "Tanh", "Sigmoid", "Softsign", "Softplus"]
    functions = {
        "activations": [m.pick(names) for _ in range(count)] if m.chance(0.3) else None,
        "activation_alpha": None, "activation_beta": None}
    if m.chance(0.2):
        names = ["Affine", "ScaledTanh", "HardSigmoid"]
        functions = {
            "activations": [m.pick(names) for _ in range(count)],
            "activation_alpha": [m.pick([0.5, 1.0, 2.0]) for _ in range(count)],
            "activation_beta": [m.pick([0.5, 1.0, 2.0]) for _ in range(count)]}
    return inputs, {
        "hidden_size": hidden, "direction": direction, "layout": None, "output_sequence": None,
        **functions,
        "clip": m.pick([0.5, 2.0]) if m.chance(0.2) else None, "input_forget": m.pick([None, 0, 1]),
        "linear_before_reset": m.pick([None, 0, 1])}


@recipe("Gemm")
def gemm(m, schema):
    rows, depth, columns = m.whole(0, 4), m.whole(0, 4), m.whole(0, 4)
    a, b = m.pick([0, 1]), m.pick([0, 1])
    inputs = [[depth, rows] if a else [rows, depth], [columns, depth] if b else [depth, columns]]
    inputs.append(m.pick([[rows, columns], [columns], [1], [rows, 1], []]))
    if schema.since_version >= 11 and m.chance(0.3):
        inputs.pop()
    return inputs, {"transA": a, "transB": b, "alpha": m.pick([1.0, 0.5, 0.0, -2.0]),
                    "beta": m.pick([1.0, 0.0, 0.5]), "broadcast": 1}


@recipe("MatMul", "MatMulInteger")
def product(m, schema):
    rows, depth, columns = m.whole(0, 4), m.whole(0, 4), m.whole(1, 4)
    outer = m.shape(m.whole(0, 2))
    a = m.pick([[*outer, rows, depth], [rows, depth], [depth]])
    b = m.pick([[*m.near(outer), depth, columns], [depth, columns], [depth]])
    inputs = [a, b]
    if schema.name == "MatMulInteger" and m.chance(0.5):
        inputs += [[] if m.chance(0.5) else None, []]
    return inputs, {}


@recipe("Gather", "GatherElements", "ScatterElements", "Scatter", "GatherND", "ScatterND",
        "ArrayFeatureExtractor", "TensorScatter")
def gather(m, schema):
    shape = m.shape(m.whole(1, 4))
    axis = m.whole(-len(shape), len(shape) - 1)
    limit = max(shape[axis], 1)
    low = -limit if schema.since_version >= 11 else 0
    if m.chance(0.05):
        limit += 1
    attributes = {"axis": axis}
    name = schema.name
    if name in ("GatherND", "ScatterND"):
        depth = m.whole(1, len(shape))
        outer = m.shape(m.whole(0, 2))
        places = np.stack(
            [m.random.integers(-max(s, 1) if low < 0 else 0, max(s, 1), outer)
             for s in shape[:depth]], -1)
        if name == "GatherND":
            return [shape, places.astype(np.int64)], {"batch_dims": 0}
        return [shape, places.astype(np.int64), outer + shape[depth:]], {}
    if name == "Gather":
        return [shape, m.random.integers(low, limit, m.shape(m.whole(0, 2)))], attributes
    if name == "ArrayFeatureExtractor":
        return [shape, m.random.integers(0, max(shape[-1], 1), (1, m.whole(1, 3)))], {}
    if name == "TensorScatter":
        shape = m.shape(m.whole(3, 4))
        update = list(shape)
        update[-2] = m.whole(0, shape[-2])
        return [shape, update, m.random.integers(0, shape[-2] - update[-2] + 1, shape[0])], {
            "axis": None, "mode": m.pick([None, "linear", "circular"])}
    own = [m.whole(min(1, s), s) if m.chance(0.4) else s for s in shape]
    places = m.random.integers(low, limit, own)
    if name == "GatherElements":
        return [shape, places], attributes
    return [shape, places, own], attributes


@recipe("TopK")
def top(m, schema):
    shape = m.shape(m.whole(1, 4))
    axis = m.whole(0, len(shape) - 1)
    k = m.whole(0, shape[axis])
    attributes = {"axis": axis, "k": max(k, 1), "largest": m.pick([0, 1]), "sorted": 1}
    return ([shape] if schema.since_version == 1 else [shape, whole(k)]), attributes


@recipe("OneHot")
def one_hot(m, schema):
    depth = m.whole(1, 5)
    return [m.random.integers(-depth - 1, depth + 1, m.shape(m.whole(0, 3))),
            m.pick([whole(depth), np.array(depth, np.int64)]), [2]], {}


@recipe("DepthToSpace", "SpaceToDepth")
def blocks(m, schema):
    block, c = m.whole(1, 3), m.whole(1, 2)
    h, w = m.whole(0, 3), m.whole(1, 3)
    shape = [m.whole(1, 2), c * block * block, h, w]
    if schema.name == "SpaceToDepth":
        shape = [m.whole(1, 2), c, h * block, w * block]
    return [shape], {"blocksize": block}


@recipe("Softmax", "LogSoftmax", "Hardmax", "CumSum", "CumProd", "ArgMax", "ArgMin")
def along(m, schema):
    shape = m.shape(m.whole(1, 5))
    axis = m.whole(-len(shape), len(shape) - 1)
    if schema.since_version < 11:
        axis = abs(axis) % len(shape)
    if schema.name.startswith("Cum"):
        return [shape, np.array(axis, m.pick([np.int32, np.int64]))], {}
    return [shape], {"axis": axis}


@recipe("Concat")
def concat(m, schema):
    shape = m.shape(m.whole(1, 4))
    axis = m.whole(-len(shape), len(shape) - 1)
    if schema.since_version < 11:
        axis %= len(shape)
    inputs = []
    for _ in range(m.whole(1, 4)):
        own = list(shape)
        own[axis] = m.whole(0, 3)
        inputs.append(own)
    return inputs, {"axis": axis}


@recipe("Pad")
def pad(m, schema):
    shape = m.shape(m.whole(0, 4))
    pads = [m.pick([0, 0, 1, 2, 3, -1]) for _ in range(2 * len(shape))]
    modes = ["constant", "reflect", "edge"] + (["wrap"] if schema.since_version >= 19 else [])
    attributes = {"mode": m.pick(modes), "value": m.pick([0.0, 1.5])}
    if schema.since_version < 11:
        return [shape], {**attributes, "pads": pads, "paddings": pads}
    inputs = [shape, whole(*pads)]
    if m.chance(0.5):
        inputs.append([])
    if schema.since_version >= 18 and m.chance(0.3):
        axes = list(range(len(shape)))[: m.whole(0, len(shape))]
        inputs = [shape, whole(*pads[: 2 * len(axes)]), None, whole(*axes)]
    return inputs, attributes


@recipe("QuantizeLinear", "DequantizeLinear")
def quantize(m, schema):
    shape = m.shape(m.whole(1, 4))
    axis = m.whole(0, len(shape) - 1)
    per = [shape[axis]] if schema.since_version >= 13 and m.chance(0.5) else []
    scale = m.pick([0.1, 0.5, 3.0]) * (1 + np.arange(int(np.prod(per)), dtype=np.float32))
    inputs = [shape, scale.reshape(per).astype(np.float32)]
    if m.chance(0.7):
        inputs.append(per)
    return inputs, {"axis": axis, "block_size": None, "output_dtype": None, "precision": None}


@recipe("Attention")
def attention(m, schema):
    n, heads, groups, q, k, d = [m.whole(1, 3) for _ in range(6)]
    v = d if m.chance(0.6) else m.whole(1, 3)
    inputs = [[n, heads * groups, q, d], [n, heads, k, d], [n, heads, k, v]]
    if m.chance(0.4):
        inputs.append(m.pick([[q, k], [n, 1, q, k], [1, heads * groups, q, k], [k]]))
    return inputs, {"q_num_heads": None, "kv_num_heads": None, "is_causal": m.pick([0, 1]),
                    "scale": m.pick([None, 0.5, 1.0]), "softcap": m.pick([None, 0.0, 2.0]),
                    "softmax_precision": None, "qk_matmul_output_mode": None}


@recipe("SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss")
def loss(m, schema):
    n, classes = m.whole(1, 3), m.whole(1, 4)
    outer = m.shape(m.whole(0, 2))
    inputs = [[n, classes, *outer], m.random.integers(0, classes, [n, *outer])]
    if m.chance(0.4):
        inputs.append([classes])
    return inputs, {"ignore_index": m.pick([None, 0, 1, -1])}


@recipe("Slice")
def cut(m, schema):
    shape = m.shape(m.whole(0, 4))
    axes = [int(a) for a in m.random.permutation(len(shape))[: m.whole(0, len(shape))]]
    far = [-(2**63), -(2**31), -9, -2, -1, 0, 1, 2, 9, 2**31 - 1, 2**63 - 1]
    starts, ends = ([m.pick(far) for _ in axes] for _ in range(2))
    if schema.since_version < 10:
        return [shape], {"starts": starts, "ends": ends, "axes": axes}
    inputs = [shape, whole(*starts), whole(*ends), whole(*axes)]
    if m.chance(0.5):
        inputs.append(whole(*[m.pick([-3, -2, -1, 1, 2, 2**40]) for _ in axes]))
    return inputs, {}


@recipe("NonMaxSuppression")
def suppression(m, schema):
    n, boxes, classes = m.whole(1, 2), m.whole(0, 6), m.whole(1, 2)
    corners = m.random.uniform(0, 1, (n, boxes, 4)).astype(np.float32)
    return [corners, [n, classes, boxes], whole(m.whole(0, 4)),
            np.array([m.pick([0.0, 0.3, 0.9])], np.float32),
            np.array([m.pick([-1.0, 0.0, 0.3])], np.float32)], {}


@recipe("DFT")
def fourier(m, schema):
    rank = m.whole(2, 4)
    shape = m.shape(rank - 1) + [m.pick([1, 2])]
    axis = m.whole(0, rank - 2)
    inputs = [shape]
    if m.chance(0.4):
        inputs.append(np.array(m.whole(1, 6), np.int64))
    if schema.since_version >= 20:
        inputs += [None] * (2 - len(inputs)) + [np.array(axis, np.int64)]
    return inputs, {"axis": axis, "inverse": m.pick([0, 1]), "onesided": m.pick([0, 0, 1])}


@recipe("ReverseSequence")
def reverse(m, schema):
    shape = m.shape(m.whole(2, 3))
    axis = m.pick([0, 1])
    return [shape, m.random.integers(min(1, shape[axis]), shape[axis] + 1, shape[1 - axis])], {
        "time_axis": axis, "batch_axis": 1 - axis}


@recipe("MaxUnpool")
def unpool(m, schema):
    shape = [1, 1, *sizes(m, 1, 3, 2)]
    count = int(np.prod(shape))
    size = 4 * count
    places = m.random.permutation(max(size, 1))[:count].reshape(shape)
    return [shape, places.astype(np.int64)], {
        "kernel_shape": [2, 2], "strides": [2, 2], "pads": None}


@recipe("Split", "SplitToSequence")
def split(m, schema):
    shape = m.shape(m.whole(1, 4))
    axis = m.whole(0, len(shape) - 1)
    parts = m.whole(1, 3)
    lengths = [m.whole(0, 2) for _ in range(parts)]
    shape[axis] = sum(lengths)
    attributes = {"axis": axis, "split": lengths if m.chance(0.7) else None,
                  "num_outputs": None, "keepdims": m.pick([0, 1])}
    if schema.name == "Split":
        attributes["outputs"] = parts
    if schema.name == "SplitToSequence" or schema.since_version in (1, 13, 18):
        if schema.name == "SplitToSequence" or schema.since_version != 1:
            if m.chance(0.7):
                return [shape, whole(*lengths)], attributes
            if schema.since_version == 18:
                attributes["num_outputs"] = parts
    return [shape], attributes


@recipe("Imputer", "OneHotEncoder", "Scaler", "Normalizer", "Binarizer", "LabelEncoder",
        "FeatureVectorizer", "LinearRegressor", "LinearClassifier", "CategoryMapper")
def classic(m, schema):
    rows, columns = m.whole(1, 3), m.whole(1, 4)
    shape = m.pick([[rows, columns], [rows, columns], [columns], [rows, columns, 2], [1, 2, 2, 2]])
    floats = [float(m.pick([0, 1, 2, -1, 0.5])) for _ in range(columns)]
    numbers = [m.whole(-1, 3) for _ in range(columns)]
    name = schema.name
    attributes = {}
    if name == "Imputer":
        attributes = m.pick([
            {"imputed_value_floats": floats[: m.pick([1, columns])],
             "replaced_value_float": m.pick([0.0, float("nan")])},
            {"imputed_value_int64s": numbers[: m.pick([1, columns])],
             "replaced_value_int64": m.pick([0, 1])}])
    if name == "OneHotEncoder":
        attributes = {"cats_int64s": numbers, "zeros": m.pick([0, 1])}
    if name == "Scaler":
        attributes = {"offset": floats, "scale": floats[::-1]}
    if name == "LabelEncoder" and schema.since_version > 1:
        attributes = {"keys_int64s": numbers, "values_floats": floats, "default_float": -9.0}
    if name == "LinearRegressor":
        attributes = {"coefficients": floats, "intercepts": [0.5], "targets": 1}
    if name == "LinearClassifier":
        attributes = {"coefficients": floats + floats[::-1], "intercepts": [0.5, -0.5],
                      "classlabels_ints": [3, 5], "post_transform": m.pick(
                          ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"])}
    return [shape], {**dict.fromkeys(schema.attributes), **attributes} if attributes else attributes
