"""Writes the largest models that must work: a deep chain, a wide node, and many weights.

    python tools/generate/large_models.py --output DIR
"""

import argparse
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def save(path, nodes, initializers=(), shape=(1, 4)):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, path.stem, [x], [y], list(initializers))
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, {len(nodes)} nodes")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, required=True)
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)

    count = 200_000
    names = ["x"] + [f"v{i}" for i in range(1, count)] + ["y"]
    save(
        folder / "chain.onnx",
        [helper.make_node("Relu", [names[i]], [names[i + 1]]) for i in range(count)])

    count = 50_000
    relus = [helper.make_node("Relu", ["x"], [f"v{i}"]) for i in range(count)]
    concat = helper.make_node("Concat", [f"v{i}" for i in range(count)], ["y"], axis=0)
    save(folder / "wide.onnx", relus + [concat])

    # 575 MB in 25 matrices, as much as the weights of VGG-19.
    side = 2400
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((side, side), np.float32) / side**0.5
    weights = [numpy_helper.from_array(np.roll(matrix, i), f"w{i}") for i in range(25)]
    names = ["x"] + [f"v{i}" for i in range(1, 25)] + ["y"]
    save(
        folder / "heavy.onnx",
        [helper.make_node("MatMul", [names[i], f"w{i}"], [names[i + 1]]) for i in range(25)],
        weights, (1, side))


if __name__ == "__main__":
    main()
