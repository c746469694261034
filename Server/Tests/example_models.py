"""Models for the tests of Triton's clients and of the program's operation."""

import os

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper

# Triton's names of the data types, NumPy's, and values at their limits.
TYPES = {
    "BOOL": (bool, [True, False, True]),
    "INT8": (np.int8, [-128, 0, 127]),
    "INT16": (np.int16, [-32768, 0, 32767]),
    "INT32": (np.int32, [-(2**31), 0, 2**31 - 1]),
    "INT64": (np.int64, [-(2**63), 0, 2**63 - 1]),
    "UINT8": (np.uint8, [0, 1, 255]),
    "UINT16": (np.uint16, [0, 1, 65535]),
    "UINT32": (np.uint32, [0, 1, 2**32 - 1]),
    "UINT64": (np.uint64, [0, 1, 2**64 - 1]),
    "FP16": (np.float16, [0.1, -65504, np.inf]),
    "FP32": (np.float32, [0.1, -3.4e38, np.nan]),
    "FP64": (np.float64, [0.1, 5e-324, -np.inf]),
    "BF16": (ml_dtypes.bfloat16, [0.1, -3e38, np.inf]),
    "BYTES": (np.object_, [b"a", "é😀".encode(), b'"\\\n']),
}


def save(path, nodes, inputs, outputs, initializers=()):
    """Writes a model. Inputs and outputs are names with element types and shapes."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    values = [
        [helper.make_tensor_value_info(*value) for value in values] for values in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, "test", *values, list(initializers))
    opset = helper.make_opsetid("", 21)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=10), path)


def save_types(folder):
    """A model for each type, of its name, that returns its input x as y."""
    for name, (dtype, _) in TYPES.items():
        element_type = TensorProto.STRING
        if name != "BYTES":
            element_type = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        value = element_type, ["N"]
        node = helper.make_node("Identity", ["x"], ["y"])
        save(f"{folder}/{name}.onnx", [node], [("x", *value)], [("y", *value)])


def save_add(folder):
    """The model `add`: the sum and the difference of a and b."""
    matrix = TensorProto.FLOAT, ["N", 3]
    save(
        f"{folder}/add.onnx",
        [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Sub", ["a", "b"], ["diff"])],
        [("a", *matrix), ("b", *matrix)],
        [("sum", *matrix), ("diff", *matrix)],
    )


def save_loop(folder):
    """The model `loop`: it counts to x in a loop, and returns x."""
    body = helper.make_graph(
        [helper.make_node("Add", ["value", "one"], ["next"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("more", TensorProto.BOOL, []),
            helper.make_tensor_value_info("value", TensorProto.INT64, []),
        ],
        [
            helper.make_tensor_value_info("more", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.INT64, []),
        ],
        [helper.make_tensor("one", TensorProto.INT64, [], [1])],
    )
    save(
        f"{folder}/loop.onnx",
        [helper.make_node("Loop", ["x", "", "zero"], ["y"], body=body)],
        [("x", TensorProto.INT64, [])],
        [("y", TensorProto.INT64, [])],
        [helper.make_tensor("zero", TensorProto.INT64, [], [0])],
    )
