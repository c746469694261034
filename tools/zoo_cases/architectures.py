"""Eleven architectures as small PyTorch modules with random weights.

`ARCHITECTURES` maps names to functions that give a module and its arguments.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from layers import Attention, Bert, Block, Inverted, Norm


class DecoderLayer(nn.Module):
    """A layer of a language model: rotary positions, fewer key heads than query heads, a cache."""

    def __init__(self, width, heads, groups):
        super().__init__()
        self.heads, self.groups, self.size = heads, groups, width // heads
        self.q = nn.Linear(width, width, bias=False)
        self.k = nn.Linear(width, groups * self.size, bias=False)
        self.v = nn.Linear(width, groups * self.size, bias=False)
        self.o = nn.Linear(width, width, bias=False)
        self.gate = nn.Linear(width, 3 * width, bias=False)
        self.up = nn.Linear(width, 3 * width, bias=False)
        self.down = nn.Linear(3 * width, width, bias=False)
        self.before, self.after = Norm(width), Norm(width)

    def split(self, x, count):
        return x.reshape(x.shape[0], x.shape[1], count, self.size).transpose(1, 2)

    @staticmethod
    def rotate(x, cos, sin):
        left, right = x.chunk(2, -1)
        return x * cos + torch.cat([-right, left], -1) * sin

    def forward(self, x, cos, sin, mask, keys, values):
        h = self.before(x)
        q = self.rotate(self.split(self.q(h), self.heads), cos, sin)
        k = self.rotate(self.split(self.k(h), self.groups), cos, sin)
        keys = torch.cat([keys, k], 2)
        values = torch.cat([values, self.split(self.v(h), self.groups)], 2)
        shared = self.heads // self.groups
        wide_keys = keys.repeat_interleave(shared, 1)
        wide_values = values.repeat_interleave(shared, 1)
        scores = q @ wide_keys.transpose(-1, -2) / math.sqrt(self.size) + mask
        mixed = torch.softmax(scores, -1) @ wide_values
        x = x + self.o(mixed.transpose(1, 2).reshape(x.shape))
        h = self.after(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h)), keys, values


class Decoder(nn.Module):
    """Logits of the next tokens and the longer cache, from tokens and the cache of earlier ones."""

    def __init__(self, vocabulary=200, width=64, heads=4, groups=2):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.layers = nn.ModuleList(DecoderLayer(width, heads, groups) for _ in range(2))
        self.norm, self.head = Norm(width), nn.Linear(width, vocabulary, bias=False)
        size = width // heads
        self.register_buffer("rates", 10000.0 ** (-torch.arange(0, size, 2).float() / size))

    def forward(self, tokens, keys0, values0, keys1, values1):
        length, past = tokens.shape[1], keys0.shape[2]
        positions = torch.arange(past, past + length)
        angles = positions[:, None] * self.rates[None]
        angles = torch.cat([angles, angles], -1)
        cos, sin = angles.cos(), angles.sin()
        later = torch.arange(past + length)[None] > positions[:, None]
        mask = torch.zeros(length, past + length).masked_fill(later, -10000.0)
        x = self.embed(tokens)
        x, keys0, values0 = self.layers[0](x, cos, sin, mask, keys0, values0)
        x, keys1, values1 = self.layers[1](x, cos, sin, mask, keys1, values1)
        return self.head(self.norm(x)), keys0, values0, keys1, values1


class ViT(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.patch = nn.Conv2d(3, width, 8, 8)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.position = nn.Parameter(torch.randn(1, 17, width))
        self.blocks = nn.Sequential(Block(width, 4), Block(width, 4))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 10)

    def forward(self, image):
        patches = self.patch(image).flatten(2).transpose(1, 2)
        token = self.token.expand(image.shape[0], -1, -1)
        x = self.blocks(torch.cat([token, patches], 1) + self.position)
        return self.head(self.norm(x)[:, 0])


class ConvNeXtBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.scale = nn.Parameter(torch.rand(width))

    def forward(self, x):
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.scale * self.down(F.gelu(self.up(y)))
        return x + y.permute(0, 3, 1, 2)


class UNet(nn.Module):
    """The noise in a picture at a time step, as diffusion models predict it."""

    def __init__(self, width=32):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2 * width))
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.down = nn.Conv2d(width, 2 * width, 3, 2, 1)
        self.norm = nn.GroupNorm(8, 2 * width)
        self.attention = Attention(2 * width, 4)
        self.up = nn.Conv2d(2 * width, width, 3, padding=1)
        self.join = nn.Sequential(
            nn.GroupNorm(8, 2 * width), nn.SiLU(), nn.Conv2d(2 * width, 3, 3, padding=1))

    def forward(self, image, step):
        rates = torch.exp(-math.log(10000.0) * torch.arange(16).float() / 16)
        angles = step[:, None].float() * rates[None]
        time = self.time(torch.cat([angles.cos(), angles.sin()], -1))
        shallow = self.first(image)
        deep = F.silu(self.norm(self.down(shallow) + time[:, :, None, None]))
        batch, channels, height, width = deep.shape
        mixed = self.attention(deep.flatten(2).transpose(1, 2)).transpose(1, 2)
        deep = deep + mixed.reshape(batch, channels, height, width)
        wide = self.up(F.interpolate(deep, scale_factor=2.0, mode="nearest"))
        return self.join(torch.cat([shallow, wide], 1))


class WhisperEncoder(nn.Module):
    def __init__(self, width=64, heads=4, blocks=2, bands=40, frames=50):
        super().__init__()
        self.first = nn.Conv1d(bands, width, 3, padding=1)
        self.second = nn.Conv1d(width, width, 3, 2, 1)
        self.register_buffer("position", torch.randn(frames, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width)

    def forward(self, mel):
        x = F.gelu(self.second(F.gelu(self.first(mel)))).transpose(1, 2)
        return self.norm(self.blocks(x + self.position[:x.shape[1]]))


class CRNN(nn.Module):
    """Characters along a line of text, from convolutions and a bidirectional LSTM."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.MaxPool2d((2, 1)), nn.Conv2d(32, 48, (8, 1)), nn.ReLU())
        self.lstm = nn.LSTM(48, 32, bidirectional=True)
        self.head = nn.Linear(64, 37)

    def forward(self, image):
        x = self.body(image).squeeze(2).permute(2, 0, 1)
        return F.log_softmax(self.head(self.lstm(x)[0]), -1)


@torch.jit.script
def scripted_scan(decay: torch.Tensor, drive: torch.Tensor, read: torch.Tensor) -> torch.Tensor:
    state = torch.zeros_like(decay[:, 0])
    results = []
    for step in range(decay.shape[1]):
        state = decay[:, step] * state + drive[:, step]
        results.append((state * read[:, step, None]).sum(-1))
    return torch.stack(results, 1)


def while_scan(decay, drive, read):
    def unfinished(step, state, results):
        return step < decay.shape[1]

    def body(step, state, results):
        state = decay.select(1, step.item()) * state + drive.select(1, step.item())
        row = (state * read.select(1, step.item())[:, None]).sum(-1)
        return step + 1, state, torch.cat([results[:, 1:], row[:, None]], 1)

    results = torch.zeros_like(decay[..., 0])
    start = (torch.tensor(0), torch.zeros_like(decay[:, 0]), results)
    return torch._higher_order_ops.while_loop(unfinished, body, start)[2]


class SelectiveScan(nn.Module):
    """A state space layer whose decay depends on its input, with the loop over time kept."""

    def __init__(self, width=16, states=8):
        super().__init__()
        self.rates = nn.Parameter(torch.rand(width, states))
        self.step, self.keys = nn.Linear(width, width), nn.Linear(width, 2 * states)
        self.out = nn.Linear(width, width)
        self.scan = scripted_scan

    def forward(self, x):
        size = F.softplus(self.step(x))[..., None]
        write, read = self.keys(x).chunk(2, -1)
        decay = torch.exp(-size * self.rates)
        return self.out(self.scan(decay, size * write[:, :, None] * x[..., None], read))


def mobilenet():
    swish, gate = nn.Hardswish, nn.Hardsigmoid
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), swish(),
        Inverted(16, 32, 24, 3, 2, nn.ReLU, gate), Inverted(24, 72, 24, 5, 1, swish, gate),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 64), swish(), nn.Linear(64, 10))


def efficientnet():
    swish, gate = nn.SiLU, nn.Sigmoid
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), swish(),
        Inverted(16, 64, 24, 3, 2, swish, gate), Inverted(24, 96, 24, 5, 1, swish, gate),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 10))


def convnext(width=32):
    return nn.Sequential(
        nn.Conv2d(3, width, 4, 4), ConvNeXtBlock(width), ConvNeXtBlock(width),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(width), nn.Linear(width, 10))


def transformer_encoder():
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True, activation="gelu")
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


def cache():
    return torch.randn(1, 2, 5, 16)


ARCHITECTURES = {
    "decoder": lambda: (
        Decoder(), (torch.randint(200, (1, 3)), cache(), cache(), cache(), cache())),
    "vit": lambda: (ViT(), (torch.randn(1, 3, 32, 32),)),
    "convnext": lambda: (convnext(), (torch.randn(1, 3, 64, 64),)),
    "unet": lambda: (UNet(), (torch.randn(1, 3, 32, 32), torch.tensor([37]))),
    "mobilenetv3": lambda: (mobilenet(), (torch.randn(1, 3, 64, 64),)),
    "efficientnet": lambda: (efficientnet(), (torch.randn(1, 3, 64, 64),)),
    "whisper_encoder": lambda: (WhisperEncoder(), (torch.randn(1, 40, 100),)),
    "crnn": lambda: (CRNN(), (torch.rand(1, 1, 32, 100),)),
    "selective_scan": lambda: (SelectiveScan(), (torch.randn(1, 12, 16),)),
    "bert": lambda: (Bert(), (
        torch.randint(200, (1, 9)), torch.ones(1, 9, dtype=torch.int64),
        torch.zeros(1, 9, dtype=torch.int64))),
    "transformer_encoder": lambda: (transformer_encoder(), (torch.randn(1, 9, 64),)),
}
