"""Compares gradients of exported PyTorch models with those of PyTorch's autograd.

    python tools/compare/gradients.py [--only MODEL …] [--tool .build/release/onnx-run]

Each export gets a loss, the sum of its outputs times fixed numbers, and a `Gradient` node of the
standard's preview operators, through which onnx-run returns the gradients of all parameters and all
floating-point inputs. Models are exported in evaluation mode and in training mode, in which batch
normalization uses the statistics of the batch and dropout drops nothing.

Each line of the table is a model: the largest difference of any gradient from PyTorch's in float64,
as a fraction of the largest element of that gradient, the same for PyTorch's own float32 gradients,
and the gradient with that difference. Gradients that are zero up to rounding count as fractions of
the model's largest. Exits with code 1 if a difference exceeds 1e-5 or a gradient is missing.
"""

import argparse
import collections
import copy
import logging
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import nn

sys.path.append(str(pathlib.Path(__file__).parents[1] / "generate"))
import export_models
import modules

BOUND = 1e-5
FLOATS = [onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE]
TRAINING = ["lenet5", "alexnet", "vgg11", "googlenet", "resnet18", "text_cnn", "captioner"]
EXPORTERS = ["torchscript", "dynamo"]
# The exporter's optimizer renames and folds parameters, but without it these exports hold
# sequences. So it stays on, and only the parameters that keep their names are compared.
OPTIMIZED = ["encoder_decoder"]
# In training mode, float32 rounding decides which of two features is larger, in PyTorch too, so
# these models are exported and compared in float64.
DOUBLE = ["googlenet"]


def export(case, model, inputs, path, exporter, optimize):
    """Exports with PyTorch's parameter names and without folding."""
    names = {"input_names": list(case.inputs), "output_names": list(case.outputs)}
    with export_models.silence():
        if exporter == "dynamo":
            torch.onnx.export(
                model, inputs, path, dynamo=True, opset_version=18, optimize=optimize,
                external_data=False, **names)
        else:
            mode = torch.onnx.TrainingMode
            torch.onnx.export(
                model, inputs, path, dynamo=False, opset_version=17, do_constant_folding=False,
                training=mode.TRAINING if model.training else mode.PRESERVE, **names)


def add_gradients(proto, outputs, parameters):
    """Replaces the outputs by the loss and its gradients; returns the names they are taken by."""
    graph = proto.graph
    held = {tensor.name for tensor in graph.initializer}
    wanted = [name for name in parameters if name in held]
    wanted += [value.name for value in graph.input
               if value.name not in held and value.type.tensor_type.elem_type in FLOATS]
    terms = []
    for name, factors in outputs.items():
        graph.initializer.append(numpy_helper.from_array(factors, f"loss/{name}/factors"))
        graph.node.append(helper.make_node(
            "Mul", [name, f"loss/{name}/factors"], [f"loss/{name}/terms"]))
        graph.node.append(helper.make_node(
            "ReduceSum", [f"loss/{name}/terms"], [f"loss/{name}"], keepdims=0))
        terms.append(f"loss/{name}")
    graph.node.append(helper.make_node("Sum", terms, ["loss"]))
    graph.node.append(helper.make_node(
        "Gradient", wanted, [f"gradient_{i}" for i in range(len(wanted))],
        domain="ai.onnx.preview.training", xs=wanted, y="loss"))
    del graph.output[:]
    for name in ["loss"] + [f"gradient_{i}" for i in range(len(wanted))]:
        graph.output.append(onnx.ValueInfoProto(name=name))
    proto.opset_import.append(helper.make_opsetid("ai.onnx.preview.training", 1))
    return wanted


def our_gradients(tool, path, case, inputs, wanted, folder):
    arguments = [str(tool), "run", str(path), "--output-dir", str(folder), "--output-format", "npz"]
    held = {value.name for value in onnx.load(path).graph.input}
    for name, value in zip(case.inputs, inputs, strict=True):
        if name in held:
            np.save(folder / f"{name}.npy", value.numpy())
            arguments += ["--input", f"{name}={folder}/{name}.npy"]
    result = subprocess.run(arguments, capture_output=True, text=True)
    if result.returncode != 0:
        raise ValueError(result.stderr.strip())
    with np.load(folder / "outputs.npz") as found:
        return {name: found[f"gradient_{i}"] for i, name in enumerate(wanted)}


def their_gradients(case, model, inputs, outputs, kind):
    model = copy.deepcopy(model).to(kind)
    inputs = [value.detach().to(kind, copy=True).requires_grad_() if value.is_floating_point() else value
              for value in inputs]
    results = export_models.expected_outputs(model, inputs)
    loss = sum((value * torch.from_numpy(factors).to(kind)).sum()
               for value, factors in zip(results, outputs.values(), strict=True))
    parameters = dict(model.named_parameters())
    parameters |= {name: value for name, value in zip(case.inputs, inputs)
                   if value.is_floating_point()}
    found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    return {name: torch.zeros_like(value).numpy(force=True) if gradient is None
            else gradient.numpy()
            for (name, value), gradient in zip(parameters.items(), found, strict=True)}


def differences(found, exact):
    """{name: difference as a fraction of the largest element}."""
    largest = {name: np.abs(value).max() for name, value in exact.items()}
    overall = max(largest.values())
    return {name: float(np.abs(found[name] - exact[name]).max()
                        / (largest[name] if largest[name] > 1e-6 * overall else overall))
            for name in found}


def without_dropout(model):
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


def compare(name, exporter, training, options, folder):
    """Prints a line; returns whether the gradients are correct."""
    case = export_models.CASES[name]
    torch.manual_seed(1)
    model = modules.randomize(case.make()).requires_grad_(True)
    if training:
        without_dropout(model).train()
    sizes = {"N": 16 if training else 2, "T": 7}
    inputs = export_models.make_inputs(case, sizes, 3)
    kind = torch.float64 if training and name in DOUBLE else torch.float32
    model, inputs = model.to(kind), tuple(
        value.to(kind) if value.is_floating_point() else value for value in inputs)
    rng = np.random.default_rng(5)
    with torch.no_grad():
        results = export_models.expected_outputs(copy.deepcopy(model), inputs)
    outputs = {output: rng.uniform(-1, 1, tuple(value.shape)).astype(value.numpy().dtype)
               for output, value in zip(case.outputs, results, strict=True)}
    path = folder / "model.onnx"
    export(case, copy.deepcopy(model), inputs, path, exporter, name in OPTIMIZED)
    proto = onnx.load(path)
    wanted = add_gradients(proto, outputs, [key for key, _ in model.named_parameters()])
    onnx.save(proto, path)
    found = our_gradients(options.tool, path, case, inputs, wanted, folder)
    exact, rounded = (their_gradients(case, model, inputs, outputs, kind)
                      for kind in (torch.float64, torch.float32))
    ours, peer = differences(found, exact), differences(rounded, exact)
    worst = max(ours, key=ours.get)
    missing = sorted(set(exact) - set(found)) if name not in OPTIMIZED else []
    near = ours[worst] <= BOUND
    print(f"{name:<20}{exporter:<13}{'training' if training else 'evaluation':<12}"
          f"{str(kind).removeprefix('torch.'):<9}{len(found):>5}{ours[worst]:>10.1e}"
          f"{max(peer.values()):>10.1e}  {worst}"
          + (f"  MISSING {', '.join(missing)}" if missing else "")
          + ("" if near else "  TOO FAR"), flush=True)
    return near and not missing


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=export_models.CASES,
                        default=list(export_models.CASES))
    parser.add_argument("--tool", type=pathlib.Path,
                        default=pathlib.Path(".build/release/onnx-run"))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    for name in "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE":
        os.environ.pop(name, None)
    print(f"{'model':<20}{'exporter':<13}{'mode':<12}{'type':<9}{'count':>5}{'here':>10}"
          f"{'autograd':>10}  the worst")
    failures = collections.Counter()
    for name in options.only:
        for exporter in EXPORTERS:
            for training in [False] + [True] * (name in TRAINING and exporter == "torchscript"):
                try:
                    with tempfile.TemporaryDirectory() as folder:
                        good = compare(name, exporter, training, options, pathlib.Path(folder))
                    failures["too far or missing"] += not good
                except Exception as error:
                    lines = str(error).strip().splitlines() or [type(error).__name__]
                    print(f"{name:<20}{exporter:<13}{'training' if training else 'evaluation':<12}"
                          f"failed: {lines[-1]}", flush=True)
                    operator = re.search(r".*\((\w+)\): .*no gradient", lines[-1])
                    failures[f"no gradient of {operator[1]}" if operator else "failed"] += 1
    for reason, count in failures.items():
        if count:
            print(f"{count} × {reason}")
    sys.exit(1 if sum(failures.values()) else 0)


if __name__ == "__main__":
    main()
