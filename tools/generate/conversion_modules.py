"""PyTorch modules whose checkpoints `conversion_files.py` and `convert_weights.py` use."""

import torch
from torch import nn
from torch.nn import functional


class Recurrent(nn.Module):
    """An embedding of tokens, two bidirectional recurrent layers, a linear layer."""

    def __init__(self, kind, **options):
        super().__init__()
        self.embedding = nn.Embedding(11, 6)
        self.rnn = getattr(nn, kind)(6, 5, num_layers=2, bidirectional=True, batch_first=True,
                                     **options)
        self.fc = nn.Linear(10, 3)

    def forward(self, tokens):
        return self.fc(self.rnn(self.embedding(tokens))[0])


class LeNetBatchNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 6, 5, padding=2), nn.BatchNorm2d(6)
        self.conv2, self.bn2 = nn.Conv2d(6, 16, 5), nn.BatchNorm2d(16)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 2)
        x = functional.max_pool2d(functional.relu(self.bn2(self.conv2(x))), 2)
        x = functional.relu(self.fc1(x.flatten(1)))
        return self.fc3(functional.relu(self.fc2(x)))


class Block(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.downsample = None
        if stride != 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x):
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, 1, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU())
        self.layer1 = nn.Sequential(Block(4, 4, 1), Block(4, 4, 1))
        self.layer2 = nn.Sequential(Block(4, 8, 2))
        self.fc = nn.Linear(8, 10)

    def forward(self, x):
        return self.fc(self.layer2(self.layer1(self.stem(x))).mean((2, 3)))


class Attention(nn.Module):
    """A transformer layer, group normalization, and a PReLU."""

    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.tail = nn.Sequential(nn.GroupNorm(1, 5), nn.PReLU(5))
        self.upward = nn.ConvTranspose1d(5, 4, 3)
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x):
        return self.norm(self.upward(self.tail(self.layer(x))))


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = functional.avg_pool2d(torch.tanh(self.conv1(x)), 2)
        x = functional.avg_pool2d(torch.tanh(self.conv2(x)), 2)
        return self.fc3(torch.tanh(self.fc2(torch.tanh(self.fc1(x.flatten(1))))))


class Perceptron(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 20), nn.ReLU(),
                         nn.Linear(20, 4))


class SmallResNet(nn.Module):
    """The architecture resnet-small."""

    def __init__(self):
        super().__init__()
        self.stem, self.bn = nn.Conv2d(3, 4, 3, 1, 1, bias=False), nn.BatchNorm2d(4)
        self.blocks = nn.ModuleList([Block(4, 4, 1), Block(4, 8, 2)])
        self.head = nn.Linear(8, 10)

    def forward(self, x):
        x = functional.relu(self.bn(self.stem(x)))
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean((2, 3)))


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 5))
        self.decoder = nn.Sequential(nn.Linear(5, 20), nn.ReLU(), nn.Linear(20, 64), nn.Sigmoid())

    def forward(self, x):
        code = self.encoder(x)
        return self.decoder(code).reshape(x.shape), code


class Language(nn.Module):
    """A language model. An embedding size of 0 means one-hot inputs."""

    def __init__(self, kind, embedding, hidden=8, vocabulary=13):
        super().__init__()
        self.vocabulary = vocabulary
        self.embed = nn.Embedding(vocabulary, embedding) if embedding else None
        self.rnn = getattr(nn, kind)(embedding or vocabulary, hidden, num_layers=2,
                                     batch_first=True)
        # Square if hidden == vocabulary: then the shape does not determine the orientation.
        self.decoder = nn.Linear(hidden, vocabulary)

    def forward(self, tokens, *states):
        x = self.embed(tokens) if self.embed else functional.one_hot(
            tokens, self.vocabulary).float()
        states = states[0] if len(states) == 1 else states
        x, states = self.rnn(x, states)
        return (self.decoder(x), *(states if isinstance(states, tuple) else (states,)))


class TextCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 6, padding_idx=0)
        self.convs = nn.ModuleList([nn.Conv1d(6, 7, w, padding=w) for w in (3, 4, 5)])
        self.fc = nn.Linear(21, 2)

    def forward(self, tokens):
        x = self.embedding(tokens).transpose(1, 2)
        return self.fc(torch.cat([functional.relu(c(x)).amax(2) for c in self.convs], 1))


class Sentence(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 6, padding_idx=0)
        self.lstm = nn.LSTM(6, 5, bidirectional=True, batch_first=True)
        self.fc = nn.Linear(10, 2)

    def forward(self, tokens, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(
            self.embedding(tokens), lengths.cpu().long(), batch_first=True, enforce_sorted=False)
        outputs, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.fc(outputs.sum(1) / lengths[:, None])


class Last(nn.Module):
    """A recurrent layer that returns its last output."""

    def __init__(self, kind, inputs, outputs, layers=1):
        super().__init__()
        self.rnn = getattr(nn, kind)(inputs, 8, num_layers=layers, batch_first=True)
        self.fc = nn.Linear(8, outputs)

    def forward(self, x, lengths=None):
        return self.fc(self.rnn(x)[0][:, -1])


def all_types():
    """Tensors of every element type, with unusual shapes, strides and storages."""
    torch.manual_seed(0)
    base = torch.randn(6, 5)
    state = {
        "plain": base, "transposed": base.t(), "expanded": torch.randn(3, 1).expand(3, 4),
        "strided": base[::2, 1:4], "scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3),
        "shared.a": base[1], "shared.b": base[1:3], "ünïcode": torch.arange(3),
        "parameter": torch.nn.Parameter(torch.randn(2, 3)),
    }
    for dtype in [torch.float64, torch.float16, torch.bfloat16, torch.complex64]:
        state[f"types.{dtype}".replace("torch.", "")] = torch.randn(3, 4).to(dtype)
    for dtype in [torch.int8, torch.uint8, torch.int16, torch.uint16, torch.int32, torch.uint32,
                  torch.int64, torch.uint64, torch.bool]:
        state[f"types.{dtype}".replace("torch.", "")] = torch.arange(-3, 9).to(dtype)
    for dtype in [torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz,
                  torch.float8_e5m2fnuz]:
        state[f"types.{dtype}".replace("torch.", "")] = torch.randn(5).to(dtype)
    return state


def randomized(module, seed):
    """The module with random weights and normalization statistics that depend on the seed."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.randn(value.shape, generator=generator) * 0.5)
                if name.endswith("running_var"):
                    value.abs_().add_(0.1)
        for part in module.modules():
            if isinstance(part, torch.nn.Embedding) and part.padding_idx is not None:
                part.weight[part.padding_idx] = 0
    return module.eval()
