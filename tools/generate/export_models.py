"""Exports PyTorch modules to ONNX with both of PyTorch's exporters at many opset versions.

    python tools/generate/export_models.py --output DIR [--only MODEL …]

    DIR/MODEL_torchscript_opsetN/
    DIR/MODEL_dynamo_opsetN/

Each folder holds `model.onnx`, `test_data_set_0` with the traced sizes, `test_data_set_1` with
other sizes if the export allows them, and `tol`, the relative and the absolute tolerance, the
latter as a fraction of the largest expected value. The outputs are PyTorch's. The dynamo exports at
opset 18 keep their weights in a second file, `model.onnx.data`, the default of that exporter; all
others are single files.
"""

import argparse
import contextlib
import logging
import os
import shutil
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper

import modules

TORCHSCRIPT_OPSETS = range(9, 21)
DYNAMO_OPSETS = [18, 19, 20]
VOCABULARY = 65
TRACED = {"N": 2, "T": 7}
OTHER = {"N": 3, "T": 11}
TOLERANCE = "1e-5"


@dataclass
class Case:
    """A module with the shapes of its inputs and outputs, in which N and T may vary."""

    make: callable
    inputs: dict
    outputs: dict
    training: torch.onnx.TrainingMode = torch.onnx.TrainingMode.EVAL


def image_case(make, channels, size, classes, **options):
    return Case(make, {"image": ["N", channels, size, size]}, {"logits": ["N", classes]}, **options)


TOKENS = {"tokens": ["N", "T"]}
TOKENS_TIME_FIRST = {"tokens": ["T", "N"]}

CASES = {
    "lenet5": image_case(modules.LeNet5, 1, 32, 10),
    "alexnet": image_case(modules.AlexNet, 3, 95, 20),
    "vgg11": image_case(lambda: modules.VGG([1, 1, 2, 2, 2]), 3, 64, 20),
    "vgg19": image_case(lambda: modules.VGG([2, 2, 4, 4, 4]), 3, 64, 20),
    "googlenet": image_case(modules.GoogLeNet, 3, 64, 20),
    # Keeps the batch normalizations, which an export for evaluation folds into the convolutions.
    "resnet18": image_case(lambda: modules.ResNet(modules.BasicBlock, [2, 2, 2, 2]), 3, 64, 20,
                           training=torch.onnx.TrainingMode.PRESERVE),
    "resnet50": image_case(lambda: modules.ResNet(modules.Bottleneck, [3, 4, 6, 3]), 3, 64, 20),
    "text_cnn": Case(lambda: modules.TextCNN(500), TOKENS, {"logits": ["N", 2]}),
    "char_rnn": Case(
        lambda: modules.CharRNN(VOCABULARY),
        {**TOKENS, "h": [1, "N", 64]},
        {"logits": ["N", "T", VOCABULARY], "h_out": [1, "N", 64]}),
    "char_lstm": Case(
        lambda: modules.CharLSTM(VOCABULARY),
        {**TOKENS, "h": [2, "N", 64], "c": [2, "N", 64]},
        {"logits": ["N", "T", VOCABULARY], "h_out": [2, "N", 64], "c_out": [2, "N", 64]}),
    "char_gru": Case(
        lambda: modules.CharGRU(VOCABULARY),
        {**TOKENS_TIME_FIRST, "h": [1, "N", 64]},
        {"logits": ["T", "N", VOCABULARY], "h_out": [1, "N", 64]}),
    "bidirectional_lstm": Case(
        modules.BidirectionalLSTM, {"features": ["N", "T", 24]}, {"logits": ["N", "T", 12]}),
    "encoder_decoder": Case(
        lambda: modules.EncoderDecoder(VOCABULARY), TOKENS, {"logits": ["N", 6, VOCABULARY]}),
    "captioner": Case(
        lambda: modules.Captioner(VOCABULARY),
        {"image": ["N", 3, 32, 32], **TOKENS}, {"logits": ["N", None, VOCABULARY]}),
    "transformer": Case(
        lambda: modules.Transformer(VOCABULARY), TOKENS, {"logits": ["N", 5]}),
}


def make_inputs(case, sizes, seed):
    generator = torch.Generator().manual_seed(seed)
    values = []
    for name, dims in case.inputs.items():
        shape = [sizes.get(dim, dim) for dim in dims]
        if name == "tokens":
            values.append(torch.randint(VOCABULARY, shape, generator=generator))
        else:
            values.append(torch.randn(shape, generator=generator))
    return tuple(values)


def varying(shapes, names):
    """{input: {axis: name}} for the axes with one of `names`."""
    return {key: {axis: dim for axis, dim in enumerate(dims) if dim in names}
            for key, dims in shapes.items()}


def export_torchscript(case, model, path, opset, names):
    axes = varying({**case.inputs, **case.outputs}, names)
    torch.onnx.export(
        model, make_inputs(case, TRACED, 0), path, dynamo=False, opset_version=opset,
        input_names=list(case.inputs), output_names=list(case.outputs), training=case.training,
        dynamic_axes={key: value for key, value in axes.items() if value})


def export_dynamo(case, model, path, opset, names):
    axes = varying(case.inputs, names)
    torch.onnx.export(
        model, make_inputs(case, TRACED, 0), path, dynamo=True, opset_version=opset,
        input_names=list(case.inputs), output_names=list(case.outputs),
        dynamic_shapes=tuple({axis: torch.export.Dim(dim) for axis, dim in value.items()}
                             for value in axes.values()),
        external_data=opset == 18)


EXPORTERS = {
    "torchscript": (export_torchscript, TORCHSCRIPT_OPSETS),
    "dynamo": (export_dynamo, DYNAMO_OPSETS),
}


def expected_outputs(model, inputs):
    outputs = model(*inputs)
    return outputs if isinstance(outputs, tuple) else (outputs,)


def write_data_set(folder, case, inputs, outputs):
    folder.mkdir()
    for prefix, names, values in [("input", case.inputs, inputs),
                                  ("output", case.outputs, outputs)]:
        for index, (name, value) in enumerate(zip(names, values, strict=True)):
            proto = numpy_helper.from_array(value.numpy(), name)
            (folder / f"{prefix}_{index}.pb").write_bytes(proto.SerializeToString())


def relative_difference(session, inputs, outputs):
    """The largest difference from onnxruntime, as a fraction of the largest expected value."""
    names = [value.name for value in session.get_inputs()]
    found = session.run(None, {name: value.numpy() for name, value in
                               zip(names, inputs, strict=True)})
    return max(np.abs(b.numpy() - a).max() / np.abs(b.numpy()).max()
               for a, b in zip(found, outputs, strict=True))


def open_session(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options)


@contextlib.contextmanager
def silence():
    """Suppresses everything the exporters print, from C++ too."""
    sys.stdout.flush()
    saved = [os.dup(1), os.dup(2)]
    with open(os.devnull, "w") as nowhere:
        for target in 1, 2:
            os.dup2(nowhere.fileno(), target)
        try:
            yield
        finally:
            sys.stdout.flush()
            for target, copy in enumerate(saved, 1):
                os.dup2(copy, target)
                os.close(copy)


def write_case(folder, case, model, export, opset, names):
    """Exports with the axes `names` dynamic and checks the result; returns the table's columns."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    path = folder / "model.onnx"
    with silence():
        export(case, model, path, opset, names)
    proto = onnx.load(path, load_external_data=False)
    version = next(item.version for item in proto.opset_import if item.domain == "")
    if version != opset:
        raise ValueError(f"the exporter wrote opset {version}")
    session = open_session(path)
    if [value.name for value in session.get_inputs()] != list(case.inputs):
        raise ValueError("the inputs differ in name or order")
    sizes = [TRACED] + ([{**TRACED, **{name: OTHER[name] for name in names}}] if names else [])
    largest = 0.0
    for index, size in enumerate(sizes):
        inputs = make_inputs(case, size, 1 + index)
        outputs = expected_outputs(model, inputs)
        largest = max(largest, relative_difference(session, inputs, outputs))
        write_data_set(folder / f"test_data_set_{index}", case, inputs, outputs)
    if not largest <= float(TOLERANCE):
        raise ValueError(f"differs by {largest:.1e}")
    (folder / "tol").write_text(f"0 {TOLERANCE} max\n")
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return size, len(proto.graph.node), largest


def free_axes(case):
    """The sets of dynamic axes to try, largest first."""
    present = [name for name in TRACED if any(name in dims for dims in case.inputs.values())]
    return [present[:count] for count in range(len(present), -1, -1)]


def reason(error):
    return (str(error).strip() or type(error).__name__).splitlines()[0][:100]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)

    start, total, count = time.time(), 0, 0
    print(f"{'case':40} {'free':>5} {'kB':>7} {'nodes':>6} {'difference':>10} {'s':>5}")
    for name in options.only:
        case = CASES[name]
        torch.manual_seed(1)
        model = modules.randomize(case.make())
        for exporter, (export, opsets) in EXPORTERS.items():
            for opset in opsets:
                folder = options.output / f"{name}_{exporter}_opset{opset}"
                began = time.time()
                for names in free_axes(case):
                    try:
                        size, nodes, largest = write_case(folder, case, model, export, opset, names)
                    except Exception as error:
                        shutil.rmtree(folder, ignore_errors=True)
                        print(f"{folder.name:40} {','.join(names):>5} skipped: {reason(error)}")
                        continue
                    total, count = total + size, count + 1
                    print(f"{folder.name:40} {','.join(names):>5} {size / 1e3:7.0f} {nodes:6} "
                          f"{largest:10.1e} {time.time() - began:5.1f}", flush=True)
                    break
    print(f"{count} cases, {total / 1e6:.0f} MB, {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
