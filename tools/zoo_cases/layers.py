"""Layers that several of the exported architectures share."""

import math

import torch
from torch import nn
from torch.nn import functional as F


class Norm(nn.Module):
    """Root mean square normalisation, as decoders of language models have it."""

    def __init__(self, width):
        super().__init__()
        self.gain = nn.Parameter(torch.rand(width) + 0.5)

    def forward(self, x):
        return self.gain * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


class Attention(nn.Module):
    """Self-attention of `heads` heads over `[batch, length, width]`."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        batch, length, width = x.shape
        qkv = self.qkv(x).reshape(batch, length, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.out(mixed.transpose(1, 2).reshape(batch, length, width))


class Block(nn.Module):
    """A Transformer block with the normalisation first."""

    def __init__(self, width, heads):
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.attention = Attention(width, heads)
        self.mix = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        x = x + self.attention(self.norms[0](x))
        return x + self.mix(self.norms[1](x))


class Squeeze(nn.Module):
    """Squeeze and excitation: a gate for each channel from the mean of the picture."""

    def __init__(self, channels, inner, activation, gate):
        super().__init__()
        self.down = nn.Conv2d(channels, inner, 1)
        self.up = nn.Conv2d(inner, channels, 1)
        self.activation, self.gate = activation, gate

    def forward(self, x):
        mean = F.adaptive_avg_pool2d(x, 1)
        return x * self.gate(self.up(self.activation(self.down(mean))))


class Inverted(nn.Module):
    """The inverted residual block of MobileNetV3 and EfficientNet; without a gate if that is None."""

    def __init__(self, inputs, inner, outputs, kernel, stride, activation, gate):
        super().__init__()
        self.residual = stride == 1 and inputs == outputs
        wider = [nn.Conv2d(inputs, inner, 1, bias=False), nn.BatchNorm2d(inner), activation()]
        gates = [Squeeze(inner, max(inner // 4, 8), nn.ReLU(), gate())] if gate else []
        self.body = nn.Sequential(
            *(wider if inner != inputs else []),
            nn.Conv2d(inner, inner, kernel, stride, kernel // 2, groups=inner, bias=False),
            nn.BatchNorm2d(inner), activation(),
            *gates, nn.Conv2d(inner, outputs, 1, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.body(x)
        return x + y if self.residual else y


class BertLayer(nn.Module):
    """A layer of BERT, written as in Hugging Face's library, whose nodes onnxruntime fuses."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])

    def split(self, x):
        return x.view(x.shape[0], x.shape[1], self.heads, self.size).permute(0, 2, 1, 3)

    def forward(self, x, mask):
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(self.size) + mask
        mixed = torch.matmul(torch.softmax(scores, -1), v).permute(0, 2, 1, 3).contiguous()
        mixed = mixed.view(x.shape[0], x.shape[1], self.heads * self.size)
        x = self.norms[0](self.out(mixed) + x)
        return self.norms[1](self.down(F.gelu(self.up(x))) + x)


class Bert(nn.Module):
    """BERT's encoder: tokens, a mask and segments to `[batch, length, width]`."""

    def __init__(self, width=64, heads=4, layers=2, words=200, places=64):
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(places, width)
        self.segments = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width)
        self.layers = nn.ModuleList(BertLayer(width, heads) for _ in range(layers))
        self.register_buffer("positions", torch.arange(places)[None])

    def forward(self, input_ids, attention_mask, token_type_ids):
        places = self.places(self.positions[:, :input_ids.shape[1]])
        x = self.norm(self.words(input_ids) + self.segments(token_type_ids) + places)
        mask = (1.0 - attention_mask[:, None, None].float()) * -10000.0
        for layer in self.layers:
            x = layer(x, mask)
        return x
