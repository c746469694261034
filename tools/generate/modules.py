"""Compact PyTorch definitions of known architectures, narrow enough for small files."""

import torch
from torch import nn
from torch.nn import functional


class LeNet5(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2),
            nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
            nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten(),
            nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10))


class AlexNet(nn.Sequential):
    """Takes images of 95 x 95 pixels; the last feature map is 2 x 2."""

    def __init__(self, width=8, classes=20):
        w = width
        super().__init__(
            nn.Conv2d(3, w, 11, stride=4, padding=2), nn.ReLU(),
            nn.LocalResponseNorm(5, 1e-4, 0.75, 2.0), nn.MaxPool2d(3, 2),
            nn.Conv2d(w, 3 * w, 5, padding=2, groups=2), nn.ReLU(),
            nn.LocalResponseNorm(5, 1e-4, 0.75, 2.0), nn.MaxPool2d(3, 2),
            nn.Conv2d(3 * w, 6 * w, 3, padding=1), nn.ReLU(),
            nn.Conv2d(6 * w, 4 * w, 3, padding=1, groups=2), nn.ReLU(),
            nn.Conv2d(4 * w, 4 * w, 3, padding=1, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Flatten(),
            nn.Dropout(), nn.Linear(4 * 4 * w, 32 * w), nn.ReLU(),
            nn.Dropout(), nn.Linear(32 * w, 32 * w), nn.ReLU(),
            nn.Linear(32 * w, classes))


class VGG(nn.Sequential):
    """Takes 64 x 64 images; `convolutions` are the counts before each of the five poolings."""

    def __init__(self, convolutions, width=8, classes=20):
        layers, channels = [], 3
        for count, factor in zip(convolutions, [1, 2, 4, 8, 8]):
            for _ in range(count):
                layers += [nn.Conv2d(channels, factor * width, 3, padding=1), nn.ReLU()]
                channels = factor * width
            layers.append(nn.MaxPool2d(2))
        hidden = 16 * width
        layers += [nn.Flatten(),
                   nn.Linear(4 * channels, hidden), nn.ReLU(), nn.Dropout(),
                   nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(),
                   nn.Linear(hidden, classes)]
        super().__init__(*layers)


def conv_bn_relu(channels_in, channels_out, kernel, **options):
    return nn.Sequential(nn.Conv2d(channels_in, channels_out, kernel, bias=False, **options),
                         nn.BatchNorm2d(channels_out, eps=0.001), nn.ReLU())


class Inception(nn.Module):
    def __init__(self, channels, direct, reduce3, conv3, reduce5, conv5, pooled):
        super().__init__()
        self.branches = nn.ModuleList([
            conv_bn_relu(channels, direct, 1),
            nn.Sequential(conv_bn_relu(channels, reduce3, 1),
                          conv_bn_relu(reduce3, conv3, 3, padding=1)),
            nn.Sequential(conv_bn_relu(channels, reduce5, 1),
                          conv_bn_relu(reduce5, conv5, 5, padding=2)),
            nn.Sequential(nn.MaxPool2d(3, 1, padding=1, ceil_mode=True),
                          conv_bn_relu(channels, pooled, 1))])

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


class GoogLeNet(nn.Sequential):
    """Each channel count is a quarter of the original."""

    def __init__(self, classes=20):
        def pool():
            return nn.MaxPool2d(3, 2, ceil_mode=True)

        super().__init__(
            conv_bn_relu(3, 16, 7, stride=2, padding=3), pool(),
            conv_bn_relu(16, 16, 1), conv_bn_relu(16, 48, 3, padding=1), pool(),
            Inception(48, 16, 24, 32, 4, 8, 8),
            Inception(64, 32, 32, 48, 8, 24, 16), pool(),
            Inception(120, 48, 24, 52, 4, 12, 16),
            Inception(128, 40, 28, 56, 6, 16, 16),
            Inception(128, 32, 32, 64, 6, 16, 16),
            Inception(128, 28, 36, 72, 8, 16, 16),
            Inception(132, 64, 40, 80, 8, 32, 32), pool(),
            Inception(208, 64, 40, 80, 8, 32, 32),
            Inception(208, 96, 48, 96, 12, 32, 32),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(256, classes))


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, channels, width, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))
        self.shortcut = shortcut(channels, width, stride)

    def forward(self, x):
        return functional.relu(self.residual(x) + self.shortcut(x))


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, channels, width, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width))
        self.shortcut = shortcut(channels, 4 * width, stride)

    def forward(self, x):
        return functional.relu(self.residual(x) + self.shortcut(x))


def shortcut(channels_in, channels_out, stride):
    if channels_in == channels_out and stride == 1:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(channels_in, channels_out, 1, stride, bias=False),
                         nn.BatchNorm2d(channels_out))


class ResNet(nn.Sequential):
    def __init__(self, block, blocks, width=8, classes=20):
        layers = [nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
                  nn.MaxPool2d(3, 2, 1)]
        channels = width
        for stage, count in enumerate(blocks):
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 else 1
                layers.append(block(channels, width << stage, stride))
                channels = (width << stage) * block.expansion
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]
        super().__init__(*layers)


class TextCNN(nn.Module):
    def __init__(self, vocabulary, width=48, filters=32, classes=2):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.convolutions = nn.ModuleList(nn.Conv1d(width, filters, size) for size in (3, 4, 5))
        self.dropout = nn.Dropout()
        self.output = nn.Linear(3 * filters, classes)

    def forward(self, tokens):
        x = self.embedding(tokens).transpose(1, 2)
        features = [functional.relu(convolution(x)).amax(2) for convolution in self.convolutions]
        return self.output(self.dropout(torch.cat(features, 1)))


class CharRNN(nn.Module):
    """Batch-first, one-hot characters, one tanh layer."""

    def __init__(self, vocabulary, width=64):
        super().__init__()
        self.vocabulary = vocabulary
        self.recurrent = nn.RNN(vocabulary, width, batch_first=True)
        self.output = nn.Linear(width, vocabulary)

    def forward(self, tokens, h):
        x = functional.one_hot(tokens, self.vocabulary).to(h.dtype)
        x, h = self.recurrent(x, h)
        return self.output(x), h


class CharLSTM(nn.Module):
    """Batch-first, embedded characters, two layers."""

    def __init__(self, vocabulary, width=64):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width // 2)
        self.recurrent = nn.LSTM(width // 2, width, 2, batch_first=True)
        self.output = nn.Linear(width, vocabulary)

    def forward(self, tokens, h, c):
        x, (h, c) = self.recurrent(self.embedding(tokens), (h, c))
        return self.output(x), h, c


class CharGRU(nn.Module):
    """Time-first, embedded characters, one layer."""

    def __init__(self, vocabulary, width=64):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width // 2)
        self.recurrent = nn.GRU(width // 2, width)
        self.output = nn.Linear(width, vocabulary)

    def forward(self, tokens, h):
        x, h = self.recurrent(self.embedding(tokens), h)
        return self.output(x), h


class BidirectionalLSTM(nn.Module):
    """Labels every step; the graph itself makes its zero initial states."""

    def __init__(self, features=24, width=32, classes=12):
        super().__init__()
        self.recurrent = nn.LSTM(features, width, 2, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * width, classes)

    def forward(self, features):
        return self.output(self.recurrent(features)[0])


class EncoderDecoder(nn.Module):
    """Translates greedily for a fixed number of steps, with attention over the source."""

    def __init__(self, vocabulary, width=48, steps=6):
        super().__init__()
        self.steps = steps
        self.source = nn.Embedding(vocabulary, width)
        self.target = nn.Embedding(vocabulary, width)
        self.encoder = nn.GRU(width, width, batch_first=True)
        self.decoder = nn.GRUCell(2 * width, width)
        self.output = nn.Linear(2 * width, vocabulary)

    def forward(self, tokens):
        encoded, h = self.encoder(self.source(tokens))
        h, token, logits = h[0], tokens[:, 0], []
        for _ in range(self.steps):
            weights = torch.softmax(torch.bmm(encoded, h.unsqueeze(2)), 1)
            context = (weights * encoded).sum(1)
            h = self.decoder(torch.cat([self.target(token), context], 1), h)
            logits.append(self.output(torch.cat([h, context], 1)))
            token = logits[-1].argmax(1)
        return torch.stack(logits, 1)


class Captioner(nn.Module):
    """A CNN and an LSTM that reads the CNN's features, then the caption so far."""

    def __init__(self, vocabulary, width=48):
        super().__init__()
        self.image = nn.Sequential(
            conv_bn_relu(3, 8, 3, stride=2, padding=1),
            conv_bn_relu(8, 16, 3, stride=2, padding=1),
            conv_bn_relu(16, 32, 3, stride=2, padding=1),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, width))
        self.embedding = nn.Embedding(vocabulary, width)
        self.recurrent = nn.LSTM(width, width, batch_first=True)
        self.output = nn.Linear(width, vocabulary)

    def forward(self, image, tokens):
        x = torch.cat([self.image(image).unsqueeze(1), self.embedding(tokens)], 1)
        return self.output(self.recurrent(x)[0])


class TransformerBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.attention_output = nn.Linear(width, width)
        self.feed_forward = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 4 * width),
                                          nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        batch, length, width = x.shape
        parts = self.query_key_value(self.attention_norm(x))
        parts = parts.view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        scores = torch.matmul(query, key.transpose(2, 3)) * (width // self.heads) ** -0.5
        x = x + self.attention_output(
            torch.matmul(torch.softmax(scores, 3), value).transpose(1, 2).flatten(2))
        return x + self.feed_forward(x)


class Transformer(nn.Module):
    def __init__(self, vocabulary, width=48, heads=4, layers=2, longest=64, classes=5):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.positions = nn.Parameter(torch.zeros(longest, width))
        self.blocks = nn.Sequential(*(TransformerBlock(width, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, classes)

    def forward(self, tokens):
        x = self.embedding(tokens) + self.positions[:tokens.shape[1]]
        return self.output(self.norm(self.blocks(x)).mean(1))


def randomize(model):
    """Gives the module weights as large as a trained network's and non-default statistics."""
    for module in model.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.1)
        elif isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
            nn.init.uniform_(module.weight, 0.5, 1.3)
            nn.init.normal_(module.bias, std=0.2)
        elif isinstance(module, Transformer):
            nn.init.normal_(module.positions)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model.eval().requires_grad_(False)
