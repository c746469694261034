"""Writes test cases: a model, its inputs and onnxruntime's outputs."""

import os
import pathlib
import pickle
import shutil
import signal
import traceback

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

from inputs import graph_inputs

onnxruntime.set_default_logger_severity(4)

# Operators whose results are rounded to whole steps.
QUANTIZED = {"DequantizeLinear", "QuantizeLinear", "DynamicQuantizeLinear", "MatMulInteger",
             "ConvInteger", "DynamicQuantizeLSTM", "DynamicQuantizeMatMul", "MatMulIntegerToFloat",
             "QAttention", "QGemm"}

FLOAT = "1e-3 1e-5 max"
HALF = "1e-3 1e-3 max"
STEP = f"0 {1 / 127:.5f} max"


class Failed(Exception):
    """A task of a process of its own ended with an error."""


def isolated(function, *arguments, seconds=600):
    """The result of a call in a forked process: a crash of onnxruntime ends only that."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.alarm(seconds)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        try:
            answer = (True, function(*arguments))
        except BaseException as error:
            lines = [line for line in f"{type(error).__name__}: {error}".splitlines() if line]
            answer = (False, (lines[0] if lines else traceback.format_exc())[:300])
        with os.fdopen(writing, "wb") as file:
            pickle.dump(answer, file)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        data = file.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not data:
        raise Failed(f"ended by signal {-status}" if status < 0 else f"exit code {status}")
    succeeded, answer = pickle.loads(data)
    if not succeeded:
        raise Failed(answer)
    return answer


def rounds_inputs(node):
    """Whether a node lets a program round its inputs to 8 bits."""
    return node.op_type == "MatMulNBits" and any(
        entry.name == "accuracy_level" and entry.i == 4 for entry in node.attribute)


def without_rounding(path):
    """A model, its path or its bytes, in which no node has leave to round its inputs."""
    model = onnx.load(path)
    nodes = [node for node in all_nodes(model) if rounds_inputs(node)]
    for node in nodes:
        kept = [entry for entry in node.attribute if entry.name != "accuracy_level"]
        del node.attribute[:]
        node.attribute.extend(kept)
    return model.SerializeToString() if nodes else path


def evaluate(path, values, optimized=True, threads=1):
    """onnxruntime's outputs for inputs by name, with its optimisations or without any.

    The leave to round the inputs of `MatMulNBits` to 8 bits counts as an optimisation.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    model = str(path)
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        model = without_rounding(model)
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return session.run(None, values)


def all_nodes(model):
    """The nodes of a model with those of its subgraphs and functions."""
    pending = [model.graph.node, *(function.node for function in model.functions)]
    while pending:
        for node in pending.pop():
            yield node
            for attribute in node.attribute:
                graphs = [*attribute.graphs]
                if attribute.type == onnx.AttributeProto.GRAPH:
                    graphs.append(attribute.g)
                pending += [graph.node for graph in graphs]


def is_quantized(model):
    return any(node.op_type in QUANTIZED or node.op_type.startswith("QLinear")
               or rounds_inputs(node) for node in all_nodes(model))


def tolerance(model):
    """The tolerance of a model's outputs, `R A max`, by the rule in README.md."""
    if is_quantized(model):
        return STEP
    half = onnx.TensorProto.FLOAT16
    return HALF if any(t.data_type == half for t in model.graph.initializer) else FLOAT


def typed(model, values):
    """Inputs by name with the element types that a model declares."""
    types = {value.name: onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
             for value in graph_inputs(model)}
    return {name: values[name].astype(dtype) for name, dtype in types.items()}


def write(folder, source, values):
    """Writes a case with the model of the file `source`; the outputs are onnxruntime's.

    Throws `Failed` if onnxruntime cannot run the model.
    """
    folder = pathlib.Path(folder)
    values = typed(onnx.load(source, load_external_data=False), values)
    outputs = isolated(evaluate, source, values)
    data = folder / "test_data_set_0"
    data.mkdir(parents=True, exist_ok=True)
    target = folder / "model.onnx"
    if pathlib.Path(source) != target:
        shutil.copyfile(source, target)
    model = onnx.load(target, load_external_data=False)
    for index, value in enumerate(graph_inputs(model)):
        tensor = numpy_helper.from_array(values[value.name], value.name)
        (data / f"input_{index}.pb").write_bytes(tensor.SerializeToString())
    for index, (value, array) in enumerate(zip(model.graph.output, outputs)):
        tensor = numpy_helper.from_array(np.asarray(array), value.name)
        (data / f"output_{index}.pb").write_bytes(tensor.SerializeToString())
    (folder / "tol").write_text(tolerance(model) + "\n")


def read(folder, kind):
    """The arrays of a case's inputs or outputs by name; `kind` is `input` or `output`."""
    paths = sorted(pathlib.Path(folder).glob(f"test_data_set_0/{kind}_*.pb"),
                   key=lambda path: int(path.stem.split("_")[1]))
    tensors = [onnx.load_tensor(path) for path in paths]
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in tensors}
