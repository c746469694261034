"""Compares trainings in PyTorch and onnx-train with equal weights and batches.

    python tools/compare/training.py [--data MNIST] [--steps 100] [--only MODEL …]
        [--tool .build/release]

Each model is exported by both of PyTorch's exporters before its first step. The table shows the
largest difference of the loss in any step. Then it shows, as fractions of the largest output, how
far the outputs of the trained file differ between onnxruntime and onnx-run, and from the model that
PyTorch trained. Exits with code 1 if a loss differs by more than 1e-4 or the two runtimes by more
than 1e-5.

Without --data, LeNet-5 learns random images and labels.
"""

import argparse
import gzip
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import onnxruntime
import torch
from torch import nn
from torch.nn import functional

sys.path.append(str(pathlib.Path(__file__).parents[1] / "generate"))
import export_models
import modules

LARGEST_LOSS_DIFFERENCE = 1e-4
LARGEST_OUTPUT_DIFFERENCE = 1e-5
VOCABULARY = 65
EXPORTERS = ["torchscript", "dynamo"]


class Characters(nn.Module):
    """One recurrent layer over one-hot characters, with zero initial states."""

    def __init__(self, cell, width=128):
        super().__init__()
        self.recurrent = cell(VOCABULARY, width, batch_first=True)
        self.output = nn.Linear(width, VOCABULARY)

    def forward(self, features):
        return self.output(self.recurrent(features)[0])


def read_idx(path):
    with gzip.open(path) as file:
        data = file.read()
    sizes = [int.from_bytes(data[4 + 4 * i:8 + 4 * i]) for i in range(data[3])]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * len(sizes)).reshape(sizes)


def pictures(count, folder):
    """Images [count, 1, 32, 32] from 0 to 1 and labels [count]."""
    if folder is None:
        rng = np.random.default_rng(0)
        labels = rng.integers(0, 10, count)
        patterns = rng.uniform(0, 1, (10, 1, 32, 32))
        x = 0.5 * patterns[labels] + 0.5 * rng.uniform(0, 1, (count, 1, 32, 32))
        return x.astype(np.float32), labels
    x = read_idx(folder / "train-images-idx3-ubyte.gz")[:count, None] / np.float32(255)
    y = read_idx(folder / "train-labels-idx1-ubyte.gz")[:count]
    return np.pad(x, [(0, 0), (0, 0), (2, 2), (2, 2)]), y.astype(np.int64)


def characters(count, steps=32):
    """One-hot [count, steps, 65] and next characters [count, steps] of a random Markov chain."""
    rng = np.random.default_rng(1)
    likely = rng.integers(0, VOCABULARY, (VOCABULARY, 3))
    text = np.empty((count, steps + 1), np.int64)
    text[:, 0] = rng.integers(0, VOCABULARY, count)
    for step in range(steps):
        text[:, step + 1] = likely[text[:, step], rng.integers(0, 3, count)]
    return np.eye(VOCABULARY, dtype=np.float32)[text[:, :-1]], text[:, 1:]


def lenet(options):
    return modules.LeNet5(), pictures(64 * options.steps, options.data), 64, "momentum", 0.01


def recurrent(cell):
    return lambda options: (Characters(cell), characters(32 * options.steps), 32, "adam", 0.002)


MODELS = {
    "lenet5": lenet,
    "char_rnn": recurrent(nn.RNN),
    "char_gru": recurrent(nn.GRU),
    "char_lstm": recurrent(nn.LSTM),
}


def export(model, x, path, exporter):
    example = (torch.from_numpy(x[:2]),)
    names = {"input_names": ["features"], "output_names": ["scores"]}
    with export_models.silence():
        if exporter == "dynamo":
            torch.onnx.export(
                model, example, path, dynamo=True, external_data=False, **names,
                dynamic_shapes=({0: torch.export.Dim("N")},))
        else:
            torch.onnx.export(
                model, example, path, dynamo=False, opset_version=17, **names,
                dynamic_axes={"features": {0: "N"}, "scores": {0: "N"}})


def train_here(tool, path, folder, optimizer, rate, batch):
    """The losses of all steps; the trained model is written to `trained.onnx`."""
    arguments = [
        tool / "onnx-train", "tune", path, "--plain", "--data", folder / "batches.npz",
        "--step-losses", folder / "losses.csv", "--optimizer", optimizer, "--rate", rate,
        "--batch", batch, "--epochs", 1, "--output", folder / "trained.onnx"]
    run(arguments)
    return np.loadtxt(folder / "losses.csv", delimiter=",", skiprows=1)[:, 1]


def run(arguments):
    result = subprocess.run(list(map(str, arguments)), capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, arguments))}\n{result.stderr}")


def train_there(model, x, y, optimizer, rate, batch):
    parameters = model.parameters()
    optimizer = (torch.optim.Adam(parameters, rate) if optimizer == "adam"
                 else torch.optim.SGD(parameters, rate, momentum=0.9))
    losses = []
    for start in range(0, len(x), batch):
        scores = model(torch.from_numpy(x[start:start + batch]))
        labels = torch.from_numpy(y[start:start + batch])
        loss = functional.cross_entropy(scores.flatten(0, -2), labels.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses)


def outputs(tool, path, x, folder):
    """The outputs of the trained file in onnxruntime and onnx-run."""
    peer = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    np.save(folder / "x.npy", x)
    run([tool / "onnx-run", path, "--input", f"features={folder}/x.npy", "--top", 0,
         "--output-dir", folder, "--output-format", "npy"])
    return peer.run(None, {"features": x})[0], np.load(folder / "scores.npy")


def relative(a, b):
    return np.abs(a - b).max() / np.abs(b).max()


def compare(name, exporter, options, folder):
    torch.manual_seed(0)
    model, (x, y), batch, optimizer, rate = MODELS[name](options)
    np.savez(folder / "batches.npz", x=x, y=y)
    path = folder / "initial.onnx"
    export(model, x, path, exporter)
    ours = train_here(options.tool, path, folder, optimizer, rate, batch)
    theirs = train_there(model, x, y, optimizer, rate, batch)
    if len(ours) != len(theirs):
        sys.exit(f"{name}: {len(ours)} steps here, {len(theirs)} in PyTorch")
    peer, run_here = outputs(options.tool, folder / "trained.onnx", x[:batch], folder)
    with torch.no_grad():
        final = model(torch.from_numpy(x[:batch])).numpy()
    loss, runtimes = np.abs(ours - theirs).max(), relative(run_here, peer)
    print(f"{name:<12}{exporter:<13}{len(ours):>6}{theirs[0]:>10.5f}{theirs[-1]:>10.5f}"
          f"{loss:>12.1e}{runtimes:>13.1e}{relative(peer, final):>13.1e}", flush=True)
    return loss <= LARGEST_LOSS_DIFFERENCE and runtimes <= LARGEST_OUTPUT_DIFFERENCE


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, help="folder with MNIST's .gz files")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--only", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--tool", type=pathlib.Path, default=pathlib.Path(".build/release"))
    options = parser.parse_args()
    for name in "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE":
        os.environ.pop(name, None)
    warnings.simplefilter("ignore")
    print(f"{'model':<12}{'exporter':<13}{'steps':>6}{'first':>10}{'last':>10}"
          f"{'losses':>12}{'runtimes':>13}{'trained':>13}")
    good = True
    for name in options.only:
        for exporter in EXPORTERS:
            with tempfile.TemporaryDirectory() as folder:
                good &= compare(name, exporter, options, pathlib.Path(folder))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
