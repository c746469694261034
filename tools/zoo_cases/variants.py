"""Files that onnxruntime's optimiser, quantisers and converter to float16 write from a model.

`VARIANTS` maps names to functions of a source, a target and the inputs for calibration; a function
that has nothing to change in the model raises `Unchanged`.
"""

import tempfile

import onnx
import onnxruntime
from onnxruntime.quantization import (
    CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static)
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.optimizer import optimize_model

import references

SMALLEST_OPSET = 13


class Unchanged(Exception):
    """The writer found nothing to change."""


class Samples(CalibrationDataReader):
    def __init__(self, values):
        self.samples = iter([values])

    def get_next(self):
        return next(self.samples, None)


def optimized(level):
    def write(source, target, values):
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = level
        options.optimized_model_filepath = str(target)
        options.log_severity_level = 4
        onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])

    return write


def prepared(source, folder):
    """The source as the quantisers want it: of an operator set that has their operators."""
    model = onnx.load(source)
    if references.is_quantized(model):
        raise Unchanged("quantised already")
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    path = f"{folder}/model.onnx"
    if opset < SMALLEST_OPSET:
        model = onnx.version_converter.convert_version(model, SMALLEST_OPSET)
    # The quantisers change shapes that the exporter noted.
    del model.graph.value_info[:]
    onnx.save(model, path)
    return path


def changed(target):
    """Raises `Unchanged` if a quantiser left the model as it was."""
    model = onnx.load(target, load_external_data=False)
    if not references.is_quantized(model) and not any(
            node.op_type in ("MatMulNBits", "GatherBlockQuantized")
            for node in references.all_nodes(model)):
        raise Unchanged("nothing to quantise")


def dynamic(weight_type, per_channel):
    def write(source, target, values):
        with tempfile.TemporaryDirectory() as folder:
            quantize_dynamic(prepared(source, folder), target, weight_type=weight_type,
                             per_channel=per_channel)
        changed(target)

    return write


def static(form, activations, weights, per_channel=False, operators=None):
    def write(source, target, values):
        with tempfile.TemporaryDirectory() as folder:
            path = prepared(source, folder)
            quant_pre_process(path, f"{folder}/ready.onnx", skip_symbolic_shape=True)
            quantize_static(
                f"{folder}/ready.onnx", target, Samples(values), quant_format=form,
                activation_type=activations, weight_type=weights, per_channel=per_channel,
                op_types_to_quantize=operators)
        changed(target)

    return write


def four_bits(form, symmetric, accuracy=None, operators=("MatMul",)):
    """`accuracy` 4 lets a program round the activations to 8 bits too."""

    def write(source, target, values):
        with tempfile.TemporaryDirectory() as folder:
            quantizer = MatMulNBitsQuantizer(
                onnx.load(prepared(source, folder)), block_size=32, is_symmetric=symmetric,
                accuracy_level=accuracy, quant_format=form, op_types_to_quantize=operators)
            quantizer.process()
            quantizer.model.save_model_to_file(str(target), False)
        changed(target)

    return write


def fused(model_type):
    def write(source, target, values):
        optimizer = optimize_model(
            str(source), model_type=model_type, num_heads=0, hidden_size=0, opt_level=0)
        if not any(node.domain == "com.microsoft" for node in optimizer.model.graph.node):
            raise Unchanged("nothing to fuse")
        optimizer.save_model_to_file(str(target))

    return write


def half(keep_types):
    def write(source, target, values):
        with tempfile.TemporaryDirectory() as folder:
            model = onnx.load(prepared(source, folder))
            onnx.save(convert_float_to_float16(model, keep_io_types=keep_types), target)

    return write


LEVELS = onnxruntime.GraphOptimizationLevel
QDQ, QOPERATOR = QuantFormat.QDQ, QuantFormat.QOperator
S8, U8 = QuantType.QInt8, QuantType.QUInt8

VARIANTS = {
    "optimized-extended": optimized(LEVELS.ORT_ENABLE_EXTENDED),
    "optimized-all": optimized(LEVELS.ORT_ENABLE_ALL),
    "fused-bert": fused("bert"),
    "fused-gpt2": fused("gpt2"),
    "fused-unet": fused("unet"),
    "float16": half(True),
    "float16-inputs": half(False),
    "dynamic-s8": dynamic(S8, False),
    "dynamic-u8-channels": dynamic(U8, True),
    "qdq-u8s8": static(QDQ, U8, S8),
    "qdq-s8s8": static(QDQ, S8, S8),
    "qdq-u8u8": static(QDQ, U8, U8),
    "qdq-s8s8-channels": static(QDQ, S8, S8, True),
    "qoperator-u8s8": static(QOPERATOR, U8, S8),
    "qoperator-s8s8": static(QOPERATOR, S8, S8),
    "qoperator-u8u8": static(QOPERATOR, U8, U8),
    "qoperator-u8s8-channels": static(QOPERATOR, U8, S8, True),
    "4-bits": four_bits(QOPERATOR, True),
    "4-bits-zero-points": four_bits(QOPERATOR, False),
    "4-bits-int8": four_bits(QOPERATOR, True, 4),
    "4-bits-gather": four_bits(QOPERATOR, True, None, ("MatMul", "Gather")),
    "4-bits-qdq": four_bits(QDQ, True),
}
