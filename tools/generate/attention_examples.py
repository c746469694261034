"""Prints onnxruntime's results for the worked examples of Tests/ContribTests/ContribAttentionTests.swift
and RecurrentAttentionTests.swift.

    python tools/generate/attention_examples.py
"""

import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "compare"))
import contrib_operators  # noqa: E402
from contrib_cases import Case  # noqa: E402


def saw(*shape, scale=1, shift=0):
    """-1, -0.5, 0, 0.5, 1, -1, …, scaled and shifted."""
    steps = np.arange(np.prod(shape)).reshape(shape) % 5 * 0.5 - 1
    return (steps * scale + shift).astype(np.float32)


def ints(*values):
    return np.array(values, np.int32)


def show(operator, inputs, outputs=1, **attributes):
    case = Case(operator, inputs, attributes, outputs)
    model, names, tensors = contrib_operators.model_of(case, ())
    for name, value in contrib_operators.expected(model, names, tensors):
        print(operator, name, list(value.shape), [float(f"{x:.8g}") for x in value.ravel()])


def main():
    show("MultiHeadAttention",
         [saw(1, 2, 4), saw(1, 3, 4, scale=0.5, shift=0.25), saw(1, 3, 4), saw(12),
          ints([1, 0, 1])], num_heads=2, unidirectional=1)
    show("Attention", [saw(1, 2, 3), saw(3, 12), saw(12), ints(2), saw(2, 1, 2, 1, 2)], 2,
         num_heads=2, unidirectional=1)
    angles = np.array([[0, 0, 0, 0], [0.5, 1, 0.25, 2], [1, 2, 0.5, 4]], np.float32)
    show("RotaryEmbedding",
         [saw(1, 2, 8), np.array([1], np.int64), np.cos(angles), np.sin(angles)])
    show("GroupQueryAttention",
         [saw(1, 1, 32), saw(1, 1, 16), saw(1, 1, 16), saw(1, 2, 3, 8),
          saw(1, 2, 3, 8, shift=0.5), ints(2), np.array(3, np.int32)], 3,
         num_heads=4, kv_num_heads=2, local_window_size=2)
    show("QAttention",
         [np.array([[[1, 200], [7, 3]]], np.uint8),
          (np.arange(12).reshape(2, 6) * 9 - 50).astype(np.int8), saw(6),
          np.array(0.02, np.float32), np.array(0.01, np.float32), None, np.array(5, np.uint8)],
         num_heads=1)
    show("CausalConvWithState",
         [saw(1, 2, 3), saw(2, 1, 3), saw(2), saw(1, 2, 2, scale=2)], 2, activation="silu")
    show("LinearAttention",
         [saw(1, 2, 2), saw(1, 2, 4), saw(1, 2, 2), None, saw(1, 2, 2, shift=-1),
          saw(1, 2, 2, scale=0.2, shift=0.5)], 2, q_num_heads=1, kv_num_heads=2)
    show("LinearAttentionGate", [saw(1, 2, 2), saw(2), saw(2), saw(1, 2, 2)], 2)
    show("MRotaryEmbedding",
         [saw(1, 1, 6), np.array([[[1]], [[2]], [[0]]], np.int64), saw(3, 3), saw(3, 3, shift=0.2)],
         num_heads=1, mrope_section=[1, 1, 1])
    show("DecoderMaskedMultiHeadAttention",
         [saw(1, 1, 8), saw(1, 1, 8), saw(1, 1, 8, shift=1), None, None, saw(1, 1, 3, 8),
          saw(1, 1, 3, 8, scale=2), ints(1)], 3, num_heads=1, past_present_share_buffer=1)


if __name__ == "__main__":
    main()
