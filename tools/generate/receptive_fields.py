"""Prints receptive fields of torchvision's networks, found by gradients (needs torchvision).

    python tools/generate/receptive_fields.py

For each network: the size and jump of the last map before the global pool or the classifier. All
weights are positive and all pools means, so the gradient of an element with respect to the picture is
nonzero exactly where the element depends on it. Tests/ToolTests/LayerSizesTests.swift has the numbers.
"""

import torch
import torchvision
from torch import nn


def positive(module):
    for name, child in module.named_children():
        if isinstance(child, nn.MaxPool2d):
            setattr(module, name, nn.AvgPool2d(
                child.kernel_size, child.stride, child.padding, child.ceil_mode))
        elif isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.Identity())
        elif isinstance(child, nn.Conv2d):
            nn.init.constant_(child.weight, 1 / child.weight[0].numel())
            if child.bias is not None:
                nn.init.zeros_(child.bias)
        else:
            positive(child)
    return module


def extent(map, picture, index):
    gradient, = torch.autograd.grad(map[0, 0, index, index], picture, retain_graph=True)
    rows = gradient[0, 0].abs().sum(1).nonzero()
    return rows.min().item(), rows.max().item()


for name in ["alexnet", "vgg16", "resnet18", "resnet50"]:
    network = getattr(torchvision.models, name)()
    if hasattr(network, "features"):
        body = network.features
    else:
        body = nn.Sequential(*list(network.children())[:-2])
    picture = torch.ones(1, 3, 1024, 1024, dtype=torch.float64, requires_grad=True)
    map = positive(body).double()(picture)
    middle = map.shape[2] // 2
    first, last = extent(map, picture, middle)
    print(name, "size", last - first + 1, "jump", extent(map, picture, middle + 1)[0] - first,
          "centre of the first", (first + last) / 2 - middle * (
              extent(map, picture, middle + 1)[0] - first))
