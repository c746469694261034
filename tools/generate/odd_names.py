"""Writes Tests/Consumer/Sources/consumer/Models/odd-names.onnx and its external data: a model whose names
are no Swift identifiers, with an optional input, a sequence and an optional.

    python tools/generate/odd_names.py Tests/Consumer/Sources/consumer/Models
"""

import json
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

pair = helper.make_tensor_type_proto(TensorProto.FLOAT, [2])


def value(name, kind, doc=""):
    return helper.make_value_info(name, kind, doc)


scale = helper.make_tensor("self", TensorProto.FLOAT, [], [3.0])
weight = onnx.numpy_helper.from_array(
    np.arange(400, dtype="float32").reshape(200, 2), "weight"
)
graph = helper.make_graph(
    [
        helper.make_node("Add", ["in", "x.1"], ["sum:0"]),
        helper.make_node("Mul", ["sum:0", "self"], ["default"]),
        helper.make_node("SequenceInsert", ["list", "sum:0"], ["items"]),
        helper.make_node("OptionalHasElement", ["maybe"], ["has element"]),
        helper.make_node("Gather", ["weight", "1st"], ["rows"]),
    ],
    "odd names",
    [
        value("in", pair, "The first\nof two terms."),
        value("x.1", pair),
        value("list", helper.make_sequence_type_proto(pair)),
        value("maybe", helper.make_optional_type_proto(pair)),
        value("1st", helper.make_tensor_type_proto(TensorProto.INT64, ["N"])),
        value("self", helper.make_tensor_type_proto(TensorProto.FLOAT, []), "A factor."),
    ],
    [
        value("default", pair),
        value("sum:0", pair),
        value("items", helper.make_sequence_type_proto(pair)),
        value("has element", helper.make_tensor_type_proto(TensorProto.BOOL, [])),
        value("rows", helper.make_tensor_type_proto(TensorProto.FLOAT, ["N", 2])),
    ],
    [scale, weight],
    doc_string='Adds "in" and `x.1`. */\n\nTwo paragraphs \\(1).',
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
helper.set_model_props(model, {"classes": json.dumps(['a "quote"', "a \\ and a\nline"])})
onnx.checker.check_model(model)
onnx.save(
    model, sys.argv[1] + "/odd-names.onnx", save_as_external_data=True, location="odd-names.data",
    size_threshold=1024,
)
