"""Runs the experiments of `onnx-train compare` in PyTorch with equal settings, beside the tool.

    python tools/compare/comparisons.py --tool .build/release/onnx-train --mnist MNIST \\
        [--only activations optimizers clipping windows]

Initial weights and examples are drawn by other generators, so the figures agree as closely as those of
two seeds.
"""

import argparse
import gzip
import pathlib
import subprocess
import tempfile
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional


def mnist(folder):
    def read(name, start):
        path = next(pathlib.Path(folder).glob(name + "*"))
        data = (gzip.open if path.suffix == ".gz" else open)(path, "rb").read()
        return torch.from_numpy(np.frombuffer(data, np.uint8, offset=start).copy())

    parts = []
    for part in ["train", "t10k"]:
        pixels = read(part + "-images", 16).reshape(-1, 1, 28, 28).float() / 255
        parts.append((pixels, read(part + "-labels", 8).long()))
    return parts


def classify(model, optimizer, data, epochs):
    (x, y), (test_x, test_y) = data
    losses = []
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(64):
            loss = functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    with torch.no_grad():
        scores = model(test_x)
        accuracy = (scores.argmax(1) == test_y).float().mean().item()
        return np.mean(losses[-100:]), functional.cross_entropy(scores, test_y).item(), accuracy


def activations(data):
    for name, activation in [("tanh", nn.Tanh()), ("sigmoid", nn.Sigmoid()), ("ReLU", nn.ReLU()),
                             ("softmax", nn.Softmax(1))]:
        sizes = [784] + [64] * 5 + [10]
        layers = [nn.Flatten()]
        for before, after in zip(sizes, sizes[1:]):
            layer = nn.Linear(before, after)
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
            layers += [layer, activation]
        model = nn.Sequential(*layers[:-1])
        yield name, *classify(model, torch.optim.Adam(model.parameters(), 1e-3), data, 5)


def lenet5():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10))


def optimizers(data):
    choose = torch.optim
    for name, make in [
            ("SGD 0.1", lambda p: choose.SGD(p, 0.1)),
            ("momentum 0.02", lambda p: choose.SGD(p, 0.02, momentum=0.9)),
            ("Nesterov 0.02", lambda p: choose.SGD(p, 0.02, momentum=0.9, nesterov=True)),
            ("Adagrad 0.01", lambda p: choose.Adagrad(p, 0.01)),
            ("Adadelta 1.0", lambda p: choose.Adadelta(p, 1)),
            ("RMSProp 0.001", lambda p: choose.RMSprop(p, 1e-3)),
            ("Adam 0.001", lambda p: choose.Adam(p, 1e-3))]:
        torch.manual_seed(1)
        model = lenet5()
        yield name, *classify(model, make(model.parameters()), data, 3)


def sums(size, length):
    numbers = torch.rand(size, length)
    marks = torch.zeros(size, length)
    rows, half = torch.arange(size), length // 2
    marks[rows, torch.randint(half, (size,))] = 1
    marks[rows, half + torch.randint(length - half, (size,))] = 1
    return torch.stack([numbers, marks], 2), (numbers * marks).sum(1, keepdim=True)


def clipping(_):
    for name, limit in [("no limit", None), ("limit 5", 5), ("limit 1", 1)]:
        torch.manual_seed(1)
        cell, head = nn.RNN(2, 50, batch_first=True), nn.Linear(50, 1)
        nn.init.orthogonal_(cell.weight_hh_l0, 1.2)
        nn.init.zeros_(cell.bias_ih_l0)
        nn.init.zeros_(cell.bias_hh_l0)
        parameters = [*cell.parameters(), *head.parameters()]
        optimizer = torch.optim.SGD(parameters, 0.1)
        losses = []
        for _ in range(2000):
            x, y = sums(20, 30)
            loss = functional.mse_loss(head(cell(x)[0][:, -1]), y)
            optimizer.zero_grad()
            loss.backward()
            if limit:
                nn.utils.clip_grad_norm_(parameters, limit)
            optimizer.step()
            losses.append(loss.item())
        with torch.no_grad():
            x, y = sums(1000, 30)
            yield name, np.mean(losses[-100:]), functional.mse_loss(
                head(cell(x)[0][:, -1]), y).item()


def repeating(length, lag=8, kinds=4):
    tokens = np.random.randint(kinds, size=length)
    for step in range(lag, length):
        if np.random.rand() < 0.9:
            tokens[step] = tokens[step - lag]
    return torch.from_numpy(tokens)


def streams(tokens, count):
    size = len(tokens) // count
    return tokens[:size * count].reshape(count, size)


def windows(_):
    training, test = repeating(160_000), repeating(20_000)
    for window in [2, 5, 10, 20, 40]:
        torch.manual_seed(1)
        cell, head = nn.RNN(4, 64, batch_first=True), nn.Linear(64, 4)
        parameters = [*cell.parameters(), *head.parameters()]
        optimizer = torch.optim.Adam(parameters, 3e-3)

        def loss_of(x, y, state):
            outputs, state = cell(functional.one_hot(x, 4).float(), state)
            return functional.cross_entropy(head(outputs).reshape(-1, 4), y.reshape(-1)), state

        rows = streams(training, 800 // window)
        losses = []
        for _ in range(8):
            state = None
            for first in range(0, rows.shape[1] - window, window):
                part = rows[:, first:first + window + 1]
                loss, state = loss_of(part[:, :-1], part[:, 1:], state)
                state = state.detach()
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(parameters, 1)
                optimizer.step()
                losses.append(loss.item())
        with torch.no_grad():
            rows = streams(test, 20)
            loss, _ = loss_of(rows[:, :-1], rows[:, 1:], None)
            yield f"{window} steps", np.mean(losses[-100:]), loss.item()


EXPERIMENTS = {function.__name__: function
               for function in [activations, optimizers, clipping, windows]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", default=".build/release/onnx-train")
    parser.add_argument("--mnist")
    parser.add_argument("--only", nargs="*", default=list(EXPERIMENTS), choices=EXPERIMENTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    np.random.seed(1)
    for name in arguments.only:
        reads = name in ["activations", "optimizers"]
        if reads and not arguments.mnist:
            parser.error(f"{name} needs --mnist")
        with tempfile.TemporaryDirectory() as folder:
            start = time.time()
            command = [arguments.tool, "compare", name, "--threads", "1",
                       "--output", f"{folder}/picture.png"]
            subprocess.run(command + (["--data", arguments.mnist] if reads else []), check=True)
            print(f"onnx-train: {time.time() - start:.1f} s")
        start = time.time()
        torch.manual_seed(1)
        for row in EXPERIMENTS[name](mnist(arguments.mnist) if reads else None):
            print(f"{row[0]:15}" + "".join(f"{number:12.4f}" for number in row[1:]), flush=True)
        print(f"PyTorch: {time.time() - start:.1f} s\n")


if __name__ == "__main__":
    main()
