"""Compares models in the blocked layout of onnxruntime's optimiser with the models they came from.

    python tools/compare/nchwc.py [--tool .build/release/onnx-run] [--keep FOLDER]

onnxruntime optimises convolutional networks of several widths for this processor, which writes weights
in blocks of 16 or 8 channels. Each file is run, and again with its weights in blocks of the other size,
as another processor would have written it. Expected outputs are those of the network before it was
optimised. Exit code 1 if a case fails.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

DOMAIN = "com.microsoft.nchwc"


def network(random, widths, uneven):
    """A network with every operator of the domain, its channels as wide as given."""
    nodes, weights = [], []

    def weight(*shape):
        name = f"w{len(weights)}"
        value = random.standard_normal(shape) * (2 / np.prod(shape[1:] or [9])) ** 0.5
        if uneven and len(shape) > 1:
            value *= np.exp(random.standard_normal((shape[0], *[1] * (len(shape) - 1))) * 0.5)
        weights.append(numpy_helper.from_array(value.astype(np.float32), name))
        return name

    def node(operator, inputs, name=None, **attributes):
        name = name or f"v{len(nodes)}"
        nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    one, two, three = widths
    same = {"pads": [1, 1, 1, 1]}
    x = node("Relu", [node("Conv", ["x", weight(one, 3, 3, 3), weight(one)], strides=[2, 2], **same)])
    x = node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], **same)
    x = node("Conv", [x, weight(one, 1, 3, 3), weight(one)], group=one, **same)
    low, high = (numpy_helper.from_array(np.float32(v), n) for v, n in [(0, "low"), (6, "high")])
    weights.extend([low, high])
    x = node("Conv", [node("Clip", [x, "low", "high"]), weight(two, one, 1, 1)])
    y = node("Sigmoid", [node("Conv", [x, weight(two, two, 3, 3), weight(two)], **same)])
    y = node("Conv", [y, weight(two, two, 3, 3), weight(two)], **same)
    x = node("Relu", [node("Add", [y, x])])
    y = node("Conv", [x, weight(two, two // 2, 3, 3), weight(two)], group=2, **same)
    x = node("AveragePool", [x], kernel_shape=[3, 3], **same)
    x = node("Concat", [node("LeakyRelu", [y], alpha=0.1), x], axis=1)
    weights.append(numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales"))
    x = node("Resize", [x, "", "scales"], mode="nearest", nearest_mode="floor",
             coordinate_transformation_mode="asymmetric")
    x = node("Conv", [x, weight(three, 2 * two, 1, 1), weight(three)])
    node("Add", [node("GlobalAveragePool", [x]), node("GlobalMaxPool", [x])], "pooled")
    node("Transpose", [x], "last", perm=[0, 2, 3, 1])
    graph = helper.make_graph(
        nodes, "network", [helper.make_tensor_value_info("x", 1, ["N", 3, 33, 29])],
        [onnx.ValueInfoProto(name=name) for name in ["pooled", "last"]], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def session(model, level, path=None):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.log_severity_level = 4
    if path:
        options.optimized_model_filepath = str(path)
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def has_input_blocks(shape, groups, block):
    if groups > 1:
        return not (shape[1] == 1 and shape[0] == groups)
    return shape[1] >= block


def plain(stored, groups, block):
    """Weights `[O, I, H, W]` from blocks `[O/b, I/b, H, W, b, b]` or `[O/b, I, H, W, b]`."""
    o, i, h, w = stored.shape
    if has_input_blocks(stored.shape, groups, block):
        blocks = stored.reshape(o // block, i // block, h, w, block, block)
        return blocks.transpose(0, 5, 1, 4, 2, 3).reshape(o, i, h, w)
    return stored.reshape(o // block, i, h, w, block).transpose(0, 4, 1, 2, 3).reshape(o, i, h, w)


def blocked(weights, groups, block):
    o, i, h, w = weights.shape
    if has_input_blocks(weights.shape, groups, block):
        split = weights.reshape(o // block, block, i // block, block, h, w)
        return split.transpose(0, 2, 4, 5, 3, 1).reshape(o, i, h, w)
    return weights.reshape(o // block, block, i, h, w).transpose(0, 2, 3, 4, 1).reshape(o, i, h, w)


def narrowed(model, widths, block, other):
    """The model with blocks of another size; `None` if a convolution does not fit them."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    tensors = {entry.name: entry for entry in model.graph.initializer}
    wide = {-(-width // block) * block: -(-width // other) * other for width in widths}
    for node in model.graph.node:
        if node.domain != DOMAIN or node.op_type != "Conv":
            continue
        group = next(a for a in node.attribute if a.name == "group")
        stored = numpy_helper.to_array(tensors[node.input[1]])
        weights = plain(stored, group.i, block)
        has_blocks = has_input_blocks(stored.shape, group.i, block)
        outputs = wide.get(weights.shape[0], weights.shape[0])
        inputs = wide.get(weights.shape[1], weights.shape[1])
        weights = weights[:outputs, :inputs]
        if group.i == stored.shape[0]:
            group.i = outputs
        if has_blocks != has_input_blocks(weights.shape, group.i, other):
            return None
        if outputs % other or (has_input_blocks(weights.shape, group.i, other) and inputs % other):
            return None
        tensors[node.input[1]].CopyFrom(numpy_helper.from_array(
            np.ascontiguousarray(blocked(weights, group.i, other)), node.input[1]))
        if len(node.input) > 2 and node.input[2]:
            bias = numpy_helper.to_array(tensors[node.input[2]])[:outputs]
            tensors[node.input[2]].CopyFrom(numpy_helper.from_array(bias, node.input[2]))
    del model.graph.value_info[:]
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", default=".build/release/onnx-run")
    parser.add_argument("--keep", type=pathlib.Path, help="write the cases here and keep them")
    options = parser.parse_args()
    random = np.random.default_rng(0)
    level = onnxruntime.GraphOptimizationLevel
    with tempfile.TemporaryDirectory() as temporary:
        root = options.keep or pathlib.Path(temporary)
        for widths in [(32, 64, 64), (24, 40, 20), (16, 48, 10), (16, 32, 16), (8, 24, 12)]:
            for uneven in [False, True]:
                name = "_".join(map(str, widths)) + ("_uneven" if uneven else "")
                model = network(random, widths, uneven)
                x = random.standard_normal((2, 3, 33, 29)).astype(np.float32)
                expected = session(model, level.ORT_DISABLE_ALL).run(None, {"x": x})
                path = pathlib.Path(temporary) / "optimised.onnx"
                session(model, level.ORT_ENABLE_ALL, path)
                optimised = onnx.load(path)
                first = next(n for n in optimised.graph.node if n.domain == DOMAIN)
                padded = {e.name: e.dims[0] for e in optimised.graph.initializer}[first.input[1]]
                block = 16 if padded % 16 == 0 else 8
                variants = {f"{name}_{block}": optimised}
                # Without differences between channels, nothing tells blocks of 16 from blocks of 8.
                if block == 16 and (uneven or any(width % 16 for width in widths[:2])):
                    variants[f"{name}_8"] = narrowed(optimised, widths, 16, 8)
                for case, variant in variants.items():
                    if variant is None:
                        continue
                    data = root / case / "test_data_set_0"
                    data.mkdir(parents=True, exist_ok=True)
                    onnx.save(variant, root / case / "model.onnx")
                    onnx.save_tensor(numpy_helper.from_array(x, "x"), data / "input_0.pb")
                    for index, value in enumerate(expected):
                        onnx.save_tensor(
                            numpy_helper.from_array(value), data / f"output_{index}.pb")
                    (root / case / "tol").write_text("0 1e-5 max")
        report = root / "report.json"
        subprocess.run([options.tool, "test", str(root), "--json", str(report)],
                       stdout=subprocess.DEVNULL, check=False)
        results = json.loads(report.read_text())
        for result in results:
            name = pathlib.Path(result["case"]).name
            print(f"{name:<28} {'pass' if result['passed'] else result['message']}")
        passed = sum(result["passed"] for result in results)
        print(f"{passed} of {len(results)} cases pass")
        sys.exit(0 if passed == len(results) else 1)


if __name__ == "__main__":
    main()
