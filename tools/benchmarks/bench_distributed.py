"""Measures training steps on several ranks in onnx-train and PyTorch DDP (gloo): one table.

    tools/bench --distributed [--ranks 1 2] [--shards 4] [--seconds 1] [--rounds 5]
                              [--only MODEL …] [--json FILE | --export FOLDER]

A step is forward, loss, gradients, their sum over the ranks, clipping and update on one batch, which
the ranks share: at 2 ranks each has half of it. Each rank has one thread. Both engines start from the
same weights and take the same number of steps, in alternating blocks; a figure is the median of the
blocks' medians on rank 0. The efficiency is the step time at 1 rank over that at N ranks times N.
With --export, the models and batches are only written, for tools/two_hosts.
The losses of resnet-small differ: DDP normalises by the statistics of each rank's share of the batch,
onnx-train by those of each shard.
"""

import argparse
import collections
import json
import math
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import torch
from torch import distributed, nn
from torch.nn import functional

import bench_training
import processor

import export_models  # bench_training adds their folder to the path
import modules

CHARACTERS = bench_training.CHARACTERS
GOAL, EFFICIENCY = 0.8, 0.9
Case = collections.namedtuple("Case", "model x y optimizer clip")


class Characters(nn.Module):
    """char-rnn's network: tokens as one-hot vectors, two LSTM layers of 128."""

    def __init__(self):
        super().__init__()
        self.recurrent = nn.LSTM(CHARACTERS, 128, 2, batch_first=True)
        self.output = nn.Linear(128, CHARACTERS)

    def forward(self, tokens):
        x = functional.one_hot(tokens, CHARACTERS).float()
        return self.output(self.recurrent(x)[0])


class Block(nn.Module):
    def __init__(self, before, filters, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, filters, 3, stride, 1, bias=False), nn.BatchNorm2d(filters),
            nn.ReLU(),
            nn.Conv2d(filters, filters, 3, 1, 1, bias=False), nn.BatchNorm2d(filters))
        self.shortcut = nn.Identity() if before == filters and stride == 1 else nn.Sequential(
            nn.Conv2d(before, filters, 1, stride, bias=False), nn.BatchNorm2d(filters))

    def forward(self, x):
        return functional.relu(self.body(x) + self.shortcut(x))


def resnet_small():
    """The network of `onnx-train new resnet-small`."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def labels(classes, *shape):
    return torch.randint(classes, shape)


CASES = {
    "lenet5 b64": lambda: Case(
        modules.LeNet5(), torch.rand(64, 1, 32, 32), labels(10, 64), "momentum", None),
    "char-lstm 2x128 b50": lambda: Case(
        Characters(), labels(CHARACTERS, 50, 50), labels(CHARACTERS, 50, 50), "adam", 5.0),
    "resnet-small b64": lambda: Case(
        resnet_small(), torch.rand(64, 3, 32, 32), labels(10, 64), "momentum", None),
}


def case_of(name):
    torch.manual_seed(0)
    return CASES[name]()


def ddp_worker(name, rank, ranks):
    """One rank of the PyTorch side: takes the number of steps of each block from standard input."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    distributed.init_process_group("gloo", rank=rank, world_size=ranks)
    case = case_of(name)
    share = [part[rank] for part in (case.x.tensor_split(ranks), case.y.tensor_split(ranks))]
    model = nn.parallel.DistributedDataParallel(case.model)
    theirs = bench_training.Theirs(Case(model, *share, case.optimizer, case.clip))
    print("ready", flush=True)
    for line in sys.stdin:
        median, loss = theirs(int(line))
        loss = torch.tensor(loss * len(share[0]), dtype=torch.float64)
        distributed.all_reduce(loss)
        if rank == 0:
            print(median, loss.item() / len(case.x), flush=True)


class Theirs:
    def __init__(self, name, ranks):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = dict(os.environ, MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port),
                           GLOO_SOCKET_IFNAME="lo", OMP_NUM_THREADS="1")
        self.processes = [
            subprocess.Popen(
                [sys.executable, __file__, "--worker", name, str(rank), str(ranks)],
                env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for rank in range(ranks)]
        for process in self.processes:
            if process.stdout.readline() != "ready\n":
                raise SystemExit("PyTorch's workers did not start")

    def __call__(self, steps):
        for process in self.processes:
            process.stdin.write(f"{steps}\n")
            process.stdin.flush()
        median, loss = map(float, self.processes[0].stdout.readline().split())
        return median, loss

    def close(self):
        for process in self.processes:
            process.stdin.close()
        for process in self.processes:
            process.wait()


class Ours(bench_training.Ours):
    """The ranks of onnx-train; rank 0 takes the numbers of steps and reports."""

    def __init__(self, tool, path, batch, case, ranks, shards):
        command = ["mpirun", "-n", ranks, tool, "time", path, "--batch", batch, "--server",
                   "--rate", bench_training.RATE, "--optimizer", case.optimizer, "--threads", 1,
                   "--distributed", "--shards", shards]
        if case.clip:
            command += ["--clip-norm", case.clip]
        environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1",
                           OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        self.process = subprocess.Popen(
            list(map(str, command)), env=environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)


def export(case, path, batch):
    """Writes a model and its batch, in training mode, in which the exporter merges no vectors."""
    np.savez(batch, x=case.x.numpy(), labels=case.y.numpy())
    with export_models.silence():
        torch.onnx.export(
            case.model.train(), (case.x,), path, dynamo=False, opset_version=17,
            training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
            input_names=["x"], output_names=["scores"], dynamic_axes={"x": {0: "N"}})


def measure(name, ranks, options, folder):
    case = case_of(name)
    path, batch = folder / "model.onnx", folder / "batch.npz"
    export(case, path, batch)
    ours, theirs = Ours(options.tool, path, batch, case, ranks, options.shards), Theirs(name, ranks)
    steps, mine, peer = bench_training.alternate(ours, theirs, options)
    ours.close()
    theirs.close()
    result = {"model": name, "ranks": ranks, "steps": steps * options.rounds,
              "onnx_train_ms": statistics.median(ms for ms, _ in mine),
              "ddp_ms": statistics.median(ms for ms, _ in peer),
              "loss_difference": abs(mine[-1][1] - peer[-1][1])}
    result["ratio"] = result["onnx_train_ms"] / result["ddp_ms"]
    return result


def main():
    if sys.argv[1:2] == ["--worker"]:
        return ddp_worker(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", default=".build/release/onnx-train")
    parser.add_argument("--ranks", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=1, help="seconds per block")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--export", type=pathlib.Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.export:
        options.export.mkdir(parents=True, exist_ok=True)
        for name in options.only:
            path = options.export / name.split()[0]
            export(case_of(name), path.with_suffix(".onnx"), path.with_suffix(".npz"))
        return

    rows = []
    print(processor.describe())
    print(f"{'model':<22}{'ranks':>6}{'onnx-train ms':>15}{'DDP ms':>9}{'ratio':>7}"
          f"{'efficiency':>12}{'of DDP':>8}{'losses':>10}")
    for name in options.only:
        alone = None
        for ranks in options.ranks:
            with tempfile.TemporaryDirectory() as folder:
                row = measure(name, ranks, options, pathlib.Path(folder))
            alone = row if ranks == 1 else alone
            for side in ("onnx_train", "ddp"):
                row[f"{side}_efficiency"] = (
                    alone[f"{side}_ms"] / row[f"{side}_ms"] / ranks if alone else math.nan)
            row["met"] = row["ratio"] <= GOAL and not row["onnx_train_efficiency"] < EFFICIENCY
            rows.append(row)
            print(f"{name:<22}{ranks:>6}{row['onnx_train_ms']:>15.2f}{row['ddp_ms']:>9.2f}"
                  f"{row['ratio']:>7.2f}{row['onnx_train_efficiency']:>12.2f}"
                  f"{row['ddp_efficiency']:>8.2f}{row['loss_difference']:>10.1e}"
                  f"{'' if row['met'] else '  missed'}", flush=True)
    print(f"goals: ratio at most {GOAL}, efficiency at least {EFFICIENCY}")
    print(f"PyTorch {torch.__version__}, {options.shards} shards")
    if options.json:
        report = {"processor": processor.describe(), "rows": rows, "shards": options.shards,
                  "pytorch": torch.__version__}
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
