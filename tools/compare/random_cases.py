"""Random models of one node, for random_models.py. `make(seed, number)` always gives the same case."""

import math

import numpy as np
import onnx
import onnx.defs
from onnx import TensorProto, helper, numpy_helper

from random_recipes import RECIPES

SKIPPED = {
    # With graph attributes or results that are drawn, or inputs that are not tensors.
    "If", "Loop", "Scan", "SequenceMap", "Optional", "OptionalGetElement", "OptionalHasElement",
    "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli",
    "Multinomial", "ImageDecoder", "Gradient", "SequenceAt", "SequenceInsert", "SequenceErase",
    "SequenceLength", "ConcatFromSequence",  "CastMap", "DictVectorizer", "ZipMap", "Constant",
    "FlexAttention",
}
TYPES = {
    "float": TensorProto.FLOAT, "double": TensorProto.DOUBLE, "float16": TensorProto.FLOAT16,
    "bfloat16": TensorProto.BFLOAT16, "int8": TensorProto.INT8, "int16": TensorProto.INT16,
    "int32": TensorProto.INT32, "int64": TensorProto.INT64, "uint8": TensorProto.UINT8,
    "uint16": TensorProto.UINT16, "uint32": TensorProto.UINT32, "uint64": TensorProto.UINT64,
    "bool": TensorProto.BOOL, "string": TensorProto.STRING,
    "float8e4m3fn": TensorProto.FLOAT8E4M3FN, "float8e4m3fnuz": TensorProto.FLOAT8E4M3FNUZ,
    "float8e5m2": TensorProto.FLOAT8E5M2, "float8e5m2fnuz": TensorProto.FLOAT8E5M2FNUZ,
    "int4": TensorProto.INT4, "uint4": TensorProto.UINT4,
}
COMMON = ["float", "float", "float", "float", "double", "int64", "int32", "float16", "bool"]
WORDS = ["", "a", "b", "aa", "B", "Grüße", "1", "-2.5", "nan"]
STRINGS = {
    "auto_pad": ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"],
    "coordinate_transformation_mode": [
        "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
        "tf_crop_and_resize", "tf_half_pixel_for_nn", "output_half_pixel"],
    "nearest_mode": ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"],
    "keep_aspect_ratio_policy": ["stretch", "not_larger", "not_smaller"],
    "padding_mode": ["zeros", "border", "reflection"],
    "reduction": ["none", "sum", "mean", "add", "mul", "min", "max"],
    "direction": ["forward", "reverse", "bidirectional", "LEFT", "RIGHT"],
    "approximate": ["none", "tanh"], "norm": ["MAX", "L1", "L2"],
    "post_transform": ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"],
    "case_change_action": ["LOWER", "UPPER", "NONE"], "kernel_type": ["LINEAR", "POLY", "RBF"],
    "equation": ["ij,jk->ik", "i,i", "...i->...", "ij->ji", "bij,bjk->bik", "ii->i", "i,j->ij"],
    "round_mode": ["up", "down", "nearest"], "delimiter": [" ", ",", ""],
    "pattern": ["a+", ".*", "[0-9]"],
}
FLAGS = {
    "align_corners", "allowzero", "antialias", "broadcast", "ceil_mode", "count_include_pad",
    "detect_negative", "detect_positive", "exclude_outside", "exclusive", "fmod", "input_forget",
    "inverse", "is_causal", "is_case_sensitive", "is_test", "keepdims", "largest",
    "linear_before_reset", "noop_with_empty_axes", "onesided", "periodic", "reverse", "saturate",
    "select_last_index", "sorted", "training_mode", "transA", "transB", "unsqueeze", "upper",
    "zeros", "layout", "output_sequence", "storage_order", "spatial", "interleaved",
    "channels_last",
}
REDUCTIONS = {
    "SoftmaxCrossEntropyLoss": ["none", "sum", "mean"],
    "NegativeLogLikelihoodLoss": ["none", "sum", "mean"],
}
MODES = {
    "Pad": ["constant", "reflect", "edge", "wrap"], "DepthToSpace": ["DCR", "CRD"],
    "Resize": ["nearest", "linear", "cubic"], "Upsample": ["nearest", "linear"],
    "GridSample": ["bilinear", "nearest", "bicubic", "linear", "cubic"],
    "RoiAlign": ["avg", "max"], "TfIdfVectorizer": ["TF", "IDF", "TFIDF"],
}
SPATIAL = {"kernel_shape": 1, "strides": 1, "dilations": 1, "output_shape": 3, "output_padding": 0}
WINDOWED = {
    "Conv", "ConvInteger", "ConvTranspose", "QLinearConv", "DeformConv", "AveragePool", "MaxPool",
    "LpPool", "MaxUnpool", "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "Col2Im",
}


def schemas():
    """Every version of every operator that a case can have."""
    return sorted(
        (
            schema
            for schema in onnx.defs.get_all_schemas_with_history()
            if schema.domain in ("", "ai.onnx.ml") and not schema.deprecated
            and schema.name not in SKIPPED and not schema.name.startswith("SequenceC")
        ),
        key=lambda schema: (schema.domain, schema.name, schema.since_version),
    )


ALL = schemas()
NEXT = {}
for _schema in onnx.defs.get_all_schemas_with_history():
    NEXT.setdefault((_schema.domain, _schema.name), []).append(_schema.since_version)


class Case:
    """A model, its inputs, and how it came about."""

    def __init__(self, schema, version, model, feeds):
        self.operator = (schema.domain + "." if schema.domain else "") + schema.name
        self.schema, self.version, self.model, self.feeds = schema, version, model, feeds

    def __str__(self):
        node = self.model.graph.node[0]
        text = f"{self.operator} opset {self.version}: {helper.printable_node(node)}"
        held = {t.name: numpy_helper.to_array(t) for t in self.model.graph.initializer}
        for name, value in sorted({**held, **self.feeds}.items()):
            kind = "constant" if name in held else "input"
            text += f"\n    {kind} {name} {value.dtype}{list(value.shape)} "
            text += np.array2string(value.ravel()[:12], separator=",").replace("\n", "")
        return text


class Maker:
    def __init__(self, seed, number):
        self.random = np.random.default_rng([seed, number])

    def chance(self, p):
        return self.random.random() < p

    def pick(self, choices):
        return choices[int(self.random.integers(len(choices)))]

    def whole(self, low, high):
        return int(self.random.integers(low, high + 1))

    def shape(self, rank):
        sizes = [0, 1, 1, 2, 2, 3, 3, 4, 5, 7] if rank < 5 else [0, 1, 1, 2, 2, 2, 3]
        if not self.chance(0.08):
            sizes = sizes[1:]
        return [self.pick(sizes) for _ in range(rank)]

    def values(self, element, shape, wild):
        count = math.prod(shape)
        dtype = helper.tensor_dtype_to_np_dtype(element)
        if element == TensorProto.STRING:
            return np.array([self.pick(WORDS) for _ in range(count)], object).reshape(shape)
        if element == TensorProto.BOOL:
            return self.random.integers(0, 2, count).astype(bool).reshape(shape)
        name = np.dtype(dtype).name
        if name.startswith(("int", "uint")):
            low, high = (0, 15) if name.startswith("u") else (-8, 7)
            numbers = self.random.integers(low, high + 1, count)
            if name not in ("int4", "uint4"):
                info = np.iinfo(dtype)
                if wild and count and self.chance(0.3):
                    edges = np.array([info.min, info.max, 0, 1], dtype)
                    picks = self.random.integers(0, 4, count)
                    mask = self.random.random(count) < 0.3
                    return np.where(mask, edges[picks], numbers.astype(dtype)).reshape(shape)
            return numbers.astype(dtype).reshape(shape)
        scale = self.pick([1.0, 1.0, 1.0, 3.0, 30.0, 0.01])
        numbers = self.random.normal(size=count) * scale
        if self.chance(0.25):
            numbers = np.round(numbers * 2) / 2
        if wild and self.chance(0.4):
            odd = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, 6e4, -3e38, 1e-7, 88.9, 0.5, -1.0]
            mask = self.random.random(count) < 0.25
            picks = np.array(odd)[self.random.integers(0, len(odd), count)]
            numbers = np.where(mask, picks, numbers)
        with np.errstate(all="ignore"):
            return numbers.astype(dtype).reshape(shape)

    def near(self, shape):
        """A shape that broadcasts with another, or nearly so."""
        shape = list(shape)
        draw = self.random.random()
        if draw < 0.5:
            return shape
        if draw < 0.75:
            shape = [size if self.chance(0.6) else 1 for size in shape]
            return shape[self.whole(0, len(shape)):] if self.chance(0.5) else shape
        if draw < 0.85:
            return []
        if draw < 0.95 and shape:
            return [shape[-1]]
        return self.shape(self.whole(0, 4))

    def integers(self, name, rank, shape):
        """The contents of an input such as axes, sizes or indices."""
        if name in ("axes", "axis", "dim"):
            count = self.whole(0, min(rank + 1, 3))
            low, high = -rank, max(rank - 1, 0)
            if self.chance(0.1):
                low, high = low - 1, high + 1
            picks = [self.whole(low, high) for _ in range(count)]
            return picks if self.chance(0.2) else list(dict.fromkeys(picks))
        if name in ("repeats", "shape", "sizes", "split", "output_shape", "block_shape"):
            count = rank if self.chance(0.85) else self.whole(0, 5)
            numbers = [self.pick([0, 1, 1, 2, 2, 3, -1]) for _ in range(count)]
            if name in ("shape", "repeats") or self.chance(0.5):
                numbers = [max(n, 0) if self.chance(0.8) else n for n in numbers]
            if name == "shape" and self.chance(0.5) and shape:
                numbers = list(self.random.permutation(shape))
            if name == "split" and shape:
                numbers = [1] * shape[0] if self.chance(0.5) else numbers
            return [int(n) for n in numbers]
        if name == "pads":
            return [self.pick([0, 0, 1, 1, 2, 3, -1]) for _ in range(2 * rank)]
        if name in ("starts", "ends", "steps"):
            many = [-2, -1, 1, 2, 3] if name == "steps" else [-9, -2, -1, 0, 1, 2, 3, 2**31 - 1]
            count = rank if self.chance(0.8) else self.whole(0, 3)
            return [self.pick(many) for _ in range(count)]
        return None

    def attribute(self, schema, attribute, rank):
        name, kind = attribute.name, attribute.type.name
        spatial = max(rank - 2, 1)
        if kind == "INT":
            if name in ("axis", "batch_axis", "time_axis", "seq_axis", "batch_dims", "start", "end"):
                return self.whole(-rank - 1, rank) if self.chance(0.15) else self.whole(
                    -rank, max(rank - 1, 0))
            if name in ("to", "dtype", "output_datatype", "output_dtype", "stash_type"):
                return TYPES[self.pick(COMMON if self.chance(0.7) else list(TYPES))]
            if name in FLAGS and not self.chance(0.02):
                return self.whole(0, 1)
            return self.pick([0, 0, 1, 1, 1, 2, 2, 3, 4, -1])
        if kind == "FLOAT":
            return float(self.pick([0.0, 1.0, 0.5, 2.0, -1.0, 1e-5, 1e30, -0.3, np.inf, np.nan]))
        if kind == "STRING":
            choices = MODES.get(schema.name) if name == "mode" else STRINGS.get(name)
            if name == "reduction":
                choices = REDUCTIONS.get(
                    schema.name, ["none", "add", "mul", "min", "max"])
                choices = choices[: 5 if schema.since_version >= 18 else 3]
            if name == "coordinate_transformation_mode" and schema.name == "RoiAlign":
                choices = ["half_pixel", "output_half_pixel"]
            return self.pick(choices or ["", "a"])
        if kind == "INTS":
            if name == "pads":
                counts = [0, 0, 1, 1, 2, 3]
                many = 2 * spatial if schema.name in WINDOWED else 2 * rank
                return [self.pick(counts) for _ in range(many)]
            if name in SPATIAL:
                count = spatial if self.chance(0.95) else self.whole(0, 4)
                return [self.pick([1, 1, 2, 2, 3, 4, 7]) - (SPATIAL[name] == 0)
                        for _ in range(count)]
            if name == "axes":
                return self.integers("axes", rank, [])
            if name == "perm":
                return [int(n) for n in self.random.permutation(rank)]
            return [self.pick([0, 1, 1, 2, 3, -1]) for _ in range(self.whole(0, max(rank, 1)))]
        if kind == "FLOATS":
            return [float(self.pick([0.0, 1.0, 0.5, -1.0, 2.0, np.nan]))
                    for _ in range(self.whole(0, 5))]
        if kind == "STRINGS":
            return [self.pick(WORDS) for _ in range(self.whole(0, 4))]
        if kind == "TENSOR":
            element = TYPES[self.pick(COMMON)]
            return numpy_helper.from_array(self.values(element, self.shape(self.whole(0, 1)), True))
        return None

    def element(self, schema, text, chosen):
        """The element type of a parameter, chosen once for each type variable."""
        if text in chosen:
            return chosen[text]
        allowed = next(
            (c.allowed_type_strs for c in schema.type_constraints if c.type_param_str == text), [text])
        allowed = [t[7:-1] for t in allowed if t.startswith("tensor(") and t[7:-1] in TYPES]
        if not allowed:
            raise ValueError(f"no tensor type for {text}")
        common = [t for t in COMMON if t in allowed]
        chosen[text] = TYPES[self.pick(common if common and self.chance(0.6) else allowed)]
        return chosen[text]

    def make(self, schema):
        later = [v for v in NEXT[schema.domain, schema.name] if v > schema.since_version]
        newest = 3 if schema.domain == "ai.onnx.ml" else 26
        last = max(min(later, default=newest + 1) - 1, schema.since_version)
        version = self.pick([schema.since_version, last])
        rank = self.pick([0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8])
        shape = self.shape(rank)
        # The recurrent operators of onnxruntime clip their numbers.
        wild = self.chance(0.5) and schema.name not in ("RNN", "GRU", "LSTM")
        wanted, fixed = None, {}
        recipe = RECIPES.get(schema.name)
        if recipe and self.chance(0.9):
            wanted, fixed = recipe(self, schema)
            rank = len(wanted[0]) if isinstance(wanted[0], list) else wanted[0].ndim
        chosen, names, arrays = {}, [], {}
        formal = list(schema.inputs)
        if formal and formal[-1].option == onnx.defs.OpSchema.FormalParameterOption.Variadic:
            formal = formal[:-1] + [formal[-1]] * (
                len(wanted) - len(formal) + 1 if wanted else self.whole(1, 4))
        for index, parameter in enumerate(formal):
            optional = parameter.option == onnx.defs.OpSchema.FormalParameterOption.Optional
            form = wanted[index] if wanted and index < len(wanted) else None
            if (wanted and form is None) or (not wanted and optional and self.chance(0.5)):
                names.append("")
                continue
            element = self.element(schema, parameter.type_str, chosen)
            name = f"x{index}"
            if isinstance(form, np.ndarray):
                try:
                    dtype = helper.tensor_dtype_to_np_dtype(element)
                    value = form.astype(dtype)
                except (TypeError, ValueError):
                    value = form
            else:
                numbers = None
                if form is None:
                    numbers = self.integers(parameter.name, rank, shape)
                    form = shape if index == 0 else self.near(shape)
                if numbers is not None and element in (TensorProto.INT64, TensorProto.INT32):
                    dtype = helper.tensor_dtype_to_np_dtype(element)
                    value = np.array(numbers, np.int64).astype(dtype)
                    if len(numbers) == 1 and self.chance(0.3):
                        value = value.reshape([])
                else:
                    value = self.values(element, form, wild)
            names.append(name)
            arrays[name] = value
        if not self.chance(0.1):
            while names and not names[-1]:
                names.pop()
        outputs = [f"y{i}" for i in range(fixed.pop("outputs", 0) or max(schema.min_output, 1))]
        if len(outputs) < min(len(schema.outputs), 4) and self.chance(0.3):
            outputs = [f"y{i}" for i in range(min(len(schema.outputs), 4))]
        return self.model(schema, version, names, arrays, outputs, self.given(schema, fixed, rank))


    def given(self, schema, fixed, rank):
        attributes = {}
        for name, attribute in schema.attributes.items():
            if name in fixed:
                if fixed[name] is not None:
                    attributes[name] = fixed[name]
            elif attribute.required or self.chance(0.4):
                value = self.attribute(schema, attribute, rank)
                if value is not None:
                    attributes[name] = value
        return attributes

    def model(self, schema, version, names, arrays, outputs, attributes):
        node = helper.make_node(schema.name, names, outputs, domain=schema.domain)
        for name, value in attributes.items():
            kind = getattr(onnx.AttributeProto, schema.attributes[name].type.name)
            node.attribute.append(helper.make_attribute(name, value, attr_type=kind))
        infos, held, feeds = [], [], {}
        constant = self.pick([0.0, 0.0, 0.3, 1.0])
        for name, value in arrays.items():
            element = helper.np_dtype_to_tensor_dtype(value.dtype)
            odd = element not in NATIVE
            if odd or self.chance(constant):
                held.append(numpy_helper.from_array(value, name))
                continue
            sizes = [None if self.chance(0.3) else size for size in value.shape]
            infos.append(helper.make_tensor_value_info(
                name, element, None if self.chance(0.1) else sizes))
            feeds[name] = value
        graph = helper.make_graph(
            [node], "random", infos, [onnx.ValueInfoProto(name=name) for name in outputs], held)
        imports = [helper.make_opsetid(schema.domain, version)]
        if schema.domain:
            imports.append(helper.make_opsetid("", 18))
        return Case(schema, version, helper.make_model(
            graph, opset_imports=imports, ir_version=10), feeds)


NATIVE = {
    TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.INT8,
    TensorProto.INT16, TensorProto.INT32, TensorProto.INT64, TensorProto.UINT8,
    TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64, TensorProto.BOOL,
    TensorProto.STRING,
}


def make(seed, number, only=()):
    """The case of a number; `None` where the draw has no tensor type."""
    maker = Maker(seed, number)
    choices = [s for s in ALL if s.name in only] if only else ALL
    for _ in range(5):
        try:
            return maker.make(maker.pick(choices))
        except (ValueError, OverflowError, TypeError, KeyError, IndexError):
            continue
    return None
