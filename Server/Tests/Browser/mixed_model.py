"""A network of random weights with strides, dilations, groups and uneven padding."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def mixed_model(path):
    random = np.random.default_rng(0)
    shapes = {
        "w1": (4, 3, 3, 2), "b1": (4,), "scale": (4,), "shift": (4,), "mean": (4,),
        "w2": (8, 2, 3, 3), "w3": (8, 6), "b3": (6,), "w4": (6, 5), "b4": (5,),
    }
    weights = {name: random.uniform(-1, 1, shape) for name, shape in shapes.items()}
    weights |= {"variance": random.uniform(0.1, 1, 4), "low": -0.5, "high": 0.75}
    nodes = [
        ("Conv", "picture w1 b1", "c1", dict(strides=[2, 1], pads=[1, 0, 2, 1], dilations=[1, 2])),
        ("BatchNormalization", "c1 scale shift mean variance", "n", {}),
        ("LeakyRelu", "n", "l", dict(alpha=0.2)),
        ("Conv", "l w2", "c2", dict(group=2, auto_pad="SAME_UPPER")),
        ("Clip", "c2 low high", "k", {}),
        ("MaxPool", "k", "m", dict(kernel_shape=[2, 2], strides=[2, 2], pads=[0, 1, 1, 0])),
        ("AveragePool", "m", "a", dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1])),
        ("Add", "m a", "s", {}),
        ("GlobalAveragePool", "s", "g", {}),
        ("Flatten", "g", "f", {}),
        ("MatMul", "f w3", "d", {}),
        ("Add", "d b3", "e", {}),
        ("Sigmoid", "e", "h", {}),
        ("Gemm", "h w4 b4", "scores", dict(alpha=0.5, beta=2.0)),
    ]
    graph = helper.make_graph(
        [helper.make_node(kind, inputs.split(), [output], **attributes)
         for kind, inputs, output, attributes in nodes],
        "mixed",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["N", 3, 24, 20])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 5])],
        [numpy_helper.from_array(np.asarray(value, np.float32), name)
         for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.save(model, path)
