"""Prints the loss and gradients of LinearChainTests.

    python tools/generate/linear_chain.py

Needs torch (tools/compare/requirements.txt). The loss is the sum over all sequences of classes, by
enumeration.
"""

import itertools

import torch

ROWS, STEPS, CLASSES = 3, 4, 3
LENGTHS = [4, 1, 3]
LABELS = [[0, 2, 1, 1], [2], [1, 0, 2]]


def numbers(count, seed):
    return [((i * 37 + seed * 11) % 23 - 11) / 8 for i in range(count)]


def parameter(seed, *shape):
    count = torch.Size(shape).numel()
    values = torch.tensor(numbers(count, seed), dtype=torch.float64)
    return values.reshape(shape).requires_grad_()


emissions = parameter(1, ROWS, STEPS, CLASSES)
start, transitions, end = parameter(2, CLASSES), parameter(3, CLASSES, CLASSES), parameter(4, CLASSES)


def score(row, path):
    result = start[path[0]] + end[path[-1]] + sum(emissions[row, t, c] for t, c in enumerate(path))
    return result + sum((transitions[a, b] for a, b in zip(path, path[1:])), torch.tensor(0.0))


loss = 0
for row, (length, labels) in enumerate(zip(LENGTHS, LABELS)):
    paths = itertools.product(range(CLASSES), repeat=length)
    loss = loss + torch.stack([score(row, path) for path in paths]).logsumexp(0) - score(row, labels)
loss = loss / sum(LENGTHS)
loss.backward()
print("loss", loss.item())
for name in ["start", "end", "transitions", "emissions"]:
    print(name, [float(f"{x:.15g}") for x in globals()[name].grad.flatten().tolist()])
