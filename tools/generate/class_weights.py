"""Prints PyTorch's cross entropy with class weights and an ignored label, for LabelTests.

    python tools/generate/class_weights.py
"""

import torch
from torch.nn import functional

scores = torch.tensor(
    [[0.5, -1.0, 2.0], [1.5, 0.25, -0.5], [-0.75, 1.0, 0.0], [0.1, 0.2, 0.3]],
    dtype=torch.float64, requires_grad=True)
weights = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
for labels in [2, 0, 1, 1], [2, -1, 1, 0], [-1, -1, -1, 2]:
    loss = functional.cross_entropy(
        scores, torch.tensor(labels), weight=weights, ignore_index=-1)
    (gradient,) = torch.autograd.grad(loss, scores)
    print(labels, repr(loss.item()))
    print([round(number, 9) for number in gradient.flatten().tolist()])
