"""Compares the networks of the ImageNet challenge with torchvision's (needs torchvision).

    python tools/compare/classic_networks.py --tools .build/release [--data DATA]

Weights: checkpoints of torchvision's networks with random weights become models by `onnx-convert
--architecture`, and onnxruntime runs them; exits with code 1 if an output differs from PyTorch's by more
than 1e-5 of the largest. Training, if DATA holds mnist/: the accuracy of a ZFNet of an eighth of the
width after one epoch of `onnx-train new zfnet` and of PyTorch with equal settings.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnxruntime
import torch
import torchvision
from torch import nn
from torch.nn import functional

from trained_models import idx, one_cycle

NETWORKS = ["alexnet", "vgg11", "googlenet", "resnet18", "resnet50"]


def randomized(name):
    options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    network = getattr(torchvision.models, name)(**options).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
    return network


@torch.no_grad()
def largest_difference(tools, name, folder):
    network = randomized(name)
    torch.save(network.state_dict(), folder / "weights.pt")
    subprocess.run([tools / "onnx-convert", "--architecture", name, folder / "weights.pt",
                    folder / "model.onnx"], check=True, capture_output=True)
    picture = torch.rand(2, 3, 224, 224)
    expected = network(picture).numpy()
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    found, = session.run(None, {"image": picture.numpy()})
    return np.abs(found - expected).max() / np.abs(expected).max()


def zfnet(unit):
    def convolution(before, after, kernel, **options):
        layer = nn.Conv2d(before, after, kernel, **options)
        nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
        return layer

    def dense(before, after):
        layer = nn.Linear(before, after)
        nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
        return layer

    def normalization():
        return nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)

    return nn.Sequential(
        convolution(1, 3 * unit, 3, padding=1), nn.ReLU(), normalization(),
        convolution(3 * unit, 8 * unit, 5, stride=2), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
        normalization(),
        convolution(8 * unit, 12 * unit, 3, padding=1), nn.ReLU(),
        convolution(12 * unit, 12 * unit, 3, padding=1), nn.ReLU(),
        convolution(12 * unit, 8 * unit, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Flatten(), nn.Dropout(0.5), dense(32 * unit, 128 * unit), nn.ReLU(), nn.Dropout(0.5),
        dense(128 * unit, 128 * unit), nn.ReLU(), nn.Linear(128 * unit, 10))


def shifted(pictures):
    """The pictures, each moved by up to two pixels in both directions."""
    padded = functional.pad(pictures, (2, 2, 2, 2))
    rows = torch.randint(5, (len(pictures), 1)) + torch.arange(28)
    columns = torch.randint(5, (len(pictures), 1)) + torch.arange(28)
    numbers = torch.arange(len(pictures))[:, None, None]
    return padded[numbers, 0, rows[:, :, None], columns[:, None, :]][:, None]


def pytorch_accuracy(data):
    def pictures(part):
        return torch.tensor(idx(data / f"{part}-images-idx3-ubyte.gz")[:, None] / 255.0,
                            dtype=torch.float32)

    def labels(part):
        return torch.tensor(idx(data / f"{part}-labels-idx1-ubyte.gz").astype(np.int64))

    images, targets = pictures("train"), labels("train")
    model = zfnet(4)
    optimizer = torch.optim.Adam(model.parameters())
    batches = torch.randperm(len(images)).split(64)
    for index, chosen in enumerate(batches):
        optimizer.param_groups[0]["lr"] = one_cycle(1e-3, index / len(batches))
        loss = functional.cross_entropy(model(shifted(images[chosen])), targets[chosen])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1)
        optimizer.step()
    model.eval()
    with torch.no_grad():
        scores = torch.cat([model(part) for part in pictures("t10k").split(500)])
    return (scores.argmax(1) == labels("t10k")).float().mean().item()


def own_accuracy(tools, data, seed, folder):
    output = subprocess.run(
        [tools / "onnx-train", "new", "zfnet", "--data", data, "--width", "0.125", "--epochs", "1",
         "--seed", str(seed), "--threads", "1", "--output", folder / "zfnet.onnx"],
        check=True, capture_output=True, text=True).stdout
    return float(output.split("accuracy ")[1].split()[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--tools", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--only", nargs="*", default=NETWORKS)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(1)
    isFine = True
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for network in arguments.only:
            difference = largest_difference(arguments.tools, network, folder)
            isFine = isFine and difference <= 1e-5
            print(f"{network:10} largest difference {difference:.1e} of the largest output",
                  flush=True)
        if arguments.data:
            data = arguments.data / "mnist"
            own = own_accuracy(arguments.tools, data, arguments.seed, folder)
            print(f"zfnet      test accuracy {own:.4f}, PyTorch {pytorch_accuracy(data):.4f}")
    sys.exit(0 if isFine else 1)


main()
