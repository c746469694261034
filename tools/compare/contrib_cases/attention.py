"""Attention and what surrounds it in transformers."""

import numpy as np
from onnx import TensorProto

from contrib_cases import Case, floats


def ints(*values):
    return np.array(values, np.int32)


def hidden(random, *shape):
    """A mask of zeros and ones."""
    return (random.random(shape) < 0.6).astype(np.int32)


def multi_head(random):
    b, s, n, h = 2, 3, 2, 4
    d = n * h
    base = {"num_heads": n}

    def qkv(s=s, l=None, v=h):
        l = s if l is None else l
        return [floats(random, b, s, d), floats(random, b, l, d), floats(random, b, l, n * v)]

    def case(inputs, outputs=1, **attributes):
        return Case("MultiHeadAttention", inputs, {**base, **attributes}, outputs, constants=(3,),
                    types={3: TensorProto.FLOAT})

    yield case(qkv())
    yield case(qkv(l=5))
    yield case(qkv(s=1, l=5))
    yield case(qkv(v=6))
    yield case(qkv(), scale=0.7)
    yield case(qkv() + [floats(random, 3 * d)])
    yield case(qkv(l=5, v=6) + [floats(random, 2 * d + n * 6)], 3)
    for s2, l in [(3, 3), (3, 5), (1, 5), (5, 3)]:
        yield case(qkv(s=s2, l=l), unidirectional=1)
    # Packed forms.
    yield case([floats(random, b, s, n, 3, h)])
    yield case([floats(random, b, s, n, 3, h), None, None, floats(random, 3 * d)])
    yield case([floats(random, b, s, d), floats(random, b, 5, n, 2, h)])
    # Keys and values with an axis of heads.
    for v in [h, 6]:
        yield case([floats(random, b, s, d), floats(random, b, n, 5, h), floats(random, b, n, 5, v)], 3)
    yield case([floats(random, b, s, d), floats(random, b, n, 5, h), floats(random, b, n, 5, h),
                floats(random, 3 * d)])
    yield case([floats(random, b, s, d), floats(random, b, n, 5, h), floats(random, b, n, 5, h),
                None, hidden(random, b, 5)], unidirectional=1)
    # Masks.
    for l in [3, 5]:
        for mask in [ints(2, l), ints(0, 1), ints(1, 2, 0, 3, 0, 2, 5, 5),
                     hidden(random, b, l), np.zeros((b, l), np.int32),
                     hidden(random, b, s, l), np.zeros((b, s, l), np.int32), ints(9, 0)]:
            for causal in [0, 1]:
                yield case(qkv(l=l) + [None, mask], unidirectional=causal)
        yield case(qkv(l=l) + [None, hidden(random, b, l)], mask_filter_value=-2.5)
        yield case(qkv(l=l) + [None, hidden(random, b, s, l)], unidirectional=1,
                   mask_filter_value=float(np.finfo(np.float32).min))
        for shape in [(b, n), (1, n), (b, 1), (1, 1)]:
            bias = floats(random, *shape, s, l)
            yield case(qkv(l=l) + [None, None, bias])
            yield case(qkv(l=l) + [None, hidden(random, b, l), bias], 4)
    # Past.
    for past in [0, 1, 4]:
        state = [floats(random, b, n, past, h), floats(random, b, n, past, h)]
        total = past + s
        yield case(qkv() + [None, None, None] + state, 3)
        yield case(qkv() + [floats(random, 3 * d), None, None] + state, 3)
        yield case(qkv() + [None, None, None] + state, 4, unidirectional=1)
        yield case(qkv(s=1) + [None, None, None] + state, 3, unidirectional=1)
        yield case(qkv() + [None, hidden(random, b, total), floats(random, b, n, s, total)] + state,
                   4, unidirectional=1, scale=0.3)
        yield case(qkv() + [None, hidden(random, b, s, total), None] + state, 3)
        yield case(qkv() + [None, ints(total, 1), None] + state, 3)
    yield case(qkv(), 4)
    yield case(qkv(), [1, 0, 1])
    yield case([floats(random, b, 0, d), floats(random, b, 4, d), floats(random, b, 4, d)])
    # Heads with broad keys, one batch, one head.
    yield Case("MultiHeadAttention", [floats(random, 1, 17, 32)] * 3, {"num_heads": 1})
    yield Case("MultiHeadAttention", [floats(random, 1, 70, 64), floats(random, 1, 130, 64),
                                      floats(random, 1, 130, 64)], {"num_heads": 8})


def projected(random):
    b, s, n, h, columns = 2, 3, 2, 4, 6
    d = n * h

    def inputs(v=h, s=s, bias=True):
        width = 2 * d + n * v
        return [floats(random, b, s, columns), floats(random, columns, width),
                floats(random, width) if bias else None]

    def case(inputs, outputs=1, **attributes):
        return Case("Attention", inputs, {"num_heads": n, **attributes}, outputs, constants=(1, 2))

    for bias in [True]:  # onnxruntime crashes without a bias.
        yield case(inputs(bias=bias))
        yield case(inputs(bias=bias), 2, unidirectional=1)
    yield case(inputs(v=6), qkv_hidden_sizes=[d, d, 12])
    yield case(inputs(), qkv_hidden_sizes=[d, d, d], scale=0.4)
    yield case(inputs(s=1), 2, unidirectional=1)
    for causal in [0, 1]:
        for mask in [ints(2, 3), ints(0, 1), ints(3, 2, 1, 0), ints(2, 0, 1, 2), ints(9, 0),
                     ints(1, 2, 0, 3, 0, 2, 3, 3), ints(9, 3, 0, 9),
                     hidden(random, b, s), np.zeros((b, s), np.int32), ints(1, 0).reshape(2, 1),
                     ints(0).reshape(1, 1), hidden(random, b, s, s),
                     np.zeros((b, s, s), np.int32), hidden(random, b, 1, 7, 7)]:
            yield case(inputs() + [mask], unidirectional=causal)
        yield case(inputs() + [hidden(random, b, s)], unidirectional=causal, mask_filter_value=-1.5)
        yield case(inputs() + [hidden(random, b, s)], unidirectional=causal,
                   mask_filter_value=float(np.finfo(np.float32).min))
        for shape in [(b, n), (1, n), (b, 1), (1, 1)]:
            bias = floats(random, *shape, s, s)
            yield case(inputs() + [None, None, bias], unidirectional=causal)
            yield case(inputs() + [hidden(random, b, s), None, bias], unidirectional=causal)
        for past in [0, 1, 4]:
            state = floats(random, 2, b, n, past, h)
            yield case(inputs() + [None, state], 2, unidirectional=causal)
            yield case(inputs(s=1) + [None, state], 2, unidirectional=causal)
            yield case(inputs() + [hidden(random, b, s + past), state], 2, unidirectional=causal)
            yield case(inputs() + [hidden(random, b, s, s + past), state], 2,
                       unidirectional=causal)
            yield case(inputs() + [ints(past + 1, past + 3, 1, 0), state], 2,
                       unidirectional=causal)
            yield case(inputs() + [None, state, floats(random, b, n, s, s + past)], 2)
    yield case(inputs(), do_rotary=1)
    yield Case("Attention", [floats(random, b, s, columns), floats(random, columns, 192, scale=.2),
                             floats(random, 192), None],
               {"num_heads": 2, "do_rotary": 1, "rotary_embedding_dim": 32})
    yield case(inputs() + [None, floats(random, 2, b, n, 8, h), None, ints(2)], 2,
               past_present_share_buffer=1)


def rotary(random):
    b, s, n, h, places = 2, 3, 2, 8, 9
    for type in [np.float32, np.float16]:
        step = 1e-5 if type == np.float32 else 2e-3
        for interleaved in [0, 1]:
            def case(x, positions, pairs, **attributes):
                angles = random.random((places, pairs)) * 6
                return Case(
                    "RotaryEmbedding",
                    [x, np.array(positions, np.int64), np.cos(angles).astype(type),
                     np.sin(angles).astype(type)],
                    {"interleaved": interleaved, **attributes}, constants=(2, 3), tolerance=step)

            packed = floats(random, b, s, n * h, type=type)
            split = floats(random, b, n, s, h, type=type)
            for positions in [[4], [0], [6], [[1, 2, 8], [0, 0, 5]]]:
                yield case(packed, positions, h // 2)
                yield case(packed, positions, h // 2, num_heads=n)
                yield case(packed, positions, h // 4, num_heads=n, rotary_embedding_dim=h // 2)
                yield case(split, positions, h // 2)
                yield case(split, positions, h // 4, num_heads=n, rotary_embedding_dim=h // 2)
            yield case(packed, [1], h // 2, scale=2.0)
            yield case(packed, [1], h // 4)
            yield case(packed, [1], h // 2, is_packed_batching=1)
            yield case(split, [1], h // 2, num_heads=3)
            yield case(floats(random, b, 0, n * h, type=type), [1], h // 2)


def group_query(random):
    b, s, n, kv, h = 2, 4, 4, 2, 16

    def case(new, past, lengths, total, type=np.float32, extra=(), packed=False, batch=b, outputs=3,
             tables=h // 2, **attributes):
        parts = [floats(random, batch, new, heads * h, type=type) for heads in [n, kv, kv]]
        if packed:
            parts = [np.concatenate(parts, 2), None, None]
        states = [None, None] if past is None else [
            floats(random, batch, kv, past, h, type=type) for _ in range(2)]
        angles = random.random((max(total, past or 0) + 8, tables)) * 6
        rotation = [np.cos(angles).astype(type), np.sin(angles).astype(type)]
        if not attributes.get("do_rotary"):
            rotation = [None, None]
        return Case(
            "GroupQueryAttention",
            parts + states + [ints(*lengths), np.array(total, np.int32)] + rotation + list(extra),
            {"num_heads": n, "kv_num_heads": kv, **attributes}, outputs, constants=(7, 8),
            tolerance=1e-5 if type == np.float32 else 2e-3)

    for type in [np.float32, np.float16]:
        def bias(*shape):
            return floats(random, *shape, type=type)

        for options in [{}, {"do_rotary": 1}, {"do_rotary": 1, "rotary_interleaved": 1},
                        {"scale": 0.3}, {"softcap": 1.5},
                        {"local_window_size": 2}, {"local_window_size": 1}, {"smooth_softmax": 1},
                        {"smooth_softmax": 1, "local_window_size": 2, "softcap": 2.0},
                        {"causal": 0}]:
            options = {**options, "type": type}
            for packed in [False, True]:
                # A prompt, without and with a past; one token; several tokens.
                yield case(s, None, [s - 1] * b, s, packed=packed, **options)
                yield case(s, 0, [s - 1] * b, s, packed=packed, **options)
                yield case(s, 7, [s - 1] * b, s, packed=packed, **options)
                yield case(1, 5, [5, 5], 6, packed=packed, **options)
                yield case(1, 5, [5, 3], 6, packed=packed, **options)
                yield case(1, 9, [5, 3], 6, packed=packed, **options)
                yield case(3, 5, [7], 8, packed=packed, batch=1, **options)
                yield case(3, 9, [6], 7, packed=packed, batch=1, **options)
        for new, past, lengths, total in [(s, None, [s - 1] * b, s), (1, 5, [5, 5], 6)]:
            for shape in [(b, n), (1, n), (b, 1), (1, 1)]:
                extra = [None, bias(*shape, new, total)]
                yield case(new, past, lengths, total, type=type, extra=extra)
                yield case(new, past, lengths, total, type=type, extra=extra, softcap=1.2,
                           local_window_size=2)
                yield case(new, past, lengths, total, type=type, extra=extra, smooth_softmax=1)
            sinks = [None, None, bias(n)]
            yield case(new, past, lengths, total, type=type, extra=sinks)
            yield case(new, past, lengths, total, type=type, extra=sinks, local_window_size=2,
                       softcap=3.0)
            positions = random.integers(0, 6, (b, new)).astype(np.int64)
            yield case(new, past, lengths, total, type=type, extra=[positions], do_rotary=1)
            for stage in [1, 2]:
                yield case(new, past, lengths, total, type=type, outputs=4, qk_output=stage)
                yield case(new, past, lengths, total, type=type, outputs=4, qk_output=stage,
                           softcap=1.0, local_window_size=2)
                yield case(new, past, lengths, total, type=type, outputs=4, qk_output=stage,
                           extra=[None, bias(b, n, new, total), bias(n)])
        yield case(3, 9, [6], 7, batch=1, type=type, do_rotary=1,
                   extra=[np.array([[2, 5, 7]], np.int64)])


def quantized(random):
    b, s, n, h, columns = 2, 3, 2, 4, 6
    width = 3 * n * h

    def case(weight=np.int8, per_column=False, zeros=(True, True), mask=None, past=None, outputs=1,
             **attributes):
        info = np.iinfo(weight)
        count = (width,) if per_column else ()
        inputs = [
            random.integers(0, 256, (b, s, columns)).astype(np.uint8),
            random.integers(info.min, info.max + 1, (columns, width)).astype(weight),
            floats(random, width), np.array(0.011, np.float32),
            (random.random(count) * 0.01 + 0.004).astype(np.float32), mask,
            np.array(random.integers(0, 256), np.uint8) if zeros[0] else None,
            np.array(random.integers(-9, 9, count) if info.min else
                     random.integers(99, 140, count)).astype(weight) if zeros[1] else None, past]
        return Case("QAttention", inputs, {"num_heads": n, **attributes}, outputs,
                    constants=(1, 2, 3, 4, 6, 7))

    for weight in [np.int8, np.uint8]:
        for per_column in [False, True]:
            for zeros in [(True, True), (True, False), (False, True), (False, False)]:
                yield case(weight, per_column, zeros)
            for causal in [0, 1]:
                for mask in [ints(2, 3), ints(3, 2, 1, 0), hidden(random, b, s),
                             hidden(random, b, s, s)]:
                    yield case(weight, per_column, mask=mask, unidirectional=causal)
                for past in [0, 1, 4]:
                    yield case(weight, per_column, past=floats(random, 2, b, n, past, h), outputs=2,
                               unidirectional=causal, mask=hidden(random, b, s + past))
                yield case(weight, per_column, past=floats(random, 2, b, n, 2, h), outputs=2,
                           unidirectional=causal)
            yield case(weight, per_column, scale=0.3, mask=hidden(random, b, s),
                       mask_filter_value=-3.0)
            yield case(weight, per_column, outputs=2)


def multimodal_rotary(random):
    b, s, n, h, places = 2, 3, 2, 12, 9
    for type in [np.float32, np.float16]:
        for interleaved in [0, 1]:
            for layout in [0, 1]:
                def case(x, sections, **attributes):
                    angles = random.random((places, sum(sections))) * 6
                    return Case(
                        "MRotaryEmbedding",
                        [x, random.integers(0, places, (3, b, s)).astype(np.int64),
                         np.cos(angles).astype(type), np.sin(angles).astype(type)],
                        {"interleaved": interleaved, "mrope_layout": layout,
                         "mrope_section": sections, **attributes}, constants=(2, 3),
                        tolerance=1e-5 if type == np.float32 else 2e-3)

                packed = floats(random, b, s, n * h, type=type)
                split = floats(random, b, n, s, h, type=type)
                for sections in [[2, 2, 2], [4, 1, 1], [6, 0, 0], [3, 2, 1]]:
                    yield case(packed, sections, num_heads=n)
                    yield case(packed, sections)
                    yield case(split, sections)
                yield case(split, [2, 1, 1], num_heads=n, rotary_embedding_dim=8)
                yield case(packed, [2, 1, 1], num_heads=n, rotary_embedding_dim=8)


def linear(random):
    b, t, kv, k, v = 2, 5, 2, 4, 3
    for heads in [2, 4, 1]:
        for rule in ["linear", "gated", "delta", "gated_delta"]:
            for state in [False, True]:
                for wide in [False, True]:
                    decay = -random.random((b, t, kv * k if wide else kv)).astype(np.float32)
                    beta = random.random((b, t, 1 if wide else kv)).astype(np.float32)
                    inputs = [floats(random, b, t, heads * k), floats(random, b, t, kv * k) * 0.5,
                              floats(random, b, t, kv * v),
                              floats(random, b, kv, k, v) if state else None,
                              decay if "gated" in rule else None, beta if "delta" in rule else None]
                    yield Case("LinearAttention", inputs,
                               {"q_num_heads": heads, "kv_num_heads": kv, "update_rule": rule,
                                **({"scale": 0.7} if wide else {})}, 2, tolerance=1e-4)
    for type in [np.float32, np.float16]:
        for outputs in [1, 2]:
            yield Case(
                "LinearAttentionGate",
                [floats(random, b, t, 4, type=type, scale=5), floats(random, 4), floats(random, 4),
                 floats(random, b, t, 4, type=type) if outputs == 2 else None], {}, outputs,
                constants=(1, 2), tolerance=1e-5 if type == np.float32 else 1e-3)


def causal_convolution(random):
    b, c = 2, 3
    for k in [1, 2, 4]:
        for length in [1, 6]:
            for dilation in [1, 2]:
                rows = (k - 1) * dilation
                for bias in [False, True]:
                    for state in [False, True]:
                        for activation in ["none", "silu"]:
                            yield Case(
                                "CausalConvWithState",
                                [floats(random, b, c, length), floats(random, c, 1, k),
                                 floats(random, c) if bias else None,
                                 floats(random, b, c, rows) if state else None],
                                {"activation": activation, "dilation": dilation}, 2,
                                constants=(1, 2))
                    for shape in [(c,), (3, 1)]:
                        yield Case(
                            "CausalConvWithState",
                            [floats(random, b, length, *shape), floats(random, c, 1, k),
                             floats(random, c) if bias else None, floats(random, b, rows, *shape)],
                            {"channels_last": 1, "dilation": dilation}, 2, constants=(1, 2))


def masked_decoder(random):
    b, n, h = 2, 2, 8
    d = n * h

    def case(inputs, outputs=3, **attributes):
        return Case("DecoderMaskedMultiHeadAttention", inputs, {"num_heads": n, **attributes},
                    outputs, constants=(10,), types={3: TensorProto.FLOAT})

    for bias in [None, floats(random, 3 * d)]:
        for past in [1, 4]:
            row = [floats(random, b, 1, d) for _ in range(3)]
            states = [floats(random, b, n, past, h) for _ in range(2)]
            rest = [None, None, None, None, bias]
            yield case(row + [None, None] + states + rest[1:])
            yield case(row + [hidden(random, b, past + 1), None] + states + rest[1:], scale=0.4)
            yield case(row + [None, floats(random, 1, n, 1, past + 1)] + states + rest[1:], 4,
                       output_qk=1)
            for valid in range(past):
                yield case(row + [None, None] + states + [ints(valid), None, None, bias],
                           past_present_share_buffer=1)
                yield case(row + [hidden(random, b, valid + 1), None] + states +
                           [ints(valid), None, None, bias], past_present_share_buffer=1,
                           mask_filter_value=-2.0)
        cross = [floats(random, b, 1, d), floats(random, b, n, 5, h), floats(random, b, n, 5, h)]
        yield case(cross + [None] * 7 + [bias], 1)
        yield case(cross + [hidden(random, b, 5)] + [None] * 6 + [bias], 1)


def quantized_cache(random):
    n, kv, h = 4, 2, 16
    for type in [np.float32, np.float16]:
        for bits, stored in [(8, np.int8), (4, np.uint8)]:
            for kind, shape in [("PER_TENSOR", (1,)), ("PER_CHANNEL", (1, kv, 1, h))]:
                for b, new, past, lengths, total in [
                        (2, 1, 5, [5, 5], 6), (2, 1, 9, [5, 3], 6), (1, 3, 5, [7], 8),
                        (2, 4, 0, [3, 3], 4)]:
                    info = np.iinfo(stored)
                    inputs = [floats(random, b, new, heads * h, type=type)
                              for heads in [n, kv, kv]]
                    inputs += [random.integers(
                        info.min, info.max + 1,
                        (b, kv, past, h * bits // 8)).astype(stored) for _ in range(2)]
                    scale = 0.03 if bits == 8 else 0.4
                    inputs += [ints(*lengths), np.array(total, np.int32)] + [None] * 5
                    inputs += [((random.random(shape) + 0.5) * scale).astype(np.float32)
                               for _ in range(2)]
                    yield Case("GroupQueryAttention", inputs,
                               {"num_heads": n, "kv_num_heads": kv, "k_quant_type": kind,
                                "v_quant_type": kind, "kv_cache_bit_width": bits}, 3,
                               tolerance=1e-5 if type == np.float32 else 2e-3)


def sparse(random):
    n, kv, h, block, most = 4, 2, 16, 16, 64
    layouts = [
        ([[0, 1, 3, 5, 8]], [[0, 0, 1, 1, 2, 1, 2, 3]]),
        ([[0, 1, 3, 5, 8], [0, 1, 3, 6, 9]],
         [[0, 0, 1, 1, 2, 1, 2, 3, -1], [0, 0, 1, 0, 1, 2, 0, 2, 3]])]
    for type in [np.float32, np.float16]:
        for rows, columns in layouts:
            for rotary in [0, 1]:
                for packed in [False, True]:
                    for b, new, lengths, total in [
                            (2, 40, [40, 40], 40), (1, 5, [5], 5), (2, 1, [50, 50], 50),
                            (2, 1, [50, 33], 50), (1, 3, [35], 35)]:
                        parts = [floats(random, b, new, heads * h, type=type)
                                 for heads in [n, kv, kv]]
                        if packed:
                            parts = [np.concatenate(parts, 2), None, None]
                        states = [floats(random, b, kv, most, h, type=type) for _ in range(2)]
                        for state in states:
                            for row, length in zip(state, lengths):
                                row[:, length - new:] = 0
                        angles = random.random((most, h // 2)) * 6
                        tables = [np.cos(angles).astype(type), np.sin(angles).astype(type)]
                        yield Case(
                            "SparseAttention",
                            parts + states + [
                                np.array(rows, np.int32), np.array(columns, np.int32),
                                np.array([total], np.int32), ints(*lengths)] +
                            (tables if rotary else []),
                            {"num_heads": n, "kv_num_heads": kv, "sparse_block_size": block,
                             "do_rotary": rotary}, 3, constants=(5, 6, 9, 10), shared={1: 3, 2: 4},
                            tolerance=1e-5 if type == np.float32 else 2e-3)


def cases(random):
    yield from multi_head(random)
    yield from projected(random)
    yield from rotary(random)
    yield from group_query(random)
    yield from quantized_cache(random)
    yield from sparse(random)
    yield from quantized(random)
    yield from multimodal_rotary(random)
    yield from linear(random)
    yield from causal_convolution(random)
    yield from masked_decoder(random)
