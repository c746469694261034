"""Writing of ONNX files and of reference tensors, shared by the scripts of this folder."""

import onnx
import torch
from onnx import numpy_helper


def export(model, arguments, path, inputs, outputs, dynamic_axes, metadata=None):
    """Exports with the TorchScript exporter, without the source paths it puts into nodes."""
    torch.onnx.export(model, arguments, path, dynamo=False, opset_version=17,
                      input_names=inputs, output_names=outputs, dynamic_axes=dynamic_axes)
    proto = onnx.load(path)
    for node in proto.graph.node:
        node.ClearField("doc_string")
        node.ClearField("metadata_props")
    if metadata:
        onnx.helper.set_model_props(proto, metadata)
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, path)


def write_tensors(folder, prefix, tensors):
    """Writes (name, tensor) pairs as `prefix_0.pb`, `prefix_1.pb` …"""
    folder.mkdir(parents=True, exist_ok=True)
    for index, (name, tensor) in enumerate(tensors):
        proto = numpy_helper.from_array(tensor.numpy(), name)
        (folder / f"{prefix}_{index}.pb").write_bytes(proto.SerializeToString())
