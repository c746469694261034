"""Compares the losses of `onnx-train new` with those of PyTorch with equal settings.

    python tools/compare/trained_models.py --tool .build/release/onnx-train --data DATA \\
        [--only char-lstm char-gru char-rnn autoencoder forecast] [--epochs 5]

DATA holds mnist/ and text/tinyshakespeare.txt. Initial weights and the order of examples differ, so
the losses agree as closely as those of two seeds.
"""

import argparse
import gzip
import math
import pathlib
import struct
import subprocess
import tempfile

import numpy as np
import torch
from torch import nn
from torch.nn import functional

MASK = (1 << 64) - 1


class Stream:
    """The generator in Sources/Support/RandomStream.swift."""

    def __init__(self, seed, name):
        self.state = seed
        for byte in name.encode():
            self.state = self.next() ^ byte
        self.state = self.next()

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def uniform(self):
        return (self.next() >> 11) / (1 << 53)

    def normal(self):
        radius = math.sqrt(-2 * math.log(1 - self.uniform()))
        return radius * math.cos(2 * math.pi * self.uniform())


def one_cycle(peak, share):
    start, end, part = (peak / 25, peak, share / 0.3) if share < 0.3 else (
        peak, peak / 250_000, (share - 0.3) / 0.7)
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2


def fit(model, batches, loss_of, peak, epochs, clip=None):
    """`batches(epoch)` returns a list of batches."""
    optimizer = torch.optim.Adam(model.parameters())
    for epoch in range(epochs):
        chosen = batches(epoch)
        for index, batch in enumerate(chosen):
            optimizer.param_groups[0]["lr"] = one_cycle(
                peak, (epoch + index / len(chosen)) / epochs)
            loss = loss_of(model, batch, index)
            optimizer.zero_grad()
            loss.backward()
            if clip:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()


class Characters(nn.Module):
    def __init__(self, cell, characters):
        super().__init__()
        self.recurrent = cell(characters, 128, 2, batch_first=True)
        self.output = nn.Linear(128, characters)

    def forward(self, x, state):
        x, state = self.recurrent(x, state)
        return self.output(x), state


def character_loss(cell, peak, data, epochs):
    text = (data / "text/tinyshakespeare.txt").read_text()
    vocabulary = sorted(set(text))
    numbers = torch.tensor([vocabulary.index(c) for c in text])
    split = int(len(numbers) * 0.9 + 1e-6)
    model = Characters(cell, len(vocabulary))

    def streams(part, rows, window, drop):
        length = (len(part) - 1) // rows
        x = part[:rows * length].view(rows, length)
        y = part[1:rows * length + 1].view(rows, length)
        pairs = list(zip(x.split(window, 1), y.split(window, 1)))
        return [p for p in pairs if p[0].shape[1] == window] if drop else pairs

    state = None

    def loss_of(model, batch, index):
        nonlocal state
        x, y = batch
        if index == 0:
            state = None
        elif isinstance(state, tuple):
            state = tuple(s.detach() for s in state)
        else:
            state = state.detach()
        scores, state = model(functional.one_hot(x, len(vocabulary)).float(), state)
        return functional.cross_entropy(scores.flatten(0, 1), y.flatten())

    training = streams(numbers[:split], 50, 50, True)
    fit(model, lambda _: training, loss_of, peak, epochs, clip=5)
    total = count = 0
    with torch.no_grad():
        for index, batch in enumerate(streams(numbers[split:], 20, 100, False)):
            total += loss_of(model, batch, index).item() * batch[1].numel()
            count += batch[1].numel()
    return total / count


def idx(path):
    with gzip.open(path) as file:
        rank = struct.unpack(">HBB", file.read(4))[2]
        shape = struct.unpack(f">{rank}I", file.read(4 * rank))
        return np.frombuffer(file.read(), np.uint8).reshape(shape)


def autoencoder_loss(data, epochs):
    images, tests = (
        torch.tensor(idx(data / f"mnist/{part}-images-idx3-ubyte.gz").reshape(-1, 784) / 255.0,
                     dtype=torch.float32) for part in ("train", "t10k"))
    sizes, layers = [784, 128, 64, 32, 64, 128, 784], []
    for index, (a, b) in enumerate(zip(sizes, sizes[1:])):
        layers += [nn.Linear(a, b), nn.Sigmoid() if b == 784 else
                   nn.Identity() if b == 32 else nn.ReLU()]
    model = nn.Sequential(*layers)
    fit(model, lambda _: torch.randperm(len(images)).split(64),
        lambda model, chosen, _: functional.mse_loss(model(images[chosen]), images[chosen]),
        2e-3, epochs)
    with torch.no_grad():
        return functional.mse_loss(model(tests), tests).item()


class Forecast(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 32, batch_first=True)
        self.output = nn.Linear(32, 10)

    def forward(self, x):
        return self.output(self.lstm(x)[0][:, -1])


def forecast_loss(seed, epochs):
    stream = Stream(seed, "forecast")
    waves = [(2 * math.pi / period, height, 2 * math.pi * stream.uniform())
             for period, height in ((20, 1.0), (47, 0.6), (113, 0.4))]
    series = torch.tensor(
        [sum(h * math.sin(s * t + p) for s, h, p in waves) + 0.1 * stream.normal()
         for t in range(4000)], dtype=torch.float32)
    windows = series.unfold(0, 60, 1)
    tested = int(len(windows) * 0.2 + 0.5)
    training, test = windows[:len(windows) - tested - 59], windows[-tested:]
    model = Forecast()
    fit(model, lambda _: training[torch.randperm(len(training))].split(64),
        lambda model, w, _: functional.mse_loss(model(w[:, :50, None]), w[:, 50:]), 5e-3, epochs)
    with torch.no_grad():
        return functional.mse_loss(model(test[:, :50, None]), test[:, 50:]).item()


CELLS = {"char-rnn": (nn.RNN, 2e-3), "char-gru": (nn.GRU, 5e-3), "char-lstm": (nn.LSTM, 5e-3)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--tool", required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--only", nargs="*", default=[*CELLS, "autoencoder", "forecast"])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    print(f"{'model':12} {'epochs':>6} {'onnx-train':>10} {'PyTorch':>10}  ratio", flush=True)
    for name in arguments.only:
        data = {"autoencoder": "mnist", "forecast": None}.get(name, "text/tinyshakespeare.txt")
        with tempfile.TemporaryDirectory() as folder:
            command = [arguments.tool, "new", name, "--epochs", str(arguments.epochs),
                       "--seed", str(arguments.seed), "--threads", str(arguments.threads),
                       "--output", f"{folder}/model.onnx"]
            if data:
                command += ["--data", str(arguments.data / data)]
            output = subprocess.run(
                command, check=True, capture_output=True, text=True).stdout
            ours = float(output.split("loss ")[1].split()[0])
        if name in CELLS:
            theirs = character_loss(*CELLS[name], arguments.data, arguments.epochs)
        elif name == "autoencoder":
            theirs = autoencoder_loss(arguments.data, arguments.epochs)
        else:
            theirs = forecast_loss(arguments.seed, arguments.epochs)
        print(f"{name:12} {arguments.epochs:6} {ours:10.5f} {theirs:10.5f}  {ours / theirs:.3f}",
              flush=True)


if __name__ == "__main__":
    main()
