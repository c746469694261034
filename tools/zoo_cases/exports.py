"""Exports the architectures with both of PyTorch's exporters."""

import tempfile

import numpy as np
import onnx
import torch

import architectures
import references
from architectures import ARCHITECTURES
from inputs import graph_inputs
from large import LARGE

EXPORTERS = ["torchscript", "dynamo"]


def settle(module):
    """Gives the running averages of normalisations values other than 0 and 1."""
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 1.5)


def write(architecture, exporter, case):
    """Writes the case of an architecture's export, with onnxruntime's outputs."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    module, arguments = (ARCHITECTURES | LARGE)[architecture]()
    settle(module)
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/model.onnx"
        if exporter == "dynamo":
            if architecture == "selective_scan":
                module.scan = architectures.while_scan
            torch.onnx.export(module.eval(), arguments, path, dynamo=True, external_data=False)
        else:
            torch.onnx.export(module.eval(), arguments, path, dynamo=False, opset_version=17)
        model = onnx.load(path)
        names = [value.name for value in graph_inputs(model)]
        values = {name: np.asarray(value) for name, value in zip(names, arguments)}
        references.write(case, path, values)
