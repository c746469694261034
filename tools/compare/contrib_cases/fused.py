"""Activations, products and normalizations that onnxruntime's optimiser fuses."""

import ml_dtypes
import numpy as np

from contrib_cases import Case, floats, shapes

# Where rounding hides the last bits, in units of the largest expected number.
TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12, np.float16: 2e-3, ml_dtypes.bfloat16: 2e-2}
SPECIAL = [0.0, -0.0, 1e-30, -1e-30, 3.5, -3.5, 20, -20, 90, -90]
# At −∞ onnxruntime gives NaN, this package the limit −0, as the standard's operators do.
EXTREME = [np.nan, np.inf, 1.0, -1.0, 3e38, -3e38]


def cases(random):
    for family in [activations, products, convolutions, normalizations, embeddings, pools]:
        yield from family(random)
    yield from shapes.cases(random)


def activations(random):
    shapes = [(3,), (2, 5), (2, 3, 4), (1, 0, 4), (2, 1, 3, 130)]
    for shape in shapes:
        x, bias = floats(random, *shape), floats(random, shape[-1])
        yield Case("BiasGelu", [x, bias], constants=(1,))
        yield Case("FastGelu", [x, bias], constants=(1,))
        yield Case("FastGelu", [x])
        yield Case("Gelu", [x])
        yield Case("QuickGelu", [x])
        for alpha in [1.0, 0.5, 0.0, -1.5]:
            yield Case("QuickGelu", [x], {"alpha": alpha})
    for name in ["Gelu", "FastGelu", "QuickGelu"]:
        yield Case(name, [np.float32(2.5).reshape(())])
        for x in [SPECIAL, EXTREME]:
            yield Case(name, [np.array(x, np.float32)])
    yield Case("BiasGelu", [floats(random, 2, 3), floats(random, 2)])
    yield Case("BiasGelu", [floats(random, 2, 3), floats(random, 1)])
    yield Case("FastGelu", [floats(random, 2, 3), floats(random, 2)])
    yield Case("BiasGelu", [floats(random, 2, 3), floats(random, 2, 3)])
    yield Case("Gelu", [np.arange(3)])
    yield Case("Gelu", [floats(random, 3)], {"alpha": 1.0})
    for shape, bias, axis, inner in [
            ((2, 3, 4, 5), (2, 1, 1, 5), 3, 1), ((2, 3, 4, 5), (1, 1, 4, 5), 3, 0),
            ((6, 5), (1, 5), 1, 0), ((2, 3, 4, 5), (2, 1, 4, 5), 2, 1)]:
        yield Case("BiasSoftmax", [floats(random, *shape), floats(random, *bias)],
                   {"axis": axis, "is_inner_broadcast": inner})


def products(random):
    shapes = [
        ((2, 3), (3, 4)), ((5, 2, 3), (5, 3, 4)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)),
        ((2, 5, 2, 3), (2, 5, 3, 4)), ((2, 1, 2, 3), (1, 5, 3, 4)), ((3,), (3, 4)), ((2, 3), (3,)),
        ((3,), (3,)), ((3,), (5, 3, 4)), ((5, 2, 3), (3,)), ((2, 0), (0, 4)), ((0, 3), (3, 4)),
        ((64, 48), (48, 96)), ((1, 48), (48, 96)), ((2, 4, 33, 16), (2, 4, 16, 33)),
    ]
    for a, b in shapes:
        for name in ["FusedMatMul", "TransposeMatMul"]:
            # onnxruntime reads a transposed A before a vector B as if it was not transposed.
            for left in [0, 1] if len(b) > 1 else [0]:
                for right in [0, 1]:
                    for alpha in [1.0, 0.125, -2.3]:
                        yield product(random, name, a, b, left, right, 0, 0, alpha)
        for flags in [(0, 0, 1, 0), (0, 0, 0, 1), (1, 0, 1, 0), (0, 1, 0, 1), (1, 1, 1, 1)]:
            yield product(random, "FusedMatMul", a, b, *flags, 0.5)
    yield product(random, "FusedMatMul", (4, 5), (5, 6), 1, 1, 0, 0, 0.5, np.float64)
    yield Case("FusedMatMul", [floats(random, 2, 3), floats(random, 2, 3)])
    yield Case("FusedMatMul", [floats(random, 2, 3), floats(random, 4, 2)], {"transB": 1})
    yield Case("FusedMatMul", [np.float32(1).reshape(()), floats(random, 3)])
    yield Case("FusedMatMul", [np.array([[np.inf, 1]], np.float32), floats(random, 2, 2)])
    gemms = [{}, {"transA": 1}, {"transB": 1}, {"alpha": 0.5, "beta": 2.0}]
    functions = [
        {}, {"activation": "Relu"}, {"activation": "Tanh"}, {"activation": "Sigmoid"},
        {"activation": "LeakyRelu", "activation_alpha": 0.1},
        {"activation": "Elu", "activation_alpha": 0.7},
        {"activation": "HardSigmoid", "activation_alpha": 0.3, "activation_beta": 0.4},
        {"activation": "Softplus"}, {"activation": "Softsign"},
        {"activation": "ThresholdedRelu", "activation_alpha": 0.5},
        {"activation": "Celu", "activation_alpha": 0.5}, {"activation": "Selu"},
        {"activation": "Selu", "activation_alpha": 1.5, "activation_gamma": 1.1},
        {"activation": "LeakyRelu"}, {"activation": "Elu"}, {"activation": "HardSigmoid"},
        {"activation": "ThresholdedRelu"}, {"activation": "Celu"}, {"activation": "Clip"},
        {"activation": "Swish"}, {"activation": "Sin"}]
    for function in functions:
        for gemm in gemms:
            a = floats(random, *((3, 2) if "transA" in gemm else (2, 3)))
            b = floats(random, *((4, 3) if "transB" in gemm else (3, 4)))
            for c in [None, (4,), (2, 1), (2, 4), ()]:
                inputs = [a, b] + ([] if c is None else [np.asarray(floats(random, *c))])
                yield Case("FusedGemm", inputs, gemm | function, constants=(1, 2))


def product(random, name, a, b, left, right, firstA, firstB, alpha, type=np.float32):
    """A product whose factors are stored so that they fit after they were transposed."""
    def stored(shape, swaps, moves):
        shape = list(shape)
        if len(shape) < 2:
            return shape
        if swaps:
            shape[-2:] = shape[:-3:-1]
        if moves and len(shape) > 2:
            shape.insert(0, shape.pop(-2))
        return shape

    flags = {"transA": left, "transB": right, "transBatchA": firstA, "transBatchB": firstB}
    inputs = [floats(random, *stored(a, left, firstA), type=type),
              floats(random, *stored(b, right, firstB), type=type)]
    attributes = {name: value for name, value in flags.items() if value}
    if alpha != 1:
        attributes["alpha"] = alpha
    return Case(name, inputs, attributes, constants=(1,), tolerance=TOLERANCE[type])


def convolutions(random):
    functions = [
        {}, {"activation": "Relu"}, {"activation": "Tanh"}, {"activation": "Sigmoid"},
        {"activation": "Silu"}, {"activation": "LeakyRelu", "activation_params": [0.1]},
        {"activation": "Clip", "activation_params": [0.0, 1.0]},
        {"activation": "Clip", "activation_params": [1.0, -1.0]},
        {"activation": "HardSigmoid", "activation_params": [0.3, 0.4]},
        {"activation": "HardSwish"},
        {"activation": "LeakyRelu"}, {"activation": "Clip", "activation_params": [0.0]},
        {"activation": "Relu", "activation_params": [1.0]}, {"activation": "Elu"},
        {"activation": "Gelu"}]
    for function in functions:
        for bias in [False, True]:
            for residual in [False, True]:
                inputs = [floats(random, 2, 4, 6, 7), floats(random, 8, 4, 3, 3)]
                inputs += [floats(random, 8) if bias else None]
                inputs += [floats(random, 2, 8, 4, 5) if residual else None]
                yield Case("FusedConv", inputs, function, constants=(1, 2))
    relu = {"activation": "Relu"}
    for attributes, x, w in [
            ({"pads": [1, 1, 1, 1], "strides": [2, 2]}, (1, 3, 9, 9), (4, 3, 3, 3)),
            ({"group": 4, "dilations": [2, 2]}, (1, 4, 9, 9), (4, 1, 3, 3)),
            ({"auto_pad": "SAME_UPPER"}, (1, 3, 5, 5), (2, 3, 2, 2)),
            ({"pads": [1, 1]}, (1, 3, 9), (4, 3, 3)), ({}, (1, 2, 4, 4, 4), (3, 2, 2, 2, 2)),
            ({"kernel_shape": [1, 1]}, (2, 16, 4, 4), (8, 16, 1, 1))]:
        yield Case("FusedConv", [floats(random, *x), floats(random, *w)], attributes | relu,
                   constants=(1,))
    x, w = floats(random, 1, 2, 4, 4), floats(random, 3, 2, 3, 3)
    yield Case("FusedConv", [x, w, None, floats(random, 1, 3, 1, 1)], relu)
    yield Case("FusedConv", [x, w, floats(random, 2)], relu)
    yield Case("FusedConv", [x, w], relu | {"unknown": 1})


def normalizations(random):
    for type in TOLERANCE:
        def numbers(*shape, scale=1.0):
            return floats(random, *shape, type=type, scale=scale)

        # Statistics are float32 for all types.
        limits = {"tolerance": max(TOLERANCE[type], 1e-6)}
        for shape, skip in [
                ((2, 3, 8), (2, 3, 8)), ((2, 3, 8), (3, 8)), ((2, 3, 8), (1, 3, 8)),
                ((6, 8), (6, 8)), ((1, 1, 64), (1, 1, 64)), ((2, 0, 8), (2, 0, 8)),
                ((2, 3, 8), (8,)), ((2, 3, 8), (2, 1, 8)), ((1, 2, 3, 8), (1, 2, 3, 8)),
                ((2, 3, 1), (2, 3, 1))]:
            x, s = numbers(*shape), numbers(*skip)
            gamma, beta, bias = numbers(shape[-1]), numbers(shape[-1]), numbers(shape[-1])
            for attributes in [{}, {"epsilon": 0.5}]:
                for inputs in [[gamma], [gamma, beta], [gamma, beta, bias], [gamma, None, bias]]:
                    last = tuple(range(2, 2 + len(inputs)))
                    for outputs in [1, [1, 0, 0, 1]]:
                        yield Case("SkipLayerNormalization", [x, s] + inputs, attributes, outputs,
                                   constants=last, **limits)
                for inputs in [[gamma], [gamma, bias]]:
                    last = tuple(range(2, 2 + len(inputs)))
                    for outputs in [1, [1, 0, 0, 1]]:
                        yield Case("SkipSimplifiedLayerNormalization", [x, s] + inputs, attributes,
                                   outputs, constants=last, **limits)
        for shape, axis in [((2, 3, 8), -1), ((2, 3, 8), 1), ((2, 3, 8), 0), ((4, 8), None),
                            ((8,), -1), ((2, 0, 8), -1)]:
            attributes = {} if axis is None else {"axis": axis}
            scale = numbers(*shape[-1 if axis is None else axis:])
            for more in [{}, {"epsilon": 1e-3, "stash_type": 1}]:
                for outputs in [1, 2]:
                    yield Case("SimplifiedLayerNormalization", [numbers(*shape), scale],
                               attributes | more, outputs, domain="", constants=(1,), **limits)
    x, gamma = floats(random, 2, 3, 8), floats(random, 8)
    for name in ["SkipLayerNormalization", "SkipSimplifiedLayerNormalization"]:
        yield Case(name, [x, x, floats(random, 7)])
        yield Case(name, [x, floats(random, 2, 3, 7), gamma])
        yield Case(name, [x, floats(random, 2, 2, 8), gamma])
        yield Case(name, [x, x, gamma], {"epsilon": -1.0})
        yield Case(name, [x * np.float32(1e-6), x * 0, gamma])
        yield Case(name, [x * 0 + 3, x * 0, gamma], {"epsilon": 1e-5})
        yield Case(name, [x, np.array(EXTREME + [-np.inf, 0], np.float32), gamma])


def embeddings(random):
    for batch, length in [(2, 3), (1, 1), (3, 5), (0, 3)]:
        words, positions, segments = (floats(random, n, 8) for n in [20, 6, 2])
        ids = random.integers(0, 20, (batch, length)).astype(np.int32)
        types = random.integers(0, 2, (batch, length)).astype(np.int32)
        places = random.integers(0, 6, (batch, length)).astype(np.int32)
        one = random.integers(0, 6, (1, length)).astype(np.int32)
        gamma, beta = floats(random, 8), floats(random, 8)
        for has_segments in [False, True]:
            for mask in [None, random.integers(0, 3, (batch, length)).astype(np.int32)]:
                for place in [None, places, one]:
                    inputs = [ids, types if has_segments else None, words, positions,
                              segments if has_segments else None, gamma, beta, mask, place]
                    for attributes in [{}, {"epsilon": 1e-3, "mask_index_type": 1},
                                       {"mask_index_type": 0}]:
                        for outputs in [1, 2, 3, [1, 0, 1]]:
                            yield Case("EmbedLayerNormalization", inputs, attributes, outputs,
                                       constants=(2, 3, 4, 5, 6))
    ids = np.array([[0, 25]], np.int32)
    rest = [floats(random, 6, 8), None, floats(random, 8), floats(random, 8)]
    yield Case("EmbedLayerNormalization", [ids, None, floats(random, 20, 8)] + rest, outputs=2)
    yield Case("EmbedLayerNormalization", [-ids, None, floats(random, 20, 8)] + rest, outputs=2)
    long = np.zeros((1, 7), np.int32)
    yield Case("EmbedLayerNormalization", [long, None, floats(random, 20, 8)] + rest, outputs=2)


def pools(random):
    for type in [np.int8, np.uint8]:
        limits = np.iinfo(type)
        for attributes, shape in [
                ({"kernel_shape": [2, 2]}, (1, 4, 5, 3)),
                ({"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}, (2, 7, 6, 16)),
                ({"kernel_shape": [3, 2], "dilations": [2, 1], "ceil_mode": 1}, (1, 8, 5, 4)),
                ({"kernel_shape": [2, 2], "auto_pad": "SAME_UPPER", "strides": [2, 2]},
                 (1, 5, 5, 2)),
                ({"kernel_shape": [3]}, (2, 6, 5)), ({"kernel_shape": [2, 2, 2]}, (1, 3, 4, 5, 2)),
                ({"kernel_shape": [2, 2]}, (1, 4, 5)), ({}, (1, 4, 5, 3))]:
            x = random.integers(limits.min, limits.max, shape, endpoint=True).astype(type)
            yield Case("NhwcMaxPool", [x], attributes)
