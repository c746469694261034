"""Operators on 8-bit and 4-bit integers that onnxruntime's quantiser writes."""

import itertools

import numpy as np

from contrib_cases import Case, floats

BYTES = [np.uint8, np.int8]


def bytes_of(random, type, *shape):
    """Integers over the whole range of the type."""
    range = np.iinfo(type)
    return random.integers(range.min, range.max + 1, shape).astype(type)


def zero_of(type, shift=0):
    return np.array(shift + (128 if type == np.uint8 else 0), type)


def scale(value, *shape):
    return np.full(shape, value, np.float32)


def binary(random):
    shapes = [
        ((4,), (4,)), ((2, 3, 4), (4,)), ((1,), (2, 3)), ((3, 1), (1, 5)), ((), ()), ((2, 0, 3), (3,)),
        ((2, 1, 3, 1), (4, 1, 5)), ((256,), (256,)), ((16, 33), (16, 33))]
    for operator in ["QLinearAdd", "QLinearMul"]:
        for type, (a, b) in itertools.product(BYTES, shapes):
            x, y = bytes_of(random, type, *a), bytes_of(random, type, *b)
            c = 0.05 if operator == "QLinearAdd" else 0.7
            yield Case(operator, [
                x, scale(0.03), zero_of(type, 3), y, scale(0.02), zero_of(type, -5), scale(c),
                zero_of(type)], constants=(3,))
        # Sums and products halfway between two integers, and any scales.
        for type, (a, b, c) in itertools.product(BYTES, [
                (0.5, 0.5, 1), (1, 0.5, 1), (0.25, 0.5, 1), (0.1, 0.1, 0.2), (0.25, 0.25, 0.5), *random.uniform(
                    0.01, 0.1, (4, 3))]):
            for shift in [0, 3]:
                yield Case(operator, [
                    bytes_of(random, type, 1024), scale(a), zero_of(type, 5), bytes_of(random, type, 1024),
                    scale(b), zero_of(type, -6), scale(c if operator == "QLinearAdd" else c * 3),
                    zero_of(type, shift)])
        # Saturation, and scales of one element in a vector.
        x, y = bytes_of(random, np.uint8, 5, 7), bytes_of(random, np.uint8, 5, 7)
        yield Case(operator, [
            x, scale(1, 1), zero_of(np.uint8).reshape(1), y, scale(1, 1), zero_of(np.uint8).reshape(1),
            scale(0.1, 1), zero_of(np.uint8).reshape(1)])


def products(random):
    shapes = [((2, 3), (3, 4)), ((1, 16), (16, 33)), ((2, 5, 8), (8, 7)), ((2, 3, 5, 8), (3, 8, 6)),
              ((7, 65), (65, 130)), ((0, 4), (4, 3))]  # Of sums without terms it makes what memory holds.
    for (a_type, b_type), (a, b) in itertools.product(
            [(np.uint8, np.uint8), (np.uint8, np.int8), (np.int8, np.int8)], shapes):
        x, w = bytes_of(random, a_type, *a), bytes_of(random, b_type, *b)
        n = b[-1]
        for per_column, has_zeros, has_bias in [
                (False, True, True), (True, True, False), (True, False, True), (False, False, False)]:
            w_scale = random.uniform(0.01, 0.1, n).astype(np.float32) if per_column else scale(0.05)
            w_zero = None
            if has_zeros:
                w_zero = bytes_of(random, b_type, n) if per_column else zero_of(b_type, 2)
            x_zero = zero_of(a_type, 7) if has_zeros else None
            bias = floats(random, n) if has_bias else None
            if len(b) > 2 and per_column:
                # onnxruntime takes a scale for each column of each matrix.
                w_scale = random.uniform(0.01, 0.1, b[:-2] + (1, n)).astype(np.float32)
                w_zero = None if w_zero is None else bytes_of(random, b_type, *b[:-2], 1, n)
            yield Case("MatMulIntegerToFloat", [x, w, scale(0.02), w_scale, x_zero, w_zero, bias],
                       constants=(1, 3, 5, 6))
            if a_type == np.uint8:
                yield Case("DynamicQuantizeMatMul", [
                    floats(random, *a, scale=3), w, w_scale, w_zero, bias], constants=(1, 2, 3, 4))
    for value in [0.0, 2.5, -2.5]:
        yield Case("DynamicQuantizeMatMul", [
            np.full((3, 4), value, np.float32), bytes_of(random, np.int8, 4, 5), scale(0.1)])
    for a, b in shapes:
        yield Case("MatMulInteger16", [
            random.integers(-300, 300, a).astype(np.int16), random.integers(-300, 300, b).astype(np.int16)])


def gemm(random):
    for (a_type, b_type), transA, transB, per_column, has_c, form in itertools.product(
            [(np.uint8, np.uint8), (np.uint8, np.int8), (np.int8, np.int8)], [0, 1], [0, 1],
            [False, True], [False, True], ["float", "bytes"]):
        m, k, n = 5, 9, 6
        a = bytes_of(random, a_type, *((k, m) if transA else (m, k)))
        b = bytes_of(random, b_type, *((n, k) if transB else (k, n)))
        b_scale = random.uniform(0.01, 0.1, n).astype(np.float32) if per_column else scale(0.05)
        b_zero = bytes_of(random, b_type, n) if per_column else zero_of(b_type, 2)
        c = random.integers(-5000, 5000, [(n,), (m, n), (1, n)][random.integers(3)])
        y = [scale(0.5), zero_of(a_type, 3)] if form == "bytes" else []
        yield Case("QGemm", [
            a, scale(0.02), zero_of(a_type, 7), b, b_scale, b_zero,
            c.astype(np.int32) if has_c else None] + y,
            {"transA": transA, "transB": transB, "alpha": float(random.choice([1, 0.7, 2]))},
            constants=(3, 4, 5, 6))


def elementwise(random):
    everything = {type: np.arange(256).astype(np.uint8).view(type).reshape(4, 64) for type in BYTES}
    for type in BYTES:
        for x_scale, x_zero, y_zero in [(0.05, 3, -7), (0.1, 0, 0), (0.01, -100, 100)]:
            for has_zeros in [True, False]:
                zeros = [zero_of(type, x_zero) if has_zeros else None, zero_of(type, y_zero)]
                yield Case("QLinearSigmoid", [
                    everything[type], scale(x_scale), zeros[0], scale(1 / 256), zeros[1]])
                for alpha in [0.01, 0.3, -1.0]:
                    yield Case("QLinearLeakyRelu", [
                        everything[type], scale(x_scale), zeros[0], scale(x_scale * 0.7), zeros[1]],
                        {"alpha": alpha})
        for shape, axis, opset in [
                ((3, 5), None, 13), ((2, 3, 4), 1, 13), ((2, 3, 4), 1, 12), ((2, 3, 4), None, 12),
                ((2, 3, 4), -1, 11), ((4,), 0, 13), ((2, 0, 4), 2, 13), ((2, 300), 1, 13)]:
            attributes = {"opset": opset} | ({} if axis is None else {"axis": axis})
            yield Case("QLinearSoftmax", [
                bytes_of(random, type, *shape), scale(0.05), zero_of(type, 3), scale(1 / 256),
                np.array(0 if type == np.uint8 else -128, type)], attributes)
        for shapes, axis in [([(2, 3), (2, 5)], 1), ([(2, 3), (1, 3), (4, 3)], 0), ([(3,)], -1),
                             ([(2, 0), (2, 3)], 1)]:
            inputs = [scale(0.04), zero_of(type, 5)]
            for index, shape in enumerate(shapes):
                inputs += [bytes_of(random, type, *shape), scale(0.03 + index * 0.01), zero_of(type, index)]
            yield Case("QLinearConcat", inputs, {"axis": axis})
        for condition, x, y in [((2, 3), (2, 3), (2, 3)), ((3,), (2, 3), (1,)), ((2, 1), (1, 3), ()),
                                ((), (4,), (4,)), ((2, 0), (1, 1), (2, 0))]:
            yield Case("QLinearWhere", [
                random.integers(0, 2, condition).astype(bool), bytes_of(random, type, *x), scale(0.03),
                zero_of(type, 3), bytes_of(random, type, *y), scale(0.05), zero_of(type, -9),
                scale(0.04), zero_of(type, 2)])


def pooling(random):
    for type, channels_last in itertools.product(BYTES, [0, 1]):
        for shape in [(1, 3, 5, 7), (2, 16, 7, 7), (1, 4, 9), (1, 2, 3, 4, 5), (1, 33, 1, 1)]:
            x = bytes_of(random, type, *shape)
            yield Case("QLinearGlobalAveragePool", [
                x, scale(0.05), zero_of(type, 3), scale(0.04), zero_of(type, -5)],
                {"channels_last": channels_last})
        for shape, attributes in [
                ((1, 3, 8, 8), {"kernel_shape": [2, 2], "strides": [2, 2]}),
                ((1, 3, 9, 9), {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
                ((1, 3, 9, 9), {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
                ((1, 3, 9, 9), {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
                ((2, 3, 9, 8), {"kernel_shape": [2, 3], "auto_pad": "SAME_UPPER", "strides": [2, 2]}),
                ((2, 3, 9, 8), {"kernel_shape": [2, 3], "auto_pad": "SAME_LOWER"}),
                ((2, 3, 9), {"kernel_shape": [3]}),
                ((1, 2, 5, 5, 5), {"kernel_shape": [2, 2, 2]}),
                ((2, 3, 9, 8), {"kernel_shape": [2, 3], "auto_pad": "VALID"})]:
            x = bytes_of(random, type, *shape)
            if channels_last:
                x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
            for zeros in [(zero_of(type, 3), zero_of(type, -5)), (zero_of(type), zero_of(type))]:
                # No mean is halfway between two integers, where the order of additions decides.
                yield Case("QLinearAveragePool", [x, scale(0.05), zeros[0], scale(0.0437), zeros[1]],
                           attributes | {"channels_last": channels_last})


def convolutions(random):
    for (x_type, w_type), channels_last, group, per_channel in itertools.product(
            [(np.uint8, np.uint8), (np.uint8, np.int8), (np.int8, np.int8)], [0, 1], [1, 2, 4],
            [False, True]):
        x = bytes_of(random, x_type, 2, 4, 7, 6)
        w = bytes_of(random, w_type, 8, 4 // group, 3, 3)
        if channels_last:
            x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
        w_scale = random.uniform(0.001, 0.01, 8).astype(np.float32) if per_channel else scale(0.005)
        w_zero = np.full(8, zero_of(w_type)) if per_channel else zero_of(w_type)
        attributes = {"channels_last": channels_last, "group": group, "pads": [1, 1, 1, 1]}
        if random.integers(2):
            attributes |= {"kernel_shape": [3, 3], "strides": [2, 1]}
        bias = random.integers(-9000, 9000, 8).astype(np.int32) if random.integers(2) else None
        yield Case("QLinearConv", [
            x, scale(0.02), zero_of(x_type, 5), w, w_scale, w_zero, scale(0.05), zero_of(x_type, -9), bias],
            attributes, constants=(3, 4, 5, 8))


def linear(random):
    for type in [np.uint8, np.int8, np.uint16, np.int16]:
        half = 0 if np.iinfo(type).min else (np.iinfo(type).max + 1) // 2
        for shape, axis in [((3, 4), None), ((3, 4), 0), ((3, 4), 1), ((3, 4), -1), ((2, 3, 4), 1),
                            ((5,), 0), ((), None), ((2, 0), 1)]:
            sizes = () if axis is None else (shape[axis],)
            scales = random.uniform(0.01, 0.1, sizes).astype(np.float32)
            zeros = (random.integers(-9, 9, sizes) + half).astype(type)
            attributes = {} if axis is None else {"axis": axis}
            for zero in [zeros, None]:
                yield Case("QuantizeLinear", [floats(random, *shape, scale=4), scales, zero], attributes,
                           constants=(1, 2))
                yield Case("DequantizeLinear", [bytes_of(random, type, *shape), scales, zero], attributes,
                           constants=(1, 2))
    halves = np.arange(-600, 600, dtype=np.float32) / 2
    yield Case("QuantizeLinear", [halves, scale(1), np.array(3, np.uint8)])
    yield Case("QuantizeLinear", [halves, scale(1), np.array(3, np.int8)])
    yield Case("QuantizeLinear", [
        np.array([np.inf, -np.inf, 1e30, -1e30], np.float32), scale(1), np.array(3, np.int8)])
    yield Case("DequantizeLinear", [random.integers(-9999, 9999, (3, 4)).astype(np.int32), scale(0.1)])


def four_bits(random):
    import ml_dtypes
    for type in [ml_dtypes.uint4, ml_dtypes.int4]:
        for shape, axis in [((3, 4), None), ((3, 5), 1), ((7,), 0)]:
            sizes = () if axis is None else (shape[axis],)
            low = 0 if type == ml_dtypes.uint4 else -8
            scales = random.uniform(0.1, 1, sizes).astype(np.float32)
            zeros = random.integers(low, low + 16, sizes).astype(np.int8).astype(type)
            attributes = {} if axis is None else {"axis": axis}
            yield Case("QuantizeLinear", [floats(random, *shape, scale=4), scales, zeros], attributes,
                       constants=(1, 2))
            x = random.integers(low, low + 16, shape).astype(np.int8).astype(type)
            yield Case("DequantizeLinear", [x, scales, zeros], attributes, constants=(0, 1, 2))


def packed(integers, bits):
    """The last axis packed from the lowest bits of each byte on."""
    each = 8 // bits
    rest = -integers.shape[-1] % each
    integers = np.pad(integers, [(0, 0)] * (integers.ndim - 1) + [(0, rest)]).astype(np.uint8)
    groups = integers.reshape(integers.shape[:-1] + (-1, each))
    return sum(groups[..., i] << (i * bits) for i in range(each)).astype(np.uint8)


def matmul_nbits(random):
    for bits, block, (rows, k, n) in itertools.product(
            [4, 8, 2], [16, 32, 128], [((1,), 64, 5), ((3,), 100, 7), ((2, 5), 33, 64), ((70,), 256, 48)]):
        blocks = -(-k // block)
        w = packed(random.integers(0, 1 << bits, (n, blocks, block)), bits)
        scales = random.uniform(0.01, 0.1, (n, blocks)).astype(np.float32)
        zeros = packed(random.integers(0, 1 << bits, (n, blocks)), bits)
        attributes = {"K": k, "N": n, "bits": bits, "block_size": block}
        bias = floats(random, n)
        groups = random.permutation(np.arange(k) // block).astype(np.int32)
        for zero, g_idx, b, level, type in [
                (None, None, None, 0, np.float32), (zeros, None, None, 1, np.float32),
                (zeros, None, bias, 0, np.float32),
                (random.uniform(0, 1 << bits, (n, blocks)).astype(np.float32), None, None, 0, np.float32),
                
                # With g_idx onnxruntime ignores zero points, and reads 2 bits as 4.
                (None, groups if bits == 4 else None, None, 0, np.float32), (zeros, None, bias, 0, np.float16),
                (zeros, None, None, 4, np.float32), (None, None, None, 4, np.float32)]:
            def real(x):
                return x if x is None or x.dtype != np.float32 else x.astype(type)
            yield Case(
                "MatMulNBits", [
                    floats(random, *rows, k, type=type), w, real(scales), real(zero), g_idx, real(b)],
                attributes | {"accuracy_level": level}, constants=(1, 2, 3, 4, 5),
                tolerance=6e-2 if level == 4 else 2e-3 if type == np.float16 else 1e-5)


def lstm(random):
    # onnxruntime quantises the hidden states of a thread's samples together: one thread a sample.
    def case(
            steps, batch, inputs, units, type=np.int8, direction="forward", bias=True, lengths=None,
            initial=False, peepholes=False, per_column=False, outputs=3, **attributes):
        directions = 2 if direction == "bidirectional" else 1
        columns = 4 * units
        parameters = []
        for _ in range(2):
            shape = (directions, columns) if per_column else (directions,)
            parameters.append(random.uniform(0.003, 0.01, shape).astype(np.float32))
            parameters.append(np.full(shape, zero_of(type, 0 if type == np.int8 else 3)))
        state = [floats(random, directions, batch, units, scale=0.5) if initial else None for _ in range(2)]
        return Case(
            "DynamicQuantizeLSTM", [
                floats(random, steps, batch, inputs),
                bytes_of(random, type, directions, inputs, columns),
                bytes_of(random, type, directions, units, columns),
                floats(random, directions, 2 * columns, scale=0.3) if bias else None,
                None if lengths is None else np.array(lengths, np.int32), *state,
                floats(random, directions, 3 * units, scale=0.3) if peepholes else None, *parameters],
            {"hidden_size": units, "direction": direction} | attributes, outputs=outputs,
            constants=(1, 2, 3, 7, 8, 9, 10, 11), tolerance=2e-3)

    for type, per_column in itertools.product(BYTES, [False, True]):
        for direction in ["forward", "reverse", "bidirectional"]:
            yield case(6, 1, 5, 7, type, direction, per_column=per_column)
        yield case(1, 1, 16, 64, type, initial=True, per_column=per_column)
        yield case(5, 2, 3, 20, type, lengths=[5, 2], initial=True, per_column=per_column)
    yield case(5, 2, 3, 4, direction="bidirectional", lengths=[3, 4])
    yield case(5, 2, 3, 4, direction="reverse", lengths=[3, 0])
    yield case(5, 1, 3, 4, bias=False)
    yield case(5, 1, 3, 4, peepholes=True, initial=True)
    yield case(5, 1, 3, 4, clip=0.5)
    yield case(5, 1, 3, 4, input_forget=1)
    yield case(5, 1, 3, 4, outputs=[1])
    yield case(5, 1, 3, 4, outputs=[0, 1, 1])
    yield case(5, 1, 3, 4, activations=["HardSigmoid", "Relu", "Softsign"])
    yield case(5, 1, 3, 4, activations=["Sigmoid", "LeakyRelu", "Elu"], activation_alpha=[0.1, 0.5])
    yield case(3, 4, 8, 16)
    yield case(40, 1, 32, 128)


def tables(random):
    import ml_dtypes
    for bits, block, (rows, depth), places in itertools.product(
            [4, 8, 2], [16, 32], [(7, 64), (5, 72)], [(3,), (2, 2), (), (0,)]):
        blocks = -(-depth // block)
        data = packed(random.integers(0, 1 << bits, (rows, depth)), bits)
        scales = random.uniform(0.01, 0.1, (rows, blocks))
        zeros = packed(random.integers(0, 1 << bits, (rows, blocks)), bits)
        indices = random.integers(-rows, rows, places).astype(random.choice([np.int32, np.int64]))
        for zero, type in [(None, np.float32), (zeros, np.float32), (zeros, np.float16)]:
            yield Case("GatherBlockQuantized", [data, indices, scales.astype(type), zero], {
                "bits": bits, "block_size": block, "gather_axis": 0, "quantize_axis": 1}, constants=(0, 2, 3))
    # An index out of range gives zeros.
    yield Case("GatherBlockQuantized", [
        data, np.array([0, rows, -rows - 1], np.int64), scales.astype(np.float32)],
        {"bits": bits, "block_size": block})
    for type, gather, quantize in itertools.product([ml_dtypes.uint4, ml_dtypes.int4], range(3), range(3)):
        shape = (4, 20, 33)
        low = 0 if type == ml_dtypes.uint4 else -8
        counts = [-(-n // 16) if i == quantize else n for i, n in enumerate(shape)]
        data = random.integers(low, low + 16, shape).astype(np.int8).astype(type)
        zeros = random.integers(low, low + 16, counts).astype(np.int8).astype(type)
        for zero in [zeros, None]:
            yield Case("GatherBlockQuantized", [
                data, random.integers(0, shape[gather], (2, 3)), random.uniform(0.01, 0.1, counts).astype(np.float32),
                zero], {"block_size": 16, "gather_axis": gather, "quantize_axis": quantize}, constants=(0, 2, 3))
    for type, block, counts in [
            (ml_dtypes.float8_e4m3fn, 16, (6, 3)), (ml_dtypes.float8_e5m2, 0, (6, 1)),
            (ml_dtypes.float8_e4m3fnuz, 0, (1, 1)), (ml_dtypes.float8_e5m2fnuz, 32, (1, 2)),
            (ml_dtypes.float4_e2m1fn, 16, (6, 3))]:
        yield Case("GatherBlockQuantized", [
            floats(random, 6, 40).astype(type), random.integers(0, 6, (4,)), random.uniform(
                0.01, 0.1, counts).astype(np.float32)], {"block_size": block}, constants=(0, 2))
    for type, has_segments, has_mask in itertools.product(BYTES, [True, False], [True, False]):
        def table(*shape):
            return bytes_of(random, type, *shape)
        ids = random.integers(0, 9, (2, 5)).astype(np.int32)
        segments = random.integers(0, 2, (2, 5)).astype(np.int32) if has_segments else None
        mask = (np.arange(5) < [[3], [5]]).astype(np.int32) if has_mask else None
        scales = [scale(0.01 * (i + 1)) for i in range(5)]
        zeros = [zero_of(type, i) for i in range(5)]
        if not has_segments:
            scales[2] = zeros[2] = None
        yield Case("QEmbedLayerNormalization", [
            ids, segments, table(9, 16), table(6, 16), table(2, 16) if has_segments else None, table(16),
            table(16), mask, *scales, *zeros], {"epsilon": 1e-5}, outputs=2,
            constants=(2, 3, 4, 5, 6, *range(8, 18)))
    for kind, block, (rows, k, n) in itertools.product(
            [0, 1], [16, 64], [((3,), 32, 5), ((2, 4), 64, 33), ((1,), 48, 1)]):
        count = n * k
        yield Case("MatMulBnb4", [
            floats(random, *rows, k), random.integers(0, 256, (count + 1) // 2).astype(np.uint8),
            random.uniform(0.1, 1, -(-count // block)).astype(np.float32)],
            {"K": k, "N": n, "block_size": block, "quant_type": kind}, constants=(1, 2))


def experts(random):
    tokens, hidden, inner, count = 5, 32, 64, 4

    def packed_layer(rows, depth, bits, block, has_zeros):
        groups = (depth // block,) if block else ()
        codes = packed(random.integers(0, 1 << bits, (count, rows, depth)), bits)
        scales = random.uniform(0.01, 0.05, (count, rows, *groups)).astype(np.float32)
        zeros = packed(random.integers(0, 1 << bits, (count, rows, *groups)), bits) if has_zeros else None
        return codes, scales, zeros

    for kind, normalizes, chosen in itertools.product(
            ["relu", "gelu", "silu", "identity", "swiglu"], [0, 1], [1, 3]):
        rows = inner * (2 if kind == "swiglu" else 1)
        attributes = {"k": chosen, "activation_type": kind, "normalize_routing_weights": normalizes}
        if kind == "swiglu":
            # onnxruntime's processor runs the interleaved form only.
            attributes |= {"swiglu_fusion": 1, "activation_alpha": 1.702, "activation_beta": 1.0}
            if chosen == 1:
                attributes["swiglu_limit"] = 2.0
        x = floats(random, tokens, hidden)
        logits = floats(random, tokens, count)
        if normalizes:
            x, logits = x.reshape(1, tokens, hidden), np.round(logits)
        biases = [floats(random, count, rows), floats(random, count, hidden)]
        if chosen == 3:
            biases[0] = None
        yield Case("MoE", [
            x, logits, floats(random, count, rows, hidden, scale=0.2), biases[0],
            floats(random, count, hidden, inner, scale=0.2), biases[1]], attributes, constants=(2, 3, 4, 5))
        for bits, block, has_zeros in [
                (4, 0, False), (4, 0, True), (8, 0, True), (4, 16, True), (2, 16, False), (8, 32, False)]:
            first = packed_layer(rows, hidden, bits, block, has_zeros)
            second = packed_layer(hidden, inner, bits, block, has_zeros)
            inputs = [
                x, logits, first[0], first[1], biases[0], second[0], second[1], biases[1], None, None, None,
                first[2], second[2]]
            if bits == 4 and block:
                inputs += [None, random.uniform(0, 1, (tokens, count)).astype(np.float32)]
            yield Case(
                "QMoE", inputs,
                attributes | {"expert_weight_bits": bits} | ({"block_size": block} if block else {}),
                # It rounds activations to int8 for 8-bit blocks.
                constants=(2, 3, 4, 5, 6, 7, 11, 12), tolerance=4e-2 if bits == 8 and block else 1e-5)


def cases(random):
    for family in [
            binary, products, gemm, elementwise, pooling, convolutions, linear, four_bits, matmul_nbits,
            lstm, tables, experts]:
        yield from family(random)
