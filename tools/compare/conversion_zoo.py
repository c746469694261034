"""Small modules with the layers of common networks, whose weights `convert_weights.py` binds.

`cases()` returns, for each name, a function that makes the module and the inputs to call it with.
"""

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations


def conv_norm(before, after, size, act=nn.ReLU, **options):
    options.setdefault("padding", size // 2)
    return nn.Sequential(nn.Conv2d(before, after, size, bias=False, **options),
                         nn.BatchNorm2d(after), act())


class Bottleneck(nn.Module):
    """The bottleneck block of ResNet-50."""

    def __init__(self, before, width, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(before, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.downsample = nn.Sequential(nn.Conv2d(before, 4 * width, 1, stride, bias=False),
                                        nn.BatchNorm2d(4 * width))

    def forward(self, x):
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(functional.relu(self.bn2(self.conv2(y)))))
        return functional.relu(y + self.downsample(x))


class SqueezeExcite(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(width, 4, 1), nn.Conv2d(4, width, 1)

    def forward(self, x):
        y = functional.relu(self.fc1(x.mean((2, 3), keepdim=True)))
        return x * functional.hardsigmoid(self.fc2(y))


class InvertedResidual(nn.Module):
    """The block of MobileNetV3: a depthwise convolution and a gate for each channel."""

    def __init__(self, width):
        super().__init__()
        self.block = nn.Sequential(
            conv_norm(width, 3 * width, 1, nn.Hardswish),
            conv_norm(3 * width, 3 * width, 3, nn.Hardswish, groups=3 * width),
            SqueezeExcite(3 * width), conv_norm(3 * width, width, 1, nn.Identity))

    def forward(self, x):
        return x + self.block(x)


class DenseLayer(nn.Module):
    """Normalizations precede the convolutions, so that none after a concatenation can be folded."""

    def __init__(self, before, growth):
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(before), nn.Conv2d(before, 8, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(8), nn.Conv2d(8, growth, 3, padding=1, bias=False)

    def forward(self, x):
        y = self.conv1(functional.relu(self.norm1(x)))
        return torch.cat([x, self.conv2(functional.relu(self.norm2(y)))], 1)


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList([conv_norm(2, 4, 3), conv_norm(4, 8, 3)])
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.up_bn = nn.BatchNorm2d(4)
        self.join = nn.Sequential(nn.Conv2d(8, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(True))
        self.deconv = nn.Sequential(nn.ConvTranspose2d(4, 4, 3, groups=2, bias=False),
                                    nn.BatchNorm2d(4))
        self.out = nn.Conv2d(4, 1, 1)

    def forward(self, x):
        a = self.down[0](x)
        b = self.down[1](functional.max_pool2d(a, 2))
        up = functional.relu(self.up_bn(self.up(b)))
        return self.out(self.deconv(self.join(torch.cat([a, up], 1))))


class Norms(nn.Module):
    def __init__(self):
        super().__init__()
        self.group, self.instance = nn.GroupNorm(3, 6), nn.InstanceNorm1d(6, affine=True)
        self.layer, self.rms = nn.LayerNorm(5), nn.RMSNorm(5)
        self.tracked = nn.InstanceNorm1d(6, affine=True, track_running_stats=True)
        self.layer2 = nn.LayerNorm((6, 5))
        self.shared, self.each = nn.PReLU(), nn.PReLU(6)
        self.batch = nn.BatchNorm1d(6, affine=False)

    def forward(self, x):
        x = self.layer(self.each(self.group(x)))
        x = self.tracked(self.rms(self.shared(self.instance(x))))
        return self.batch(self.layer2(x))


class Tied(nn.Module):
    """An embedding that shares its weight with the output layer."""

    def __init__(self):
        super().__init__()
        self.embed, self.mix = nn.Embedding(11, 6, padding_idx=0), nn.Linear(6, 6)
        self.head = nn.Linear(6, 11, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens):
        return self.head(torch.tanh(self.mix(self.embed(tokens))))


class CrossAttention(nn.Module):
    def __init__(self, batch_first=True, **options):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=batch_first, **options)

    def forward(self, q, k, v):
        return self.attention(q, k, v)[0]


class Transformer(nn.Module):
    def __init__(self, norm_first=False):
        super().__init__()
        options = dict(dropout=0.0, batch_first=True, norm_first=norm_first)
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 12, activation="gelu", **options), 2,
            nn.LayerNorm(8), enable_nested_tensor=False)
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 12, **options), 2)

    def forward(self, source, target):
        return self.decoder(target, self.encoder(source))


class Conv1D(nn.Module):
    """GPT-2's linear layer, with a weight of shape [inputs, outputs]."""

    def __init__(self, outputs, inputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        shape = (*x.shape[:-1], self.weight.shape[1])
        return torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight).view(shape)


class GPTBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.c_attn, self.c_proj = Conv1D(3 * width, width), Conv1D(width, width)
        self.mlp = nn.ModuleDict({"c_fc": Conv1D(4 * width, width),
                                  "c_proj": Conv1D(width, 4 * width)})
        self.register_buffer("mask", torch.tril(torch.ones(16, 16)).bool())

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (y.view(b, t, self.heads, -1).transpose(1, 2)
                   for y in self.c_attn(self.ln_1(x)).split(c, 2))
        scores = q @ k.transpose(-2, -1) / (c // self.heads) ** 0.5
        scores = scores.masked_fill(~self.mask[:t, :t], float("-inf")).softmax(-1)
        x = x + self.c_proj((scores @ v).transpose(1, 2).reshape(b, t, c))
        return x + self.mlp["c_proj"](functional.gelu(self.mlp["c_fc"](self.ln_2(x))))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(11, 8), nn.Embedding(16, 8)
        self.h = nn.ModuleList([GPTBlock(8, 2), GPTBlock(8, 2)])
        self.ln_f = nn.LayerNorm(8)
        self.lm_head = nn.Linear(8, 11, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, tokens):
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1]))
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x))


class BertLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(8, 8) for _ in range(3))
        self.dense, self.LayerNorm = nn.Linear(8, 8), nn.LayerNorm(8)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (f(x).view(b, t, 2, 4).transpose(1, 2) for f in (self.query, self.key, self.value))
        y = functional.scaled_dot_product_attention(q, k, v)
        return self.LayerNorm(x + self.dense(y.transpose(1, 2).reshape(b, t, c)))


class Bert(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.types = nn.Embedding(11, 8, padding_idx=0), nn.Embedding(2, 8)
        self.layers = nn.ModuleList([BertLayer(), BertLayer()])
        self.pooler = nn.Linear(8, 8)

    def forward(self, tokens):
        x = self.words(tokens) + self.types(torch.zeros_like(tokens))
        for layer in self.layers:
            x = layer(x)
        return torch.tanh(self.pooler(x[:, 0]))


class Bilinear(nn.Module):
    def __init__(self):
        super().__init__()
        self.bilinear, self.plain = nn.Bilinear(3, 4, 5), nn.Bilinear(3, 4, 2, bias=False)

    def forward(self, a, b):
        return torch.cat([self.bilinear(a, b), self.plain(a, b)], -1)


class Computed(nn.Module):
    """Computed weights: weight normalization and spectral normalization."""

    def __init__(self, style):
        super().__init__()
        self.conv, self.linear = nn.Conv1d(3, 4, 3), nn.Linear(4, 5)
        self.up = nn.ConvTranspose1d(5, 2, 2)
        if style == "parametrized":
            for part in (self.conv, self.linear):
                parametrizations.weight_norm(part)
            parametrizations.weight_norm(self.up, dim=1)
        elif style == "old":
            for part in (self.conv, self.linear, self.up):
                nn.utils.weight_norm(part)
        elif style == "spectral":
            for part in (self.conv, self.linear, self.up):
                parametrizations.spectral_norm(part)
        else:
            for part in (self.conv, self.linear, self.up):
                nn.utils.spectral_norm(part)

    def forward(self, x):
        x = functional.relu(self.conv(x)).transpose(1, 2)
        return self.up(torch.tanh(self.linear(x)).transpose(1, 2))


class Raw(nn.Module):
    """Parameters that belong to no layer."""

    def __init__(self):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(6)), nn.Parameter(torch.zeros(1, 6))
        self.token = nn.Parameter(torch.zeros(1, 1, 6))
        self.position = nn.Parameter(torch.zeros(1, 6, 6))
        self.mixers = nn.ParameterList([nn.Parameter(torch.randn(6, 6)) for _ in range(3)])
        self.by_name = nn.ParameterDict({"a": nn.Parameter(torch.randn(6, 4)),
                                         "b": nn.Parameter(torch.randn(4))})
        self.register_buffer("mean", torch.randn(6))
        self.gamma = nn.Parameter(torch.ones(6))

    def forward(self, x):
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x - self.mean], 1) + self.position
        x = x * self.scale + self.shift
        for mixer in self.mixers:
            x = torch.tanh(x @ mixer)
        x = self.gamma * x
        return x @ self.by_name["a"] + self.by_name["b"]


class Twins(nn.Module):
    """Recurrent layers with equal shapes in separate modules, one of them used twice."""

    def __init__(self):
        super().__init__()
        self.first = nn.ModuleDict({"rnn": nn.GRU(4, 4, batch_first=True)})
        self.second = nn.ModuleDict({"rnn": nn.GRU(4, 4, batch_first=True)})
        self.third = nn.LSTM(4, 4, num_layers=2, batch_first=True)
        self.fourth = nn.LSTM(4, 4, num_layers=2, batch_first=True)

    def forward(self, x):
        x = self.first["rnn"](x)[0]
        x = self.second["rnn"](x)[0] + self.first["rnn"](x)[0]
        return self.fourth(self.third(x)[0])[0]


class States(nn.Module):
    """A recurrent layer with a given or a learned initial state."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(4, 3)
        self.h0, self.c0 = (nn.Parameter(torch.zeros(1, 1, 3)) for _ in range(2))

    def forward(self, x):
        y, (h, c) = self.rnn(x, (self.h0, self.c0))
        return y, h, c


class Stacked(nn.Module):
    def __init__(self, kind, layers, **options):
        super().__init__()
        self.rnn = getattr(nn, kind)(4, 3, num_layers=layers, **options)

    def forward(self, x):
        return self.rnn(x)[0]


class Cells(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.gru, self.rnn = nn.LSTMCell(4, 3), nn.GRUCell(3, 3), nn.RNNCell(3, 5)

    def forward(self, x):
        h = c = x.new_zeros(x.shape[1], 3)
        g, r = x.new_zeros(x.shape[1], 3), x.new_zeros(x.shape[1], 5)
        for step in x:
            h, c = self.lstm(step, (h, c))
            g = self.gru(h, g)
            r = self.rnn(g, r)
        return r


def cases():
    """The function that makes each module, and its inputs."""
    generator = torch.Generator().manual_seed(1)

    def rand(*shape):
        return torch.rand(*shape, generator=generator)

    tokens = torch.randint(1, 11, (1, 7), generator=generator)
    image, sequence = rand(1, 3, 16, 16), rand(1, 5, 4)
    table = {
        "resnet50": (lambda: nn.Sequential(conv_norm(3, 8, 7, stride=2), nn.MaxPool2d(3, 2, 1),
                                           Bottleneck(8, 4, 1), Bottleneck(16, 4, 2),
                                           nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                                           nn.Linear(16, 5)), (image,)),
        "vgg_bn": (lambda: nn.Sequential(
            nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(True),
                          nn.MaxPool2d(2), nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4),
                          nn.ReLU(True), nn.AdaptiveAvgPool2d(2)),
            nn.Flatten(), nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Dropout(),
                                        nn.Linear(16, 16), nn.Linear(16, 3))), (image,)),
        "mobilenet": (lambda: nn.Sequential(conv_norm(3, 4, 3, nn.ReLU6, stride=2),
                                            InvertedResidual(4), InvertedResidual(4),
                                            nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                                            nn.Linear(4, 3)), (image,)),
        "densenet": (lambda: nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4),
                                           DenseLayer(4, 4), DenseLayer(8, 4), DenseLayer(12, 4),
                                           nn.BatchNorm2d(16), nn.Conv2d(16, 2, 1)), (image,)),
        "unet": (UNet, (rand(1, 2, 8, 8),)),
        "conv1d_3d": (lambda: nn.Sequential(
            nn.Conv3d(2, 4, (2, 3, 3), bias=False), nn.BatchNorm3d(4), nn.ReLU(),
            nn.Flatten(2), nn.Conv1d(4, 4, 3, groups=2), nn.BatchNorm1d(4),
            nn.ConvTranspose1d(4, 3, 4, 2)), (rand(1, 2, 4, 6, 6),)),
        "norms": (Norms, (rand(2, 6, 5),)),
        "tied": (Tied, (tokens,)),
        "mha": (CrossAttention, (rand(1, 3, 8), rand(1, 5, 8), rand(1, 5, 8))),
        "mha_sizes": (lambda: CrossAttention(kdim=6, vdim=7, bias=False),
                      (rand(1, 3, 8), rand(1, 5, 6), rand(1, 5, 7))),
        "mha_bias_kv": (lambda: CrossAttention(False, add_bias_kv=True),
                        (rand(3, 1, 8), rand(5, 1, 8), rand(5, 1, 8))),
        "transformer": (Transformer, (rand(1, 5, 8), rand(1, 4, 8))),
        "transformer_pre": (lambda: Transformer(True), (rand(1, 5, 8), rand(1, 4, 8))),
        "gpt": (GPT, (tokens,)),
        "bert": (Bert, (tokens,)),
        "bilinear": (Bilinear, (rand(2, 3), rand(2, 4))),
        "linear_bn": (lambda: nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(),
                                            nn.Linear(6, 6, bias=False), nn.BatchNorm1d(6),
                                            nn.Linear(6, 6)), (rand(2, 4),)),
        "raw": (Raw, (rand(1, 5, 6),)),
        "twins": (Twins, (sequence,)),
        "states": (States, (rand(5, 1, 4),)),
        "cells": (Cells, (rand(3, 1, 4),)),
    }
    for style in ("parametrized", "old", "spectral", "spectral_old"):
        table[f"computed_{style}"] = (lambda style=style: Computed(style), (rand(1, 3, 8),))
    for kind in ("LSTM", "GRU", "RNN"):
        for layers in (1, 3):
            for both in (False, True):
                for first in (False, True):
                    options = dict(bidirectional=both, batch_first=first, bias=layers != 1 or both)
                    name = f"{kind.lower()}{layers}{'_both' if both else ''}{'_first' if first else ''}"
                    table[name] = (lambda k=kind, n=layers, o=options: Stacked(k, n, **o),
                                   (sequence if first else sequence.transpose(0, 1),))
    return table
