"""Draws the digits that the playground ships from a folder of MNIST.

    python tools/generate/small_digits.py mnist/ Server/Sources/Playground/Digits

Writes four IDX files, gzipped: 100 pictures of each digit to train on, from MNIST's training data, and
25 of each to test with, from its test data. Needs numpy.
"""

import gzip
import os
import sys

import numpy as np

SEED = 1
PARTS = {"train": 100, "t10k": 25}


def read(path):
    with gzip.open(path) as file:
        content = file.read()
    rank = content[3]
    shape = np.frombuffer(content, ">u4", rank, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def write(path, array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    # Without name and time, so that equal digits give equal files.
    with open(path, "wb") as file:
        with gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
            packed.write(header + array.tobytes())


def main():
    source, target = sys.argv[1:]
    os.makedirs(target, exist_ok=True)
    random = np.random.default_rng(SEED)
    for part, count in PARTS.items():
        images = read(f"{source}/{part}-images-idx3-ubyte.gz")
        labels = read(f"{source}/{part}-labels-idx1-ubyte.gz")
        chosen = np.concatenate(
            [random.choice(np.flatnonzero(labels == digit), count, replace=False) for digit in range(10)]
        )
        random.shuffle(chosen)
        write(f"{target}/{part}-images-idx3-ubyte.gz", images[chosen])
        write(f"{target}/{part}-labels-idx1-ubyte.gz", labels[chosen])


if __name__ == "__main__":
    main()
