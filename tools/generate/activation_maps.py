"""Writes the expected numbers of Tests/ToolTests/ClassActivationTests.swift.

    python tools/generate/activation_maps.py

Class activation maps (Zhou and others, 2016) and Grad-CAM (Selvaraju and others, 2017) of two small
networks by PyTorch's hooks and autograd.
"""

import torch
from torch import nn
from torch.nn import functional


def numbers(shape, step):
    """The same formula as in the test."""
    count = int(torch.tensor(shape).prod())
    return ((torch.arange(count) * step) % 17 / 17 - 0.4).reshape(shape)


def maps(network, picture, index):
    """The activations before the pool, and the gradient of a class's score by them."""
    kept = {}
    network.maps.register_forward_hook(lambda _, __, output: kept.update(a=output))
    scores = network(picture)
    return kept["a"], torch.autograd.grad(scores[0, index], kept["a"])[0], scores


class Pooled(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.maps, self.head = nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Linear(3, 4)
        self.conv.weight.data, self.conv.bias.data = numbers((3, 1, 3, 3), 7), numbers((3,), 3)
        self.head.weight.data, self.head.bias.data = numbers((4, 3), 5), numbers((4,), 11)

    def forward(self, x):
        return self.head(self.maps(self.conv(x)).mean((2, 3)))


class Flattened(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.maps, self.head = nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Linear(36, 4)
        self.conv.weight.data, self.conv.bias.data = numbers((3, 1, 3, 3), 7), numbers((3,), 3)
        self.head.weight.data, self.head.bias.data = numbers((4, 36), 5), numbers((4,), 11)

    def forward(self, x):
        return self.head(functional.tanh(self.maps(self.conv(x)).flatten(1)))


def show(name, values):
    print(name, [float(f"{x:.7g}") for x in values.detach().flatten().tolist()])


picture = numbers((1, 1, 5, 6), 13)
network = Pooled()
for index in 1, 2:
    a, _, scores = maps(network, picture, index)
    show(f"CAM of class {index}", torch.einsum("k,kij->ij", network.head.weight[index], a[0]))
    show("score", scores[0, index])
a, slopes, scores = maps(Flattened(), picture, 2)
show("Grad-CAM of class 2", functional.relu((slopes.mean((2, 3))[0, :, None, None] * a[0]).sum(0)))
