"""`onnx-run score`, a model for it, and what onnxruntime makes of the same rows."""

import os
import subprocess

import numpy as np
import onnx
import onnxruntime
import pyarrow.parquet as pq
from onnx import TensorProto, helper

TOOL = os.environ["ONNX_RUN"]


def run(*arguments, **options):
    return subprocess.run(
        [TOOL, "score", *map(str, arguments)], capture_output=True, text=True, timeout=120, **options
    )


def score(*arguments, **options):
    result = run(*arguments, **options)
    assert result.returncode == 0, result.stderr
    return result.stdout


def refused(text, *arguments, **options):
    result = run(*arguments, **options)
    assert result.returncode == 2, (result.returncode, result.stdout, result.stderr)
    assert result.stderr.startswith("onnx-run: ") and result.stderr.count("\n") == 1, result.stderr
    assert text in result.stderr, result.stderr


def save(folder, nodes, inputs, outputs, initializers=()):
    graph = helper.make_graph(nodes, "test", inputs, outputs, list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = folder / "model.onnx"
    onnx.save(model, path)
    return path


def linear(folder, width=4, batch="N"):
    """scores = softmax(x · w), total = sum of x."""
    w = np.linspace(-1, 1, width * 3, dtype=np.float32).reshape(width, 3)
    return save(
        folder,
        [
            helper.make_node("MatMul", ["x", "w"], ["h"]),
            helper.make_node("Softmax", ["h"], ["scores"], axis=1),
            helper.make_node("ReduceSum", ["x", "axes"], ["total"], keepdims=0),
        ],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, width])],
        [
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, 3]),
            helper.make_tensor_value_info("total", TensorProto.FLOAT, [batch]),
        ],
        [
            helper.make_tensor("w", TensorProto.FLOAT, w.shape, w.tobytes(), raw=True),
            helper.make_tensor("axes", TensorProto.INT64, [1], [1]),
        ],
    )


def expected(model, x):
    return onnxruntime.InferenceSession(str(model)).run(None, {"x": x})


def check(got_scores, got_total, model, x):
    scores, total = expected(model, x)
    np.testing.assert_allclose(np.array(got_scores), scores, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.array(got_total), total, rtol=1e-4, atol=1e-5)


def parquet(folder):
    """All rows of a folder's parts, in their order, read as one table."""
    return pq.read_table(folder)
