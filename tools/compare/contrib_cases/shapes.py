"""Operators that older exporters write: shapes, distances, images and states."""

import numpy as np

from contrib_cases import Case, floats

TYPES = [np.float32, np.float64, np.float16, np.int8, np.int16, np.int32, np.int64, np.uint8,
         np.uint16, np.uint32, np.uint64, np.bool_]


def cases(random):
    for family in [moving, algebra, images, states, gates, tokens]:
        yield from family(random)


def numbers(random, type, *shape):
    return random.integers(0, 2 if type == np.bool_ else 100, shape).astype(type)


def moving(random):
    for type in TYPES:
        x = numbers(random, type, 2, 3, 4)
        for axis in [0, 1, 3, -1, -4, 4, -5]:
            yield Case("ExpandDims", [x, np.array([axis], np.int32)])
        yield Case("ExpandDims", [x, np.int32(1).reshape(())], constants=(1,))
        for index in [np.int32, np.int64]:
            for indices in [[[0], [1]], [[1, 2], [0, -1]], [[1, 2, 3]], [[[0, 1]], [[1, 0]]],
                            [[2]], [[0, 3]], [1, 2]]:
                yield Case("GatherND", [x, np.array(indices, index)])
    for type in [np.float32, np.float64, np.int64, np.int32]:
        for dim, size, step in [(-1, 2, 1), (0, 2, 1), (1, 3, 1), (1, 2, 2), (2, 4, 3), (2, 1, 2),
                                (2, 5, 1), (3, 1, 1), (-3, 1, 1)]:
            yield Case("UnfoldTensor", [numbers(random, type, 2, 3, 4)],
                       {"dim": dim, "size": size, "step": step})
    for values in [[2, 1, 1, 3, 4, 3], [], [1.5], [-0.0, 0.0, 1], [5, 5, 5]]:
        yield Case("Unique", [np.array(values, np.float32)], outputs=3)
    yield Case("Unique", [floats(random, 2, 3)], outputs=3)
    for type in [np.float32, np.float64, np.int64]:
        for shape in [(3, 4), (2, 4, 3), (2, 2, 1, 5), (3, 0)]:
            for upper in [0, 1]:
                yield Case("Trilu", [numbers(random, type, *shape)], {"upper": upper})
                for k in [-7, -1, 0, 2, 9]:
                    yield Case("Trilu", [numbers(random, type, *shape), np.array(k)],
                               {"upper": upper}, constants=(1,))
    yield Case("Trilu", [floats(random, 3)])
    for type in [np.float32, np.float64, np.int16, np.int32, np.int64]:
        for values in [(0, 5), (0, 5, 2), (5, 0, -2), (3, 3, 1), (5, 0, 1), (1, 9, 3), (0, 5, 0)]:
            given = [np.array(value, type) for value in values]
            yield Case("Range", given, constants=(0, 1, 2))
            yield Case("Range", [value.reshape(1) for value in given])
    yield Case("Range", [np.float32(0.5).reshape(()), np.float32(2).reshape(()),
                         np.float32(0.3).reshape(())])
    for mode in ["constant", "reflect", "edge", "wrap"]:
        x = floats(random, 3, 4)
        for pads in [[0, 1, 2, 0], [1, 1, 1, 1], [0, 0, 0, 0], [-1, 0, 0, -1], [0, -2, 1, 1]]:
            for shape in [(4,), (1, 4)]:
                for value in [[], [np.float32(7).reshape(1)], [np.float32(7).reshape(())]]:
                    yield Case("Pad", [x, np.array(pads).reshape(shape)] + value, {"mode": mode},
                               constants=(1, 2))
    yield Case("Pad", [floats(random, 3, 4), np.array([1, 1])])
    for shape in [(3,), (2, 0), (2, 3, 4)]:
        yield Case("SampleOp", [floats(random, *shape)])


def algebra(random):
    for type, tolerance in [(np.float32, 1e-4), (np.float64, 1e-10), (np.float16, 2e-2)]:
        for shape in [(1, 1), (3, 3), (2, 4, 4), (2, 3, 5, 5), (0, 3, 3)]:
            x = floats(random, *shape, type=type) + 3 * np.eye(shape[-1], dtype=type)
            yield Case("Inverse", [x], tolerance=tolerance)
    yield Case("Inverse", [floats(random, 20, 20) + 9 * np.eye(20, dtype=np.float32)])
    yield Case("Inverse", [floats(random, 2, 3)])
    for type, tolerance in [(np.float32, 1e-5), (np.float64, 1e-12)]:
        for m, n, k in [(2, 3, 4), (1, 1, 1), (5, 7, 8), (4, 3, 33), (0, 3, 4), (3, 0, 4)]:
            for attributes in [{}, {"metric": "euclidean"}, {"metric": "sqeuclidean"}]:
                yield Case("CDist", [floats(random, m, k, type=type),
                                     floats(random, n, k, type=type)],
                           attributes, tolerance=tolerance, constants=(1,))
    yield Case("CDist", [floats(random, 2, 3), floats(random, 2, 4)])
    yield Case("CDist", [floats(random, 2, 3), floats(random, 2, 3)], {"metric": "cosine"})
    for shape in [(3, 3), (1, 4, 6), (5, 1), (1, 1), (7, 9), (2, 3, 4)]:
        yield Case("DynamicTimeWarping", [floats(random, *shape)])
        yield Case("DynamicTimeWarping", [np.abs(floats(random, *shape)).round()])


def images(random):
    for attributes in [{}, {"mode": "nearest"}, {"extrapolation_value": -2.0},
                       {"mode": "nearest", "extrapolation_value": 3.0}]:
        for size in [(2, 3), (1, 1), (5, 1), (4, 7)]:
            boxes = random.uniform(-0.2, 1.2, (5, 4)).astype(np.float32)
            boxes[0] = [0, 0, 1, 1]
            boxes[1] = [1, 1, 0, 0]
            which = random.integers(0, 2, 5).astype(np.int32)
            yield Case("CropAndResize", [floats(random, 2, 3, 6, 5), boxes, which,
                                         np.array(size, np.int32)], attributes, constants=(3,))
    for attributes in [{}, {"padding_mode": "border"}, {"padding_mode": "reflection"},
                       {"align_corners": 1}, {"mode": "nearest"}, {"mode": "bicubic"},
                       {"mode": "bicubic", "padding_mode": "reflection", "align_corners": 1}]:
        grid = random.uniform(-1.3, 1.3, (2, 3, 4, 2)).astype(np.float32)
        yield Case("GridSample", [floats(random, 2, 3, 5, 6), grid], attributes)
    for attributes, x, w, pads in [
            ({}, (1, 2, 4, 4), (2, 3, 3, 3), [0, 0, 0, 0]),
            ({"strides": [2, 2]}, (1, 2, 4, 5), (2, 3, 3, 3), [1, 0, 1, 2]),
            ({"strides": [2, 1], "output_padding": [1, 0]}, (2, 2, 4, 4), (2, 3, 3, 3),
             [1, 1, 1, 1]),
            ({"group": 2, "dilations": [2, 2]}, (1, 4, 4, 4), (4, 3, 2, 2), [0, 1, 1, 0]),
            ({"strides": [2]}, (1, 2, 5), (2, 1, 4), [1, 1])]:
        inputs = [floats(random, *x), floats(random, *w), np.array(pads)]
        bias = floats(random, w[1] * attributes.get("group", 1))
        yield Case("ConvTransposeWithDynamicPads", inputs, attributes, constants=(1,))
        yield Case("ConvTransposeWithDynamicPads", inputs + [bias], attributes, constants=(1, 2))
        yield Case("ConvTransposeWithDynamicPads", inputs[:2], attributes)


def states(random):
    for batch, channels, length, width in [(2, 3, 5, 4), (1, 4, 1, 3), (1, 2, 6, 1)]:
        for attributes in [{}, {"activation": "silu"}, {"activation": "swish"}, {"dilation": 2},
                           {"dilation": 3, "activation": "silu"}, {"channels_last": 1},
                           {"channels_last": 1, "dilation": 2}]:
            state = (width - 1) * attributes.get("dilation", 1)
            x, past = floats(random, batch, channels, length), floats(random, batch, channels, state)
            if "channels_last" in attributes:
                x, past = x.transpose(0, 2, 1).copy(), past.transpose(0, 2, 1).copy()
            w, b = floats(random, channels, 1, width), floats(random, channels)
            for inputs in [[x, w], [x, w, b], [x, w, b, past], [x, w, None, past]]:
                yield Case("CausalConvWithState", inputs, attributes, outputs=2, constants=(1, 2))
    for rule in ["linear", "gated", "delta", "gated_delta"]:
        for heads, shared in [(2, 2), (4, 2)]:
            for scale in [0.0, 0.3]:
                for has_past in [False, True]:
                    q, k = floats(random, 2, 3, heads * 4), floats(random, 2, 3, shared * 4)
                    v = floats(random, 2, 3, shared * 5)
                    past = floats(random, 2, shared, 4, 5) if has_past else None
                    decay = -np.abs(floats(random, 2, 3, shared)) if "gated" in rule else None
                    beta = np.abs(floats(random, 2, 3, shared)) if "delta" in rule else None
                    yield Case("LinearAttention", [q, k, v, past, decay, beta],
                               {"q_num_heads": heads, "kv_num_heads": shared, "scale": scale,
                                "update_rule": rule}, outputs=2)


def gates(random):
    for type, tolerance in [(np.float32, 1e-5), (np.float16, 2e-3)]:
        x, y = (floats(random, 2, 3, 8, type=type) for _ in range(2))
        limits = {"tolerance": tolerance}
        for attributes in [{}, {"alpha": 0.5}, {"alpha": -1.0}]:
            yield Case("ScaledSiLU", [x], attributes, **limits)
            yield Case("ScaledSiLU", [x, np.float32(1.5).reshape(())], attributes, **limits)
        yield Case("GatedAdd", [x, y, floats(random, 2, 3, 1, type=type)], **limits)
        for attributes in [{}, {"activation": "sigmoid"}, {"activation": "swish", "epsilon": 0.1}]:
            for width in [8, 4]:
                yield Case("GatedRMSNorm", [x, floats(random, width, type=type), y], attributes,
                           **limits)


def tokens(random):
    for type in [np.int32, np.uint32, np.int64, np.uint64, np.float32, np.float64]:
        for attributes in [{}, {"positive": 0}, {"seed": 7}, {"seed": 3, "positive": 0}]:
            yield Case("MurmurHash3", [numbers(random, type, 2, 5)], attributes)
    for attributes in [{}, {"positive": 0}, {"seed": 7}]:
        words = np.array(["", "a", "ab", "abc", "abcd", "hello world", "grüße"], object)
        yield Case("MurmurHash3", [words], attributes)
    for size in [1, 2, 3, 9]:
        for length in [1, 6, 12]:
            ids = random.integers(0, 4, (3, length))
            yield Case("NGramRepeatBlock", [ids, floats(random, 3, 5)], {"ngram_size": size})
    yield Case("NGramRepeatBlock", [np.array([[7, 7]]), floats(random, 1, 5)], {"ngram_size": 1})
    yield Case("NGramRepeatBlock", [np.array([[1, 1]]), floats(random, 1, 5)], {"ngram_size": 0})
