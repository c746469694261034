"""Measures training steps in onnx-train and PyTorch eager and prints one table.

    tools/bench --training [--threads 1 2] [--seconds 1] [--rounds 5] [--only MODEL …] [--json FILE]
                           [--plot FILE.svg]

A step is forward, loss, gradients, clipping and update on one batch. Both engines start from the
same weights and take the same number of steps, in alternating blocks; a figure is the median of the
blocks' medians. The last column is the difference of the losses in the last step, for models
without dropout.
"""

import argparse
import collections
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import bench_plot
import bench_table
import processor

sys.path.append(str(pathlib.Path(__file__).parents[1] / "generate"))
import export_models
import modules

WARMUP = 5  # Steps that onnx-train takes before it reports.
RATE = 1e-3
CHARACTERS = 65
MEAN_GOAL, ROW_GOAL = 0.7, 0.95
Case = collections.namedtuple("Case", "model x y optimizer clip random", defaults=(None, False))


class Characters(nn.Module):
    def __init__(self, cell, width, layers=1):
        super().__init__()
        self.recurrent = cell(CHARACTERS, width, layers, batch_first=True)
        self.output = nn.Linear(width, CHARACTERS)

    def forward(self, x):
        return self.output(self.recurrent(x)[0])


class TextCNN(nn.Module):
    """20,000 word vectors of size 300, three convolutions with 100 filters, dropout."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20000, 300)
        self.convolutions = nn.ModuleList(nn.Conv1d(300, 100, size) for size in (3, 4, 5))
        self.dropout = nn.Dropout()
        self.output = nn.Linear(300, 2)

    def forward(self, x):
        x = self.embedding(x).transpose(1, 2)
        features = [functional.relu(convolution(x)).amax(2) for convolution in self.convolutions]
        return self.output(self.dropout(torch.cat(features, 1)))


class Tagger(nn.Module):
    """A two-layer bidirectional LSTM that labels every step."""

    def __init__(self):
        super().__init__()
        self.recurrent = nn.LSTM(128, 256, 2, batch_first=True, bidirectional=True)
        self.output = nn.Linear(512, 10)

    def forward(self, x):
        return self.output(self.recurrent(x)[0])


def convnet():
    layers, channels = [], 3
    for width in 32, 64, 128:
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(),
                   nn.MaxPool2d(2)]
        channels = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * 4 * 4, 10))


def labels(classes, *shape):
    return torch.randint(classes, shape)


def characters(cell, width, layers, batch, steps):
    x = functional.one_hot(labels(CHARACTERS, batch, steps), CHARACTERS).float()
    return Case(Characters(cell, width, layers), x, labels(CHARACTERS, batch, steps), "adam", 5.0)


CASES = {
    "lenet5 b64": lambda: Case(
        modules.LeNet5(), torch.rand(64, 1, 32, 32), labels(10, 64), "momentum"),
    "char-rnn 256 b32": lambda: characters(nn.RNN, 256, 1, 32, 64),
    "char-gru 256 b32": lambda: characters(nn.GRU, 256, 1, 32, 64),
    "char-lstm 256 b32": lambda: characters(nn.LSTM, 256, 1, 32, 64),
    "char-lstm 2x128 b50": lambda: characters(nn.LSTM, 128, 2, 50, 50),
    "bilstm 2x256 b32": lambda: Case(
        Tagger(), torch.randn(32, 64, 128), labels(10, 32, 64), "adam"),
    "text-cnn b50": lambda: Case(
        TextCNN(), labels(20000, 50, 56), labels(2, 50), "adam", None, True),
    "conv-bn 32-64-128 b64": lambda: Case(
        convnet(), torch.rand(64, 3, 32, 32), labels(10, 64), "sgd"),
}


def export(case, path):
    """Exports dropout and batch normalization as nodes of their own."""
    modes = torch.onnx.TrainingMode
    with export_models.silence():
        torch.onnx.export(
            case.model.train(case.random), (case.x,), path, dynamo=False, opset_version=17,
            training=modes.PRESERVE, do_constant_folding=False, input_names=["x"],
            output_names=["scores"])
    case.model.train()


class Ours:
    """An onnx-train process that takes a number of steps and reports their median time."""

    def __init__(self, tool, path, batch, case, threads):
        arguments = [tool, "time", path, "--batch", batch, "--server", "--rate", RATE,
                     "--optimizer", case.optimizer, "--threads", threads]
        if case.clip:
            arguments += ["--clip-norm", case.clip]
        self.process = subprocess.Popen(
            list(map(str, arguments)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, steps):
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        words = self.process.stdout.readline().split()
        if len(words) != 4:
            raise SystemExit(f"onnx-train exited with {self.process.wait()}")
        return float(words[1]), float(words[3])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Theirs:
    def __init__(self, case):
        self.case = case
        parameters = case.model.parameters()
        self.optimizer = {
            "adam": lambda: torch.optim.Adam(parameters, RATE),
            "momentum": lambda: torch.optim.SGD(parameters, RATE, momentum=0.9),
            "sgd": lambda: torch.optim.SGD(parameters, RATE),
        }[case.optimizer]()
        self(WARMUP)

    def __call__(self, steps):
        case, times = self.case, []
        for _ in range(steps):
            start = time.perf_counter()
            scores = case.model(case.x)
            loss = functional.cross_entropy(scores.flatten(0, -2), case.y.flatten())
            self.optimizer.zero_grad()
            loss.backward()
            if case.clip:
                nn.utils.clip_grad_norm_(case.model.parameters(), case.clip)
            self.optimizer.step()
            value = loss.item()
            times.append(time.perf_counter() - start)
        return statistics.median(times) * 1000, value


def alternate(ours, theirs, options):
    """The number of steps of a block, and what both sides report of each block, in turns."""
    first = theirs(WARMUP)[0]
    ours(WARMUP)
    steps = min(max(int(options.seconds * 1000 / first), 3), 500)
    mine, peer = [], []
    for _ in range(options.rounds):
        for side, results in (ours, mine), (theirs, peer):
            time.sleep(0.2)  # Threads of the other engine may still spin.
            results.append(side(steps))
    return steps, mine, peer


def measure(name, threads, options, folder):
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    case = CASES[name]()
    path, batch = folder / "model.onnx", folder / "batch.npz"
    export(case, path)
    np.savez(batch, x=case.x.numpy(), labels=case.y.numpy())
    ours, theirs = Ours(options.tool, path, batch, case, threads), Theirs(case)
    steps, mine, peer = alternate(ours, theirs, options)
    ours.close()
    result = {
        "model": name, "threads": threads, "steps": steps * options.rounds,
        "onnx_train_ms": statistics.median(ms for ms, _ in mine),
        "pytorch_ms": statistics.median(ms for ms, _ in peer)}
    result["ratio"] = result["onnx_train_ms"] / result["pytorch_ms"]
    result["goal"] = ROW_GOAL
    result["met"] = result["ratio"] <= ROW_GOAL
    if not case.random:
        result["loss_difference"] = abs(mine[-1][1] - peer[-1][1])
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", default=".build/release/onnx-train")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--seconds", type=float, default=1, help="seconds per block")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--plot", type=pathlib.Path, help="write the ratios as SVG")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE":
        os.environ.pop(name, None)

    results = []
    print(processor.describe())
    print(f"{'model':<24}{'threads':>8}{'onnx-train ms':>15}{'PyTorch ms':>12}{'ratio':>8}"
          f"{'losses':>10}")
    for name in options.only:
        for threads in options.threads:
            with tempfile.TemporaryDirectory() as folder:
                result = measure(name, threads, options, pathlib.Path(folder))
            results.append(result)
            loss = result.get("loss_difference")
            print(f"{name:<24}{threads:>8}{result['onnx_train_ms']:>15.2f}"
                  f"{result['pytorch_ms']:>12.2f}{result['ratio']:>8.2f}"
                  f"{'-' if loss is None else format(loss, '.1e'):>10}"
                  f"{'' if result['met'] else '  missed'}", flush=True)
    means = bench_table.means(results)
    for threads, mean in means.items():
        print(f"geometric mean, {threads} thread{'s' if threads > 1 else ''}: {mean:.3f} (goal "
              f"{MEAN_GOAL}, {'met' if mean <= MEAN_GOAL else 'missed'})")
    missed = [f"{row['model']}/{row['threads']}" for row in results if not row["met"]]
    print(f"above {ROW_GOAL}: {', '.join(missed) or 'none'}")
    print(f"PyTorch {torch.__version__}")
    report = {"processor": processor.describe(), "rows": results, "geometric_mean": means,
              "goal": MEAN_GOAL, "pytorch": torch.__version__}
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    if options.plot:
        options.plot.parent.mkdir(parents=True, exist_ok=True)
        options.plot.write_text(bench_plot.training(report))


if __name__ == "__main__":
    main()
