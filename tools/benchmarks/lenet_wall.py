"""Trains LeNet-5 on MNIST in PyTorch as `onnx-train new lenet5` does and prints the seconds.

    python tools/benchmarks/lenet_wall.py --data MNIST [--epochs 5] [--threads 2] [--loader]

The seconds count from the start of the process: imports, reading the data, training with Adam, a
one-cycle learning rate, batches of 64 and a random shift of each picture by up to two pixels, and an
evaluation at the end. Batches are slices of tensors in memory, the fastest way in PyTorch; with --loader
they come from a DataLoader. The second line is the accuracy on the test images.
"""

import argparse
import gzip
import os
import pathlib
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

BATCH, TEST_BATCH, PEAK, DISTANCE = 64, 500, 3e-3, 2


def seconds_since_start():
    """The seconds since this process started."""
    fields = pathlib.Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def read_idx(folder, name):
    path = folder / f"{name}.gz"
    data = gzip.decompress(path.read_bytes()) if path.exists() else (folder / name).read_bytes()
    sizes = [int.from_bytes(data[4 + 4 * i:8 + 4 * i]) for i in range(data[3])]
    return torch.from_numpy(
        np.frombuffer(data, np.uint8, offset=4 + 4 * len(sizes)).reshape(sizes).copy())


def read(folder, part):
    """Images [N, 1, 28, 28] from 0 to 1 and labels [N]."""
    images = read_idx(folder, f"{part}-images-idx3-ubyte")
    return images[:, None].float() / 255, read_idx(folder, f"{part}-labels-idx1-ubyte").long()


def lenet5():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10))


def slices(x, y):
    order = torch.randperm(len(x))
    for start in range(0, len(x), BATCH):
        rows = order[start:start + BATCH]
        yield x[rows], y[rows]


def shifted(x):
    padded = functional.pad(x, [DISTANCE] * 4, "replicate")
    count, _, height, width = x.shape
    down, right = torch.randint(2 * DISTANCE + 1, (2, count, 1))
    rows = (down + torch.arange(height))[:, :, None]
    columns = (right + torch.arange(width))[:, None, :]
    return padded[torch.arange(count)[:, None, None], 0, rows, columns][:, None]


@torch.no_grad()
def evaluate(model, x, y):
    hits = loss = 0
    for start in range(0, len(x), TEST_BATCH):
        labels = y[start:start + TEST_BATCH]
        scores = model(x[start:start + TEST_BATCH])
        loss += functional.cross_entropy(scores, labels, reduction="sum").item()
        hits += (scores.argmax(1) == labels).sum().item()
    return loss / len(x), hits / len(x)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True, help="MNIST's folder")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--loader", action="store_true", help="read batches from a DataLoader")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(1)

    train, test = read(options.data, "train"), read(options.data, "t10k")
    model = lenet5()
    optimizer = torch.optim.Adam(model.parameters())
    steps = options.epochs * -(-len(train[0]) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK, total_steps=steps)
    loader = DataLoader(TensorDataset(*train), BATCH, shuffle=True) if options.loader else None
    for _ in range(options.epochs):
        model.train()
        total = 0
        for x, y in loader or slices(*train):
            loss = functional.cross_entropy(model(shifted(x)), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
    model.eval()
    _, accuracy = evaluate(model, *test)
    print(f"seconds {seconds_since_start():.3f}")
    print(f"accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
