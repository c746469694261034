"""Well-known architectures at their real sizes, as PyTorch modules with random weights.

`LARGE` maps names to functions that give a module and its arguments.
"""

import torch
from torch import nn

from architectures import ConvNeXtBlock, WhisperEncoder
from layers import Bert, Block, Inverted


def convolution(inputs, outputs, kernel=1, stride=1, activation=None):
    layers = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
              nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([activation()] if activation else []))


class Bottleneck(nn.Module):
    def __init__(self, inputs, inner, stride):
        super().__init__()
        self.body = nn.Sequential(
            convolution(inputs, inner, 1, 1, nn.ReLU), convolution(inner, inner, 3, stride, nn.ReLU),
            convolution(inner, 4 * inner))
        same = stride == 1 and inputs == 4 * inner
        self.shortcut = nn.Identity() if same else convolution(inputs, 4 * inner, 1, stride)

    def forward(self, x):
        return torch.relu(self.body(x) + self.shortcut(x))


def resnet50():
    layers, width = [convolution(3, 64, 7, 2, nn.ReLU), nn.MaxPool2d(3, 2, 1)], 64
    for inner, count in [(64, 3), (128, 4), (256, 6), (512, 3)]:
        for index in range(count):
            layers.append(Bottleneck(width, inner, 2 if index == 0 and inner > 64 else 1))
            width = 4 * inner
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 1000))


def inverted(rows, width, default_gate):
    """The blocks `(kernel, inner, outputs, gated, activation, stride)` behind `width` channels."""
    for kernel, inner, outputs, gated, activation, stride in rows:
        gate = default_gate if gated else None
        yield Inverted(width, inner, outputs, kernel, stride, activation, gate)
        width = outputs


def mobilenet_v3_large():
    relu, swish = nn.ReLU, nn.Hardswish
    rows = [(3, 16, 16, False, relu, 1), (3, 64, 24, False, relu, 2), (3, 72, 24, False, relu, 1),
            (5, 72, 40, True, relu, 2), (5, 120, 40, True, relu, 1), (5, 120, 40, True, relu, 1),
            (3, 240, 80, False, swish, 2), (3, 200, 80, False, swish, 1),
            (3, 184, 80, False, swish, 1), (3, 184, 80, False, swish, 1),
            (3, 480, 112, True, swish, 1), (3, 672, 112, True, swish, 1),
            (5, 672, 160, True, swish, 2), (5, 960, 160, True, swish, 1),
            (5, 960, 160, True, swish, 1)]
    return nn.Sequential(
        convolution(3, 16, 3, 2, swish), *inverted(rows, 16, nn.Hardsigmoid),
        convolution(160, 960, 1, 1, swish), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(960, 1280), swish(), nn.Linear(1280, 1000))


def efficientnet_b0():
    width, rows = 32, []
    for expansion, outputs, count, stride, kernel in [
            (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3),
            (6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3)]:
        for index in range(count):
            rows.append((kernel, expansion * width, outputs, True, nn.SiLU,
                         stride if index == 0 else 1))
            width = outputs
    return nn.Sequential(
        convolution(3, 32, 3, 2, nn.SiLU), *inverted(rows, 32, nn.Sigmoid),
        convolution(320, 1280, 1, 1, nn.SiLU), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(1280, 1000))


def convnext_tiny():
    layers, width = [nn.Conv2d(3, 96, 4, 4), nn.GroupNorm(1, 96)], 96
    for outputs, count in [(96, 3), (192, 3), (384, 9), (768, 3)]:
        if outputs != width:
            layers += [nn.GroupNorm(1, width), nn.Conv2d(width, outputs, 2, 2)]
        layers += [ConvNeXtBlock(outputs) for _ in range(count)]
        width = outputs
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(768), nn.Linear(768, 1000))


class ViT(nn.Module):
    """A vision transformer of 12 blocks with patches of 16×16."""

    def __init__(self, width, heads):
        super().__init__()
        self.patch = nn.Conv2d(3, width, 16, 16)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.position = nn.Parameter(torch.randn(1, 197, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(12)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 1000)

    def forward(self, image):
        patches = self.patch(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(image.shape[0], -1, -1), patches], 1)
        return self.head(self.norm(self.blocks(x + self.position))[:, 0])


def image():
    return (torch.randn(1, 3, 224, 224),)


def text():
    return (torch.randint(30522, (1, 128)), torch.ones(1, 128, dtype=torch.int64),
            torch.zeros(1, 128, dtype=torch.int64))


LARGE = {
    "resnet50": lambda: (resnet50(), image()),
    "mobilenet_v3_large": lambda: (mobilenet_v3_large(), image()),
    "efficientnet_b0": lambda: (efficientnet_b0(), image()),
    "convnext_tiny": lambda: (convnext_tiny(), image()),
    "vit_s16": lambda: (ViT(384, 6), image()),
    "vit_b16": lambda: (ViT(768, 12), image()),
    "minilm": lambda: (Bert(384, 12, 6, 30522, 512), text()),
    "bert_base": lambda: (Bert(768, 12, 12, 30522, 512), text()),
    "whisper_tiny": lambda: (WhisperEncoder(384, 6, 4, 80, 1500), (torch.randn(1, 80, 3000),)),
}
