"""Random models of one node of the standard, for tools/compare/random_models.py."""

import dataclasses

import ml_dtypes
import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, defs, helper, numpy_helper

MOST_ELEMENTS = 3000
TYPES = {
    "float": np.float32, "double": np.float64, "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16, "int8": np.int8, "int16": np.int16, "int32": np.int32,
    "int64": np.int64, "uint8": np.uint8, "uint16": np.uint16, "uint32": np.uint32,
    "uint64": np.uint64, "bool": np.bool_, "string": np.object_, "complex64": np.complex64,
    "complex128": np.complex128, "int4": ml_dtypes.int4, "uint4": ml_dtypes.uint4,
    "float8e4m3fn": ml_dtypes.float8_e4m3fn, "float8e4m3fnuz": ml_dtypes.float8_e4m3fnuz,
    "float8e5m2": ml_dtypes.float8_e5m2, "float8e5m2fnuz": ml_dtypes.float8_e5m2fnuz,
    "float4e2m1": ml_dtypes.float4_e2m1fn, "int2": ml_dtypes.int2, "uint2": ml_dtypes.uint2,
    "float8e8m0": ml_dtypes.float8_e8m0fnu,
}
# Graph attributes, random results, files and side effects.
LEFT_OUT = {
    "If", "Loop", "Scan", "SequenceMap", "RandomNormal", "RandomNormalLike", "RandomUniform",
    "RandomUniformLike", "Multinomial", "Bernoulli", "ImageDecoder", "FlexAttention",
}


@dataclasses.dataclass
class RandomCase:
    label: str
    model: bytes
    feeds: dict


def schemas():
    return [
        schema for schema in defs.get_all_schemas_with_history()
        if schema.domain in ("", "ai.onnx.ml") and not schema.deprecated
        and schema.name not in LEFT_OUT]


ALL = schemas()


def random_shape(r, most_rank=8, zeros=True):
    rank = int(r.choice(
        [0, 1, 2, 3, 4, 5, 6, 7, 8], p=[.08, .17, .25, .2, .17, .06, .03, .02, .02]))
    shape = []
    for _ in range(min(rank, most_rank)):
        size = int(r.integers(1, 6))
        if zeros and r.random() < 0.02:
            size = 0
        elif r.random() < 0.15:
            size = 1
        if np.prod(shape + [size], dtype=np.int64) > MOST_ELEMENTS:
            size = 1
        shape.append(size)
    return shape


def broadcastable(r, shape):
    """A shape that broadcasts with `shape` by NumPy's rule."""
    keep = shape[int(r.integers(0, len(shape) + 1)):] if r.random() < 0.4 else list(shape)
    return [1 if r.random() < 0.2 else size for size in keep]


def contents(r, kind, shape, low=None, high=None):
    """An array of an element type (a key of TYPES), between bounds if they are given."""
    type = TYPES[kind]
    if kind == "string":
        words = ["", "a", "B", "ab c", "1.5", "-2", "nan", "日本", "A,b", "0x", " x "]
        return np.array(r.choice(words, size=shape), dtype=np.object_).reshape(shape)
    if kind == "bool":
        return r.random(shape) < 0.5
    info = None if low is not None else np.iinfo(type) if np.dtype(type).kind in "iu" else None
    if low is not None or np.dtype(type).kind in "iu" or kind in ("int4", "uint4", "int2", "uint2"):
        if low is None:
            low, high = (-5, 6) if kind[0] == "i" else (0, 9)
            if kind.endswith("int2"):
                low, high = (-2, 2) if kind[0] == "i" else (0, 4)
        values = r.integers(low, high, size=shape)
        array = np.asarray(values).astype(type).reshape(shape)
        if info is not None and array.size and r.random() < 0.1:
            array.reshape(-1)[int(r.integers(array.size))] = r.choice([info.min, info.max])
        return array
    values = r.standard_normal(shape) * r.choice([0.3, 1, 1, 3, 20])
    if kind.startswith("complex"):
        values = values + 1j * r.standard_normal(shape)
    values = np.asarray(values)
    if r.random() < 0.3:
        values = np.round(values)
    if values.size and r.random() < 0.15 and not kind.startswith("complex"):
        flat = values.reshape(-1)
        for _ in range(int(r.integers(1, 4))):
            flat[int(r.integers(flat.size))] = r.choice(
                [np.nan, np.inf, -np.inf, -0.0, 0.0, 1e30, -1e30, 1e-30, 65504, 0.5, 2.5])
    with np.errstate(all="ignore"):
        return values.astype(type).reshape(shape)


def random_attribute(r, schema, name, attribute, rank):
    """A value for an attribute of that name, or None to leave it out."""
    kind = attribute.type
    types = AttributeProto
    if name == "to" or name in ("dtype", "output_datatype", "output_dtype", "stash_type"):
        if name == "stash_type":
            return int(r.choice([1, 1, 1, 10, 11, 16]))
        return int(r.choice([1, 1, 2, 3, 5, 6, 7, 7, 9, 10, 11, 12, 13, 16, 17, 19, 8]))
    if kind == types.INT:
        if "axis" in name:
            return int(r.integers(-rank - (r.random() < 0.1), rank + (r.random() < 0.1) + (rank == 0)))
        if name in ("keepdims", "exclusive", "reverse", "allowzero", "align_corners", "largest",
                    "sorted", "ceil_mode", "count_include_pad", "transA", "transB", "upper",
                    "select_last_index", "noop_with_empty_axes", "keep_aspect_ratio", "onesided",
                    "inverse", "saturate", "periodic", "layout", "linear_before_reset",
                    "input_forget", "exclude_outside", "antialias", "storage_order", "detect_negative",
                    "detect_positive", "new_axis"):
            return int(r.integers(0, 2))
        return int(r.choice([0, 1, 1, 2, 3, 4, -1]))
    if kind == types.FLOAT:
        return float(r.choice([0, 1, -1, 0.5, 2, 1e-5, 0.1, 100, -0.25]))
    if kind == types.STRING:
        return None
    if kind == types.INTS:
        if name == "axes":
            count = int(r.integers(0, rank + 1))
            axes = [int(x) for x in r.permutation(rank)[:count]] if rank else []
            return [x - rank if r.random() < 0.3 else x for x in axes]
        if name == "perm":
            return [int(x) for x in r.permutation(rank)]
        return [int(x) for x in r.integers(0, 4, size=int(r.integers(0, 4)))]
    if kind == types.FLOATS:
        return [float(x) for x in r.standard_normal(int(r.integers(0, 4)))]
    if kind == types.STRINGS:
        return [str(x) for x in r.choice(["a", "b", "c", "1.5"], size=int(r.integers(0, 4)))]
    return None


CHOICES = {
    "auto_pad": ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"],
    "approximate": ["none", "tanh"], "direction": ["forward", "reverse", "bidirectional"],
    "mode": None, "reduction": ["none", "add", "mul", "max", "min"],
    "padding_mode": ["zeros", "border", "reflection"],
    "coordinate_transformation_mode": [
        "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
        "tf_crop_and_resize", "output_half_pixel"],
    "nearest_mode": ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"],
    "case_change_action": ["LOWER", "UPPER", "NONE"], "norm": ["MAX", "L1", "L2"],
    "post_transform": ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"],
    "keep_aspect_ratio_policy": ["stretch", "not_larger", "not_smaller"],
    "round_mode": ["up", "down", "nearest"], "equation": ["ij,jk->ik", "...i->...", "ii->i", "i,j->ij"],
}
MODES = {
    "Pad": ["constant", "reflect", "edge", "wrap"], "Resize": ["nearest", "linear", "cubic"],
    "Upsample": ["nearest", "linear"], "GridSample": ["linear", "nearest", "cubic", "bilinear", "bicubic"],
    "RoiAlign": ["avg", "max"], "DepthToSpace": ["DCR", "CRD"], "BitShift": ["LEFT", "RIGHT"],
}


def window_case(r, schema, name):
    """Shapes and attributes of convolutions and pools."""
    axes = int(r.choice([1, 2, 2, 2, 3]))
    sizes = [int(x) for x in r.integers(1, 9, size=axes)]
    kernel = [int(x) for x in r.integers(1, 5, size=axes)]
    batch, channels = int(r.integers(1, 3)), int(r.integers(1, 7))
    attributes = {}
    if r.random() < 0.6:
        attributes["strides"] = [int(x) for x in r.integers(1, 4, size=axes)]
    if "dilations" in schema.attributes and r.random() < 0.4:
        attributes["dilations"] = [int(x) for x in r.integers(1, 4, size=axes)]
    if r.random() < 0.5:
        attributes["pads"] = [int(x) for x in r.integers(0, 4, size=2 * axes)]
    elif r.random() < 0.5:
        attributes["auto_pad"] = str(r.choice(CHOICES["auto_pad"]))
    for flag in ("ceil_mode", "count_include_pad", "storage_order"):
        if flag in schema.attributes and r.random() < 0.4:
            attributes[flag] = 1
    if name == "LpPool":
        attributes["p"] = int(r.integers(1, 4)) if schema.since_version > 1 else 2.0
    shapes = [[batch, channels] + sizes]
    if "Conv" in name:
        group = int(r.choice([g for g in (1, 1, 2, 3, channels) if channels % g == 0]))
        if group > 1:
            attributes["group"] = group
        outputs = group * int(r.integers(1, 4))
        weight = ([channels, outputs // group] if name == "ConvTranspose"
                  else [outputs, channels // group]) + kernel
        if r.random() < 0.5:
            attributes["kernel_shape"] = kernel
        if name == "ConvTranspose" and r.random() < 0.3:
            attributes["output_padding"] = [int(x) for x in r.integers(0, 2, size=axes)]
        shapes += [weight]
        if name in ("Conv", "ConvTranspose") and r.random() < 0.5:
            shapes += [[outputs]]
    elif "Global" not in name:
        attributes["kernel_shape"] = kernel
    else:
        attributes = {}
    return shapes, attributes


def recurrent_case(r, schema, name):
    gates = {"RNN": 1, "GRU": 3, "LSTM": 4}[name]
    steps, batch, size, hidden = (int(x) for x in r.integers(1, 5, size=4))
    direction = str(r.choice(CHOICES["direction"]))
    directions = 2 if direction == "bidirectional" else 1
    attributes = {"hidden_size": hidden, "direction": direction}
    if "layout" in schema.attributes and r.random() < 0.2:
        attributes["layout"] = 1
    if r.random() < 0.2:
        attributes["clip"] = float(r.choice([0.5, 1.0, 3.0]))
    if "linear_before_reset" in schema.attributes and r.random() < 0.5:
        attributes["linear_before_reset"] = 1
    if "input_forget" in schema.attributes and r.random() < 0.2:
        attributes["input_forget"] = 1
    major = (lambda a, b: [b, a]) if attributes.get("layout") else (lambda a, b: [a, b])
    shapes = [
        major(steps, batch) + [size], [directions, gates * hidden, size],
        [directions, gates * hidden, hidden]]
    optional = [[directions, 2 * gates * hidden], [batch], major(directions, batch) + [hidden]]
    if name == "LSTM":
        optional += [major(directions, batch) + [hidden], [directions, 3 * hidden]]
    for shape in optional[:int(r.integers(0, len(optional) + 1))]:
        shapes.append(None if r.random() < 0.3 else shape)
    values = {4: lambda kind: contents(r, "int32", [batch], 0, steps + 1)} if len(shapes) > 4 else {}
    return shapes, attributes, values


def recipe(r, schema):
    """Shapes (None leaves an input out), attributes and contents of inputs; None for no recipe."""
    name = schema.name
    if name in ("Conv", "ConvTranspose", "ConvInteger", "MaxPool", "AveragePool", "LpPool",
                "GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool"):
        return (*window_case(r, schema, name), {})
    if name in ("RNN", "GRU", "LSTM"):
        return recurrent_case(r, schema, name)
    if name in ("MatMul", "MatMulInteger"):
        m, k, n = (int(x) for x in r.integers(0 if r.random() < 0.05 else 1, 7, size=3))
        batch = random_shape(r, 3)
        return [broadcastable(r, batch) + [m, k], broadcastable(r, batch) + [k, n]], {}, {}
    if name == "Gemm":
        m, k, n = (int(x) for x in r.integers(1, 7, size=3))
        a, b = int(r.integers(0, 2)), int(r.integers(0, 2))
        shapes = [[k, m] if a else [m, k], [n, k] if b else [k, n]]
        if schema.since_version < 11 or r.random() < 0.7:
            shapes.append(broadcastable(r, [m, n]))
        return shapes, {"transA": a, "transB": b, "alpha": float(r.choice([1, 0.5, 2, 0])),
                        "beta": float(r.choice([1, 0, 0.25]))}, {}
    shape = random_shape(r)
    rank = len(shape)
    if name in ("BatchNormalization", "InstanceNormalization", "GroupNormalization"):
        shape = (shape + [2, 3])[:max(2, rank)]
        count = {"BatchNormalization": 4}.get(name, 2)
        attributes = {}
        if name == "GroupNormalization":
            divisors = [d for d in range(1, shape[1] + 1) if shape[1] % d == 0]
            attributes["num_groups"] = int(r.choice(divisors or [1]))
        sizes = [[shape[1]]] * count
        values = {4: lambda kind: np.abs(contents(r, kind, [shape[1]]))} if count == 4 else {}
        return [shape] + sizes, attributes, values
    if name in ("LayerNormalization", "RMSNormalization"):
        axis = int(r.integers(0, max(rank, 1)))
        shapes = [shape, broadcastable(r, shape[axis:])]
        if name == "LayerNormalization" and r.random() < 0.5:
            shapes.append(broadcastable(r, shape[axis:]))
        return shapes, {"axis": axis}, {}
    if name in ("Gather", "GatherElements", "Scatter", "ScatterElements"):
        shape = shape or [3]
        axis = int(r.integers(0, len(shape)))
        size = max(shape[axis], 1)
        index = (random_shape(r, 3) if name == "Gather"
                 else [int(r.integers(0, s + 1)) for s in shape])
        kind = lambda k: contents(r, k, index, -size, size)  # noqa: E731
        shapes = [shape, index] + ([index] if "Scatter" in name else [])
        return shapes, {"axis": axis}, {1: kind}
    if name in ("GatherND", "ScatterND"):
        shape = shape or [3]
        last = int(r.integers(1, len(shape) + 1))
        index = random_shape(r, 2) + [last]
        limit = max(min(shape[:last]), 1)
        shapes = [shape, index]
        if name == "ScatterND":
            shapes.append(index[:-1] + shape[last:])
        return shapes, {}, {1: lambda k: contents(r, k, index, -limit, limit)}
    if name == "Reshape":
        shape = shape or [2, 3]
        target = [int(x) for x in r.permutation(shape)]
        if r.random() < 0.5:
            target = [-1] + target[2:] if len(target) > 1 else [-1]
        elif r.random() < 0.3:
            target = target + [1]
        if schema.since_version < 5:
            return [shape], {"shape": target}, {}
        return [shape, [len(target)]], {}, {1: lambda k: np.array(target, np.int64)}
    if name in ("Expand", "Tile") and schema.since_version > 1:
        count = rank + (int(r.integers(-1, 2)) if name == "Expand" else 0)
        target = [int(r.integers(0, 4)) if name == "Tile" else
                  int(r.choice([1, shape[i] if i < rank else 2])) for i in range(max(count, 0))]
        return [shape, [len(target)]], {}, {1: lambda k: np.array(target, np.int64)}
    if name == "Slice" and schema.since_version >= 10:
        count = int(r.integers(0, rank + 1))
        axes = np.array(r.permutation(rank)[:count], np.int64)
        pick = lambda low, high: contents(r, "int64", [count], low, high)  # noqa: E731
        starts, ends = pick(-7, 8), pick(-9, 10)
        steps = r.choice([-3, -2, -1, 1, 1, 2, 3], size=count).astype(np.int64)
        given = int(r.integers(3, 6)) if count == rank else 5
        arrays = [starts, ends, axes - (rank if r.random() < 0.3 else 0), steps][:given - 1]
        if given == 3:
            arrays = [starts, ends]
        return ([shape] + [[count]] * len(arrays), {},
                {i + 1: (lambda k, a=a: a.astype(TYPES[k])) for i, a in enumerate(arrays)})
    if name in ("Squeeze", "Unsqueeze") and schema.since_version >= 13 or (
            name.startswith("Reduce") and "axes" not in schema.attributes):
        if name == "Squeeze":
            shape = [1 if r.random() < 0.5 else s for s in shape]
            axes = [i for i, s in enumerate(shape) if s == 1 and r.random() < 0.8]
        elif name == "Unsqueeze":
            extra = int(r.integers(0, 3))
            axes = [int(x) for x in r.permutation(rank + extra)[:extra]]
        else:
            axes = [int(x) for x in r.permutation(rank)[:int(r.integers(0, rank + 1))]]
        total = rank + (len(axes) if name == "Unsqueeze" else 0)
        axes = [a - total if r.random() < 0.3 else a for a in axes]
        if name != "Unsqueeze" and r.random() < 0.3:
            return [shape], None, {}
        return [shape, [len(axes)]], None, {1: lambda k: np.array(axes, np.int64)}
    if name == "Pad" and schema.since_version >= 11:
        pads = [int(x) for x in r.integers(-1 if r.random() < 0.2 else 0, 3, size=2 * rank)]
        shapes = [shape, [2 * rank]] + ([[]] if r.random() < 0.5 else [])
        return shapes, {"mode": str(r.choice(MODES["Pad"][:4 if schema.since_version >= 19 else 3]))}, {
            1: lambda k: np.array(pads, np.int64)}
    if name == "Resize" and schema.since_version >= 11:
        shape = [1, int(r.integers(1, 3))] + [int(x) for x in r.integers(1, 6, size=int(r.integers(1, 3)))]
        rank = len(shape)
        attributes = {"mode": str(r.choice(MODES["Resize"]))}
        for key in ("coordinate_transformation_mode", "nearest_mode"):
            if r.random() < 0.6:
                attributes[key] = str(r.choice(CHOICES[key]))
        if "antialias" in schema.attributes and r.random() < 0.2:
            attributes["antialias"] = 1
        roi = None
        if attributes.get("coordinate_transformation_mode") == "tf_crop_and_resize":
            roi = [2 * rank]
        elif schema.since_version < 13:
            roi = [0]
        if r.random() < 0.5:
            scales = [1.0, 1.0] + [float(x) for x in r.choice([0.5, 0.6, 1, 1.5, 2, 2.7, 3], size=rank - 2)]
            return [shape, roi, [rank]], attributes, {
                1: lambda k: np.array([0.1] * rank + [0.8] * rank, TYPES[k])[:roi[0]],
                2: lambda k: np.array(scales, np.float32)}
        sizes = shape[:2] + [int(x) for x in r.integers(1, 9, size=rank - 2)]
        empty = [0] if schema.since_version < 13 else None
        return [shape, roi, empty, [rank]], attributes, {
            1: lambda k: np.array([0.1] * rank + [0.8] * rank, TYPES[k])[:roi[0]],
            3: lambda k: np.array(sizes, np.int64)}
    if name == "Concat":
        axis = int(r.integers(-rank, rank)) if rank else 0
        shapes = []
        for _ in range(int(r.integers(1, 4))):
            one = list(shape)
            if rank:
                one[axis] = int(r.integers(0, 4))
            shapes.append(one)
        return shapes, {"axis": axis}, {}
    if name == "Split" and schema.since_version >= 13 and rank:
        axis = int(r.integers(0, rank))
        parts = [int(x) for x in r.integers(0, 3, size=2)]
        shape[axis] = sum(parts)
        return [shape, [2]], {"axis": axis}, {1: lambda k: np.array(parts, np.int64)}
    if name == "TopK":
        shape = shape or [3]
        axis = int(r.integers(0, len(shape)))
        k = int(r.integers(0, shape[axis] + 1))
        if schema.since_version == 1:
            return [shape], {"axis": axis, "k": k}, {}
        return [shape, [1]], {"axis": axis}, {1: lambda _: np.array([k], np.int64)}
    if name == "OneHot":
        depth = int(r.integers(1, 6))
        return [shape, [] if r.random() < 0.5 else [1], [2]], None, {
            0: lambda k: contents(r, k, shape, -depth if k[0] != "u" else 0, depth + 1),
            1: lambda k: np.full([], depth).astype(TYPES[k])}
    if name == "Range":
        values = [int(r.integers(-5, 5)), int(r.integers(-5, 12)), int(r.choice([-2, -1, 1, 2, 3]))]
        return [[], [], []], {}, {
            i: (lambda k, v=v: np.array(v).astype(TYPES[k])) for i, v in enumerate(values)}
    if name == "Where":
        return [broadcastable(r, shape) for _ in range(3)], {}, {}
    if name in ("Transpose", "Flatten", "Identity", "Shape", "Size", "Softmax", "LogSoftmax", "Hardmax"):
        return [shape], None, {}
    if name in ("DequantizeLinear", "QuantizeLinear"):
        kind = r.random()
        if kind < 0.4 or rank == 0:
            return [shape, [], [] if r.random() < 0.7 else None], {}, {1: positive(r, [])}
        axis = int(r.integers(0, rank))
        if "block_size" in schema.attributes and kind > 0.8:
            block = int(r.integers(1, 4))
            scale = list(shape)
            scale[axis] = -(-shape[axis] // block)
            return [shape, scale, scale if r.random() < 0.7 else None], {
                "axis": axis, "block_size": block}, {1: positive(r, scale)}
        scale = [shape[axis]]
        return [shape, scale, scale if r.random() < 0.7 else None], {"axis": axis}, {
            1: positive(r, scale)}
    if name == "ConstantOfShape":
        return [[rank]], {}, {0: lambda k: np.array(shape, np.int64)}
    if name in ("CumSum", "CumProd"):
        shape = shape or [3]
        return [shape, []], None, {
            1: lambda k: np.array(int(r.integers(-len(shape), len(shape)))).astype(TYPES[k])}
    if name == "GridSample":
        axes = 2 if schema.since_version < 20 else int(r.choice([2, 2, 3]))
        sizes = [int(x) for x in r.integers(1, 5, size=axes)]
        n = int(r.integers(1, 3))
        return [[n, 2] + sizes, [n] + [int(x) for x in r.integers(1, 4, size=axes)] + [axes]], None, {}
    if name in ("LRN", "MeanVarianceNormalization", "DepthToSpace", "SpaceToDepth"):
        block = int(r.integers(1, 3))
        shape = [1, 4 * block * block, 2 * block, 2 * block]
        attributes = {"blocksize": block} if "Space" in name else (
            {"size": int(r.integers(1, 7))} if name == "LRN" else {})
        return [shape], attributes, {}
    if name == "Einsum":
        equation, sizes = [
            ("ij,jk->ik", [[2, 3], [3, 4]]), ("...ij,...jk->...ik", [[2, 1, 2, 3], [3, 3, 2]]),
            ("ii->i", [[3, 3]]), ("ij->ji", [[2, 3]]), ("i,j->ij", [[2], [3]]),
            ("bij,bjk", [[2, 2, 3], [2, 3, 2]]), ("ij->", [[2, 3]]), ("...->...", [[2, 3]]),
        ][int(r.integers(8))]
        return sizes, {"equation": equation}, {}
    if name in ("ReverseSequence",):
        shape = (shape + [2, 3])[:max(rank, 2)]
        time = int(r.integers(0, 2))
        return [shape, [shape[1 - time]]], {"time_axis": time, "batch_axis": 1 - time}, {
            1: lambda k: contents(r, k, [shape[1 - time]], 1, max(shape[time], 1) + 1)}
    if name == "Attention":
        batch, heads, groups = (int(x) for x in r.integers(1, 3, size=3))
        q, k, d, v = (int(x) for x in r.integers(1, 5, size=4))
        shapes = [[batch, heads * groups, q, d], [batch, heads, k, d], [batch, heads, k, v]]
        attributes = {"is_causal": int(r.integers(0, 2))}
        if r.random() < 0.4:
            shapes.append([q, k])
        if r.random() < 0.3:
            attributes["softcap"] = 2.0
        return shapes, attributes, {}
    return None


def positive(r, shape):
    return lambda k: np.asarray(
        np.abs(r.standard_normal(shape)) + 0.05).astype(TYPES[k]).reshape(shape)


def kinds_of(text):
    return text[7:-1] if text.startswith("tensor(") else None


def choose_types(r, schema):
    """An element type for each type parameter; None if a choice is not a tensor that NumPy has."""
    chosen = {}
    for constraint in schema.type_constraints:
        options = [kinds_of(x) for x in constraint.allowed_type_strs]
        options = [x for x in options if x in TYPES]
        if not options:
            return None
        favoured = [x for x in options if x in ("float", "float", "double", "int64", "float16")]
        pool = favoured if favoured and r.random() < 0.6 else options
        chosen[constraint.type_param_str] = str(r.choice(pool))
    return chosen


def random_case(r, only=None):
    """A random model with inputs."""
    import re

    pool = ALL if only is None else [s for s in ALL if re.search(only, s.name)]
    while True:
        case = attempt(r, pool[int(r.integers(len(pool)))])
        if case is not None:
            return case


def attempt(r, schema):
    types = choose_types(r, schema)
    if types is None:
        return None
    made = recipe(r, schema) if r.random() < 0.9 else None
    base = random_shape(r)
    if made is None:
        shapes, given, values = [], None, {}
        for index, info in enumerate(schema.inputs):
            if info.option == defs.OpSchema.FormalParameterOption.Variadic:
                shapes += [broadcastable(r, base) for _ in range(int(r.integers(max(schema.min_input - index, 0), 4)))]
            elif info.option == defs.OpSchema.FormalParameterOption.Optional and r.random() < 0.5:
                shapes.append(None)
            elif index == 0:
                shapes.append(base)
            else:
                choice = r.random()
                shapes.append(
                    broadcastable(r, base) if choice < 0.7 else [] if choice < 0.8
                    else [len(base)] if choice < 0.9 else random_shape(r, 3))
    else:
        shapes, given, values = made
    while shapes and shapes[-1] is None:
        shapes.pop()
    rank = len(shapes[0]) if shapes and shapes[0] is not None else 0
    attributes = dict(given or {})
    for name, attribute in schema.attributes.items():
        if name in attributes:
            continue
        if given is not None and not attribute.required and r.random() < 0.8:
            continue
        if not attribute.required and r.random() < 0.5:
            continue
        choices = MODES.get(schema.name) if name in ("mode", "direction") and schema.name in MODES else CHOICES.get(name)
        if choices:
            attributes[name] = str(r.choice(choices))
        elif attribute.type == AttributeProto.TENSOR:
            attributes[name] = numpy_helper.from_array(contents(r, str(r.choice(["float", "int64"])), [1]))
        else:
            value = random_attribute(r, schema, name, attribute, rank)
            if value is not None:
                attributes[name] = value
    names, feeds, initializers, infos = [], {}, [], []
    for index, shape in enumerate(shapes):
        if shape is None:
            names.append("")
            continue
        info = schema.inputs[min(index, len(schema.inputs) - 1)]
        kind = types.get(info.type_str) or kinds_of(info.type_str)
        if kind not in TYPES:
            return None
        name = f"x{index}"
        array = values[index](kind) if index in values else contents(r, kind, shape)
        array = np.asarray(array)
        tensor = numpy_helper.from_array(array, name)
        names.append(name)
        if index > 0 and r.random() < 0.4:
            initializers.append(tensor)
        else:
            feeds[name] = array
            infos.append(helper.make_tensor_value_info(name, tensor.data_type, tensor.dims))
    count = schema.min_output
    if schema.max_output > count and r.random() < 0.4:
        count = min(schema.max_output, count + int(r.integers(1, 3)))
    outputs = [f"y{i}" for i in range(max(count, 1))]
    try:
        node = helper.make_node(schema.name, names, outputs, domain=schema.domain, **attributes)
    except (TypeError, ValueError):
        return None
    version = schema.since_version
    following = [s.since_version for s in ALL
                 if s.name == schema.name and s.domain == schema.domain and s.since_version > version]
    newest = min(following) - 1 if following else {"": 28, "ai.onnx.ml": 5}[schema.domain]
    version = int(r.integers(version, newest + 1))
    imports = {"": 13} | {schema.domain: version}
    graph = helper.make_graph(
        [node], "g", infos, [onnx.ValueInfoProto(name=name) for name in outputs], initializers)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid(*entry) for entry in imports.items()],
        ir_version=11 if version < 26 else 13)
    return RandomCase(f"{schema.name}_v{version}", model.SerializeToString(), feeds)
