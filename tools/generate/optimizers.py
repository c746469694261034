"""Writes the losses and parameters that PyTorch's optimisers give for a small float64 network.

    python tools/generate/optimizers.py > Tests/TrainingTests/OptimizerNumbers.swift

Needs torch (tools/compare/requirements.txt). The network is tanh(x·W1 + b1)·W2 + b2 with mean
squared error; a formula that the test repeats gives all its numbers.
"""

import math

import torch

STEPS = 20


def numbers(count, phase):
    return [math.sin(1.7 * i + phase) for i in range(count)]


def tensor(shape, phase, scale=1.0):
    count = math.prod(shape)
    return (torch.tensor(numbers(count, phase), dtype=torch.float64) * scale).reshape(shape)


def train(make, rate=0.05):
    x, target = tensor((6, 3), 0.1), tensor((6, 2), 0.9)
    parameters = [
        tensor((3, 4), 0.2, 0.5), tensor((4,), 0.3, 0.1),
        tensor((4, 2), 0.4, 0.5), tensor((2,), 0.5, 0.1),
    ]
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimizer = make(parameters, rate)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        w1, b1, w2, b2 = parameters
        loss = ((torch.tanh(x @ w1 + b1) @ w2 + b2 - target) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, torch.cat([p.detach().flatten() for p in parameters]).tolist()


KINDS = {
    "sgd": lambda p, r: torch.optim.SGD(p, r),
    "sgd_decay": lambda p, r: torch.optim.SGD(p, r, weight_decay=0.1),
    "momentum": lambda p, r: torch.optim.SGD(p, r, momentum=0.9),
    "nesterov": lambda p, r: torch.optim.SGD(p, r, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adagrad": lambda p, r: torch.optim.Adagrad(p, r, lr_decay=0.1, weight_decay=0.01),
    "adadelta": lambda p, r: torch.optim.Adadelta(p, 1.0, rho=0.9, eps=1e-6, weight_decay=0.01),
    "rmsprop": lambda p, r: torch.optim.RMSprop(p, r, alpha=0.9),
    "rmsprop_momentum": lambda p, r: torch.optim.RMSprop(p, r, momentum=0.9, weight_decay=0.01),
    "adam": lambda p, r: torch.optim.Adam(p, r, weight_decay=0.01),
    "adamw": lambda p, r: torch.optim.AdamW(p, r, weight_decay=0.1),
}


def swift(values):
    lines = ["      " + ", ".join(repr(v) for v in values[i:i + 4]) for i in range(0, len(values), 4)]
    return "[\n" + ",\n".join(lines) + ",\n    ]"


def main():
    print("// Written by tools/generate/optimizers.py")
    print("\n/// Losses of each step and the parameters after the last, as PyTorch computes them.")
    print("let optimizerNumbers: [String: (losses: [Double], parameters: [Double])] = [")
    for name, make in KINDS.items():
        losses, parameters = train(make)
        print(f'  "{name}": (\n    {swift(losses)},\n    {swift(parameters)}\n  ),')
    print("]")


main()
