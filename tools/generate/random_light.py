"""Writes the light models of the onnx package with random instead of constant weights.

    python tools/generate/random_light.py --output DIR

    DIR/NAME/model.onnx, tol, test_data_set_0/input_0.pb, output_0.pb

The light models are full-size known networks whose weights are mostly nodes that fill a shape with
one value. Here every weight is an initializer, scaled so that activations and the logits before a
final Softmax stay moderate. The outputs are onnxruntime's with optimizations disabled.
"""

import argparse
import shutil
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.loader import DATA_DIR

LOGITS = 2.0


def generated_shapes(graph):
    """{tensor: shape} of the tensors that ConstantOfShape nodes make from initializers."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    return {node.output[0]: numpy_helper.to_array(constants[node.input[0]]).tolist()
            for node in graph.node
            if node.op_type == "ConstantOfShape" and node.input[0] in constants}


def uses(graph):
    """{tensor: (node, position)} of the consumer, looking through nodes that change the shape."""
    found = {name: (node, index) for node in graph.node for index, name in enumerate(node.input)}
    for name, (node, index) in list(found.items()):
        if node.op_type in ["Unsqueeze", "Reshape"] and index == 0:
            found[name] = found[node.output[0]]
    return found


def random_weight(shape, node, position, random):
    """Values for the input at `position` of `node`, scaled by the fan-in in products."""
    role = node.op_type, position
    if role == ("Conv", 1):
        return random.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
    if role == ("Gemm", 1):
        transposed = any(item.name == "transB" and item.i for item in node.attribute)
        return random.normal(0, np.sqrt(2 / shape[-1 if transposed else -2]), shape)
    if node.op_type == "Mul" or role == ("BatchNormalization", 1):
        return random.uniform(0.5, 1.3, shape)
    if role == ("BatchNormalization", 4):
        return random.uniform(0.5, 1.5, shape)
    if role in [("Conv", 2), ("Gemm", 2), ("Add", 0), ("Add", 1),
                ("BatchNormalization", 2), ("BatchNormalization", 3)]:
        return random.normal(0, 0.2, shape)
    raise ValueError(f"no rule for input {position} of {node.op_type}")


def randomize(graph, random):
    """Replaces all float weights. Former ConstantOfShape weights become graph inputs too, which
    IR version 3 requires of initializers."""
    shapes, users = generated_shapes(graph), uses(graph)
    nodes = [node for node in graph.node if node.output[0] not in shapes]
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    dropped = {tensor.name for tensor in graph.initializer} - used

    weights = {name: shape for name, shape in shapes.items() if name in used}
    weights |= {tensor.name: list(tensor.dims) for tensor in kept
                if tensor.data_type == TensorProto.FLOAT}
    tensors = [tensor for tensor in kept if tensor.name not in weights]
    for name, shape in weights.items():
        values = random_weight(shape, *users[name], random).astype(np.float32)
        tensors.append(numpy_helper.from_array(values, name))

    inputs = [info for info in graph.input if info.name not in dropped]
    inputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, weights[name])
               for name in shapes if name in weights]
    for field, values in [("node", nodes), ("initializer", tensors), ("input", inputs)]:
        values = [type(value).FromString(value.SerializeToString()) for value in values]
        graph.ClearField(field)
        getattr(graph, field).extend(values)


def run(model, feeds, optimized=True):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return session.run(None, feeds)[0]


def scale_logits(model, feeds):
    """Scales the last weights so that a final Softmax does not saturate on one class."""
    graph = model.graph
    softmax = graph.node[-1]
    if softmax.op_type != "Softmax":
        return
    output = graph.output[0].name
    graph.output[0].name = softmax.input[0]
    deviation = run(model, feeds).std()
    graph.output[0].name = output
    last = next(node for node in reversed(graph.node) if node.op_type in ["Conv", "Gemm"])
    users = uses(graph)
    for tensor in graph.initializer:
        if users[tensor.name][0] == last:
            values = numpy_helper.to_array(tensor) * (LOGITS / deviation)
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float32), tensor.name))


def random_model(path, seed):
    """A light model with random weights, and an input for it."""
    random = np.random.default_rng(seed)
    model = onnx.load(path)
    randomize(model.graph, random)
    constants = {tensor.name for tensor in model.graph.initializer}
    info = next(info for info in model.graph.input if info.name not in constants)
    shape = [dim.dim_value for dim in info.type.tensor_type.shape.dim]
    feeds = {info.name: random.normal(0, 1, shape).astype(np.float32)}
    scale_logits(model, feeds)
    return model, feeds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    output = parser.parse_args().output

    print(f"{'model':16} {'weights':>7} {'MB':>5} {'largest':>8} {'difference':>10} {'s':>4}")
    for seed, path in enumerate(sorted((Path(DATA_DIR) / "light").glob("*.onnx"))):
        start = time.time()
        model, feeds = random_model(path, seed)
        name = next(iter(feeds))
        count = sum(tensor.data_type == TensorProto.FLOAT for tensor in model.graph.initializer)
        expected = run(model, feeds, optimized=False)
        largest = np.abs(expected).max()
        difference = np.abs(run(model, feeds) - expected).max() / largest

        folder = output / path.stem.removeprefix("light_")
        shutil.rmtree(folder, ignore_errors=True)
        data = folder / "test_data_set_0"
        data.mkdir(parents=True)
        onnx.save(model, folder / "model.onnx")
        (folder / "tol").write_text("0 1e-5 max\n")
        for file, value, tensor in [("input_0", feeds[name], name),
                                    ("output_0", expected, model.graph.output[0].name)]:
            proto = numpy_helper.from_array(value, tensor)
            (data / f"{file}.pb").write_bytes(proto.SerializeToString())
        size = (folder / "model.onnx").stat().st_size
        print(f"{folder.name:16} {count:7} {size / 1e6:5.0f} {largest:8.2g} {difference:10.1e} "
              f"{time.time() - start:4.0f}", flush=True)


if __name__ == "__main__":
    main()
