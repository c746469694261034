"""Compares Boltzmann machines and deep belief networks of onnx-train and PyTorch at equal settings.

    python tools/compare/boltzmann.py --tool .build/release/onnx-train --data MNIST
        [--only rbm dbn dbn-plain] [--hidden 500,500,2000] [--epochs 12] [--pretrain 8]
        [--seed 1] [--threads 1]

`rbm` is trained for PRETRAIN epochs; the figure is the mean squared error of the reconstructions of
the test data. `dbn` is pretrained for PRETRAIN epochs per layer and fine-tuned for EPOCHS;
`dbn-plain` is the same network without pretraining, with Glorot's initial weights. Their figure is
the test error in percent, for the tool that of the written file in onnxruntime. Both programs draw
their own random numbers. The last columns are the seconds of each, with reading the data.
"""

import argparse
import gzip
import math
import pathlib
import subprocess
import tempfile
import time

import numpy as np
import onnxruntime
import torch
from torch.nn import functional

BATCH = 100


def read_idx(path):
    with gzip.open(path) as file:
        data = file.read()
    sizes = [int.from_bytes(data[4 + 4 * i:8 + 4 * i]) for i in range(data[3])]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * len(sizes)).reshape(sizes)


def pictures(folder, part):
    """Images [N, 784] from 0 to 1 and labels [N]."""
    images = read_idx(folder / f"{part}-images-idx3-ubyte.gz").reshape(-1, 784)
    labels = read_idx(folder / f"{part}-labels-idx1-ubyte.gz")
    return torch.tensor(images / np.float32(255)), torch.tensor(labels.astype(np.int64))


def batches(count, epochs, rate):
    """The examples of each batch of all epochs, shuffled, and its learning rate."""
    steps = math.ceil(count / BATCH)
    for epoch in range(epochs):
        order = torch.randperm(count)
        for step in range(steps):
            yield order[step * BATCH:(step + 1) * BATCH], rate((epoch + step / steps) / epochs)


def triangle(share, peak=0.05, warmup=0.1):
    return peak * share / warmup if share < warmup else peak * (1 - share) / (1 - warmup)


def one_cycle(share, peak=1e-3, warmup=0.3):
    start, end, part = (
        (peak / 25, peak, share / warmup) if share < warmup
        else (peak, peak / 250_000, (share - warmup) / (1 - warmup)))
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2


def boltzmann_machine(data, units, visible_bias, epochs, momentum=0.9, decay=2e-4):
    """Trains by CD-1, and returns the weights [units, visible] and the biases, hidden and visible."""
    parameters = [
        torch.randn(units, data.shape[1]) * 0.01, torch.zeros(units), visible_bias.clone()]
    velocities = [torch.zeros_like(parameter) for parameter in parameters]
    weights, hidden_bias, visible_bias = parameters
    for examples, rate in batches(len(data), epochs, triangle):
        v = data[examples]
        hidden = torch.sigmoid(v @ weights.T + hidden_bias)
        chain = torch.sigmoid(torch.bernoulli(hidden) @ weights + visible_bias)
        last = torch.sigmoid(chain @ weights.T + hidden_bias)
        gradients = [
            (last.T @ chain - hidden.T @ v) / len(v) + decay * weights,
            (last - hidden).mean(0), (chain - v).mean(0)]
        for parameter, velocity, gradient in zip(parameters, velocities, gradients):
            velocity.mul_(momentum).add_(gradient)
            parameter.sub_(rate * velocity)
    return parameters


def mean_logits(data):
    means = data.mean(0).clamp(1e-3, 1 - 1e-3)
    return torch.log(means / (1 - means))


def machine_error(options):
    data, _ = pictures(options.data, "train")
    test, _ = pictures(options.data, "t10k")
    weights, hidden_bias, visible_bias = boltzmann_machine(
        data, options.hidden[0], mean_logits(data), options.pretrain)
    hidden = torch.sigmoid(test @ weights.T + hidden_bias)
    return ((torch.sigmoid(hidden @ weights + visible_bias) - test) ** 2).mean().item()


def network_error(options, pretrain):
    """The test error in percent."""
    data, labels = pictures(options.data, "train")
    layers, below, bias = [], data, mean_logits(data)
    for units in options.hidden:
        if pretrain:
            weights, hidden_bias, _ = boltzmann_machine(below, units, bias, pretrain)
        else:
            weights, hidden_bias = torch.empty(units, below.shape[1]), torch.zeros(units)
            torch.nn.init.xavier_uniform_(weights)
        layers.append((weights, hidden_bias))
        below = torch.sigmoid(below @ weights.T + hidden_bias)
        bias = torch.zeros(units)
    head = torch.nn.Linear(options.hidden[-1], 10)
    parameters = [parameter.requires_grad_() for layer in layers for parameter in layer]
    optimizer = torch.optim.Adam([*parameters, *head.parameters()])

    def logits(x):
        for weights, hidden_bias in layers:
            x = torch.sigmoid(functional.linear(x, weights, hidden_bias))
        return head(x)

    for examples, rate in batches(len(data), options.epochs, one_cycle):
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        functional.cross_entropy(logits(data[examples]), labels[examples]).backward()
        optimizer.step()
    test, labels = pictures(options.data, "t10k")
    with torch.no_grad():
        return 100 * (logits(test).argmax(1) != labels).float().mean().item()


def tool_error(options, name, pretrain, folder):
    """The figure of the file that the tool writes, in onnxruntime."""
    file = f"{folder}/{name}.onnx"
    command = [
        options.tool, "new", "rbm" if name == "rbm" else "dbn", "--data", options.data,
        "--output", file, "--batch", BATCH, "--seed", options.seed, "--threads", options.threads]
    if name == "rbm":
        command += ["--epochs", options.pretrain, "--hidden", options.hidden[0]]
    else:
        command += [
            "--epochs", options.epochs, "--pretrain", pretrain,
            "--hidden", ",".join(map(str, options.hidden))]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    images, labels = pictures(options.data, "t10k")
    outputs = onnxruntime.InferenceSession(file).run(
        ["reconstruction" if name == "rbm" else "logits"],
        {"image": images.reshape(-1, 1, 28, 28).numpy()})[0]
    if name == "rbm":
        return float(((outputs.reshape(-1, 784) - images.numpy()) ** 2).mean())
    return 100 * float((outputs.argmax(1) != labels.numpy()).mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--tool", required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    names = ["rbm", "dbn", "dbn-plain"]
    parser.add_argument("--only", nargs="*", default=names, choices=names)
    parser.add_argument("--hidden", type=lambda text: list(map(int, text.split(","))),
                        default=[500, 500, 2000])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--pretrain", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    print(f"{'model':10} {'onnx-train':>10} {'PyTorch':>10} {'seconds':>8} {'PyTorch':>8}",
          flush=True)
    for name in options.only:
        pretrain = 0 if name == "dbn-plain" else options.pretrain
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            ours = tool_error(options, name, pretrain, folder)
        middle = time.monotonic()
        theirs = machine_error(options) if name == "rbm" else network_error(options, pretrain)
        end = time.monotonic()
        print(f"{name:10} {ours:10.5f} {theirs:10.5f} {middle - began:8.1f} {end - middle:8.1f}",
              flush=True)


main()
