"""Judges a case in pieces: every piece gets the values that onnxruntime computed for its inputs.

    python tools/zoo_cases/nodes.py CASE [--onnx-run PATH] [--every] [--least 1e-6]

The model is cut after nodes that round to 8 bits, or after every node with --every: the values at
the cuts become inputs, with onnxruntime's numbers (without optimisations), so that no difference
reaches the next piece. The result runs in onnx-run and in onnx's reference evaluator. A line for
each value gives the largest differences between each two of them, relative to the largest value,
and the number of elements in which onnx-run differs; values below `--least` are left out.
"""

import argparse
import pathlib
import tempfile

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

import references


def quantizes(node):
    """Whether a node rounds its input or its result to 8 bits."""
    return node.op_type.startswith("QLinear") or references.rounds_inputs(node) or (
        node.op_type in references.QUANTIZED and node.op_type != "DequantizeLinear")


def trace(model, names, values):
    """The named values of a model's outer graph, from onnxruntime without optimisations."""
    traced = onnx.ModelProto()
    traced.CopyFrom(model)
    declared = {value.name for value in model.graph.output}
    traced.graph.output.extend(
        onnx.ValueInfoProto(name=name) for name in names if name not in declared)
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(traced, f"{folder}/model.onnx")
        outputs = references.isolated(
            references.evaluate, f"{folder}/model.onnx", values, False)
    order = [value.name for value in traced.graph.output]
    return {name: np.asarray(array) for name, array in zip(order, outputs)}


def cut(path, values, every):
    """A model cut into pieces, its inputs by name, and the values expected of its outputs."""
    model = onnx.load(path)
    cuts = {name: node for node in model.graph.node if every or quantizes(node)
            for name in node.output if name}
    values = {**values, **trace(model, cuts, values)}

    def info(name, array):
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        return helper.make_tensor_value_info(name, kind, array.shape)

    for node in model.graph.node:
        for index, name in enumerate(node.output):
            if name in cuts:
                node.output[index] = f"{name}:result"
    inputs = {value.name: values[value.name] for value in references.graph_inputs(model)}
    inputs |= {name: values[name] for name in cuts}
    expected = {f"{name}:result": values[name] for name in cuts}
    kept = [value.name for value in model.graph.output if value.name not in cuts]
    expected |= {name: values[name] for name in kept}
    graph = helper.make_graph(
        model.graph.node, "pieces", [info(*item) for item in inputs.items()],
        [info(*item) for item in expected.items()], model.graph.initializer)
    result = helper.make_model(
        graph, opset_imports=model.opset_import, ir_version=model.ir_version,
        functions=model.functions)
    return result, inputs, expected, {f"{name}:result": node for name, node in cuts.items()}


def agree(found, expected):
    """Whether all pieces agree: integers within one step, other numbers to 1e-3 of their value or
    1e-4 of the largest."""
    for name, right in expected.items():
        if name not in found or found[name].shape != right.shape:
            return False
        a, b = found[name].astype(np.float64), right.astype(np.float64)
        bound = 1 if right.dtype.kind in "iu" else (
            1e-3 * np.abs(b) + 1e-4 * np.abs(b[np.isfinite(b)]).max(initial=0))
        with np.errstate(invalid="ignore"):
            if not np.all((a == b) | (np.abs(a - b) <= bound) | (np.isnan(a) & np.isnan(b))):
                return False
    return True


def reference(model, inputs):
    try:
        results = ReferenceEvaluator(model).run(None, inputs)
    except Exception as error:
        print(f"onnx's reference evaluator: {str(error).splitlines()[0][:150]}")
        return {}
    return {value.name: np.asarray(array) for value, array in zip(model.graph.output, results)}


def main():
    from judge import difference, outputs

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", type=pathlib.Path)
    parser.add_argument("--onnx-run", default=".build/release/onnx-run")
    parser.add_argument("--every", action="store_true")
    parser.add_argument("--least", type=float, default=1e-6)
    options = parser.parse_args()
    path = options.case / "model.onnx"
    model, inputs, expected, nodes = cut(
        path, references.read(options.case, "input"), options.every)
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(model, f"{folder}/model.onnx")
        ours = outputs(options.onnx_run, pathlib.Path(folder), inputs, 600)
    if ours is None:
        raise SystemExit("onnx-run does not run the pieces")
    theirs = reference(model, inputs)
    print(f"{'ours-ort':>10}{'ref-ort':>10}{'ours-ref':>10}{'elements':>18}  value")
    for name, b in expected.items():
        a, c = ours[name], theirs.get(name)
        row = [difference({name: a}, {name: b}), float("nan"), float("nan")]
        if c is not None:
            row[1:] = difference({name: c}, {name: b}), difference({name: a}, {name: c})
        if max(row, key=lambda x: -1 if np.isnan(x) else x) < options.least:
            continue
        count = f"{np.sum(a != b)} of {b.size}" if a.shape == b.shape else "shapes differ"
        node = nodes.get(name)
        title = f"{node.op_type} {node.name}" if node else "output"
        print("".join(f"{x:>10.1e}" for x in row)
              + f"{count:>18}  {title} {name} {b.dtype}{list(b.shape)}")
    print("all pieces agree" if agree(ours, expected) else "some pieces differ")


if __name__ == "__main__":
    main()
