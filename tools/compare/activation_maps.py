"""Compares `onnx-run explain cam` with PyTorch.

    python tools/compare/activation_maps.py [--tool .build/release]

Exports networks with random weights by both of PyTorch's exporters, and compares the class activation
maps (Zhou and others, 2016) of those with global average pooling, and Grad-CAM (Selvaraju and others,
2017) of those without, with maps from PyTorch's layers and autograd. Exits with code 1 if a map differs by more than 1e-4 of its largest number.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import torch
from torch import nn
from torch.nn import functional

sys.path.append(str(pathlib.Path(__file__).parents[1] / "generate"))
import export_models
import modules

LARGEST_DIFFERENCE = 1e-4
CLASSES = [3, 7]
MODELS = {
    "resnet": (lambda: modules.ResNet(modules.BasicBlock, [1, 1, 1]), 96),
    "googlenet": (modules.GoogLeNet, 96),
    "alexnet": (modules.AlexNet, 95),
    "vgg": (lambda: modules.VGG([1, 1, 2, 1, 1]), 64),
}


def expected(model, x):
    """The method that applies to a sequence of layers, and its maps."""
    layers = list(model)
    flatten = next(i for i, layer in enumerate(layers) if isinstance(layer, nn.Flatten))
    is_pooled = isinstance(layers[flatten - 1], nn.AdaptiveAvgPool2d)
    last = flatten - 1 if is_pooled else flatten
    maps = nn.Sequential(*layers[:last])(x).requires_grad_()
    scores = nn.Sequential(*layers[last:])(maps)
    if is_pooled:
        weights = layers[-1].weight[CLASSES]
    else:
        weights = torch.stack([
            torch.autograd.grad(scores[0, index], maps, retain_graph=True)[0].mean((2, 3))[0]
            for index in CLASSES])
    result = torch.einsum("ck,kij->cij", weights, maps[0])
    method = "CAM" if is_pooled else "Grad-CAM"
    return method, (result if is_pooled else functional.relu(result)).detach().numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", type=pathlib.Path, default=pathlib.Path(".build/release"))
    parser.add_argument("--only", nargs="+", choices=MODELS, default=list(MODELS))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"{'model':<16}{'exporter':<13}{'method':<10}{'map':>8}{'difference':>12}")
    good = True
    for name in options.only:
        build, side = MODELS[name]
        torch.manual_seed(1)
        model = modules.randomize(build())
        x = torch.rand(1, 3, side, side)
        method, wanted = expected(model, x)
        for exporter in "torchscript", "dynamo":
            with tempfile.TemporaryDirectory() as folder:
                folder = pathlib.Path(folder)
                with export_models.silence():
                    if exporter == "dynamo":
                        torch.onnx.export(
                            model, (x,), folder / "m.onnx", dynamo=True, external_data=False)
                    else:
                        torch.onnx.export(
                            model, (x,), folder / "m.onnx", dynamo=False, opset_version=17)
                np.save(folder / "x.npy", x.numpy())
                command = [
                    options.tool / "onnx-run", "explain", "cam", folder / "m.onnx",
                    "--input", folder / "x.npy", "--output", folder / "m.png",
                    "--output-values", folder / "maps.npy"]
                for index in CLASSES:
                    command += ["--class", index]
                run = subprocess.run(list(map(str, command)), capture_output=True, text=True)
                if run.returncode != 0:
                    sys.exit(run.stderr)
                found = np.load(folder / "maps.npy")
                difference = (np.abs(found - wanted).max() / np.abs(wanted).max()
                              if found.shape == wanted.shape else np.inf)
                print(f"{name:<16}{exporter:<13}{run.stdout.split()[0]:<10}"
                      f"{'x'.join(map(str, found.shape[1:])):>8}{difference:>12.1e}", flush=True)
                good &= run.stdout.startswith(method) and difference <= LARGEST_DIFFERENCE
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
