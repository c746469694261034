"""Trains LeNet-5 on MNIST and writes it as ONNX, with sample digits and reference outputs.

    python tools/models/train_lenet5.py --data MNIST_DIR --output models/

MNIST_DIR holds the four IDX files of MNIST, gzipped, under their usual names.
"""

import argparse
import gzip
import math
import struct
import time
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from onnx_files import export, write_tensors

SEED = 1
EPOCHS = 12
BATCH = 64
PEAK_RATE = 3e-3
SHIFT = 2


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, image):
        x = functional.avg_pool2d(torch.tanh(self.conv1(image)), 2)
        x = functional.avg_pool2d(torch.tanh(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        x = torch.tanh(self.fc1(x))
        x = torch.tanh(self.fc2(x))
        return self.fc3(x)


def read_idx(path):
    with gzip.open(path) as file:
        rank = struct.unpack(">HBB", file.read(4))[2]
        shape = struct.unpack(f">{rank}I", file.read(4 * rank))
        return np.frombuffer(file.read(), np.uint8).reshape(shape)


def read_digits(folder, split):
    images = read_idx(folder / f"{split}-images-idx3-ubyte.gz")
    labels = read_idx(folder / f"{split}-labels-idx1-ubyte.gz")
    return as_input(images), torch.tensor(labels, dtype=torch.int64)


def as_input(images):
    return torch.tensor(images, dtype=torch.float32).div(255).unsqueeze(1)


def shifted(images):
    """The batch moved as one by up to SHIFT pixels each way."""
    down, right = torch.randint(-SHIFT, SHIFT + 1, (2,)).tolist()
    return functional.pad(images, (right, -right, down, -down))


def train(model, images, labels):
    optimizer = torch.optim.Adam(model.parameters())
    steps = EPOCHS * math.ceil(len(images) / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, steps)
    for epoch in range(EPOCHS):
        start, total = time.time(), 0.0
        model.train()
        for chosen in torch.randperm(len(images)).split(BATCH):
            loss = functional.cross_entropy(model(shifted(images[chosen])), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(chosen)
        print(f"epoch {epoch + 1}: mean loss {total / len(images):.4f}, "
              f"{time.time() - start:.0f} s", flush=True)


def write_digits(folder, images, labels, read):
    """Writes the first test digit of each class that is read as such; returns the batch as
    decoded from the files."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = []
    for digit in range(10):
        first = int(((labels == digit) & (read == digit)).nonzero()[0])
        path = folder / f"{digit}.png"
        Image.fromarray(images[first]).save(path)
        pixels.append(np.asarray(Image.open(path)))
    return as_input(np.stack(pixels))


def card(parameters, correct, total, difference):
    return f"""# LeNet-5

Reads one handwritten digit. The network of LeCun, Bottou, Bengio and Haffner, "Gradient-based
learning applied to document recognition" (1998), with full connections in the second
convolution and a plain linear last layer; tanh and average pooling as there.

- File: `lenet5.onnx`, opset 17, {parameters:,} parameters.
- Input: `image`, float32 [N, 1, 28, 28]; a white digit on black, pixels 0 to 1 (grey value / 255).
  The padding to 32x32 is part of the graph.
- Output: `logits`, float32 [N, 10]; the largest one is the digit read.
- Test digits read correctly: {correct:,} of {total:,} ({correct / total:.2%}), counted with
  onnxruntime on the exported file.
- Largest difference between onnxruntime and PyTorch over these digits: {difference:.1e}.

Made by `tools/models/train_lenet5.py` (PyTorch {torch.__version__}, {EPOCHS} epochs over the
60,000 training digits, seed {SEED}, random shifts by up to {SHIFT} pixels):

    python tools/models/train_lenet5.py --data MNIST_DIR --output models/

The same command writes

- `digits/0.png` … `digits/9.png`: the first test digit of each class that it reads correctly;
- `lenet5.references/input_0.pb`: these ten as a batch, and `output_0.pb`: the logits that
  PyTorch computes for them.

Data: the MNIST database of handwritten digits by Yann LeCun, Corinna Cortes and Christopher
Burges, derived from NIST Special Databases 1 and 3, available under the terms of the
Creative Commons Attribution-Share Alike 3.0 licence. The copy trained on has training images in
which 0.05 % of the pixels may be one grey level off; its test images are the original ones.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)

    model = LeNet5()
    train(model, *read_digits(options.data, "train"))
    model.eval()

    path = options.output / "lenet5.onnx"
    options.output.mkdir(parents=True, exist_ok=True)
    export(model, (torch.zeros(1, 1, 28, 28),), path, ["image"], ["logits"],
           {"image": {0: "N"}, "logits": {0: "N"}})

    images, labels = read_digits(options.data, "t10k")
    session = onnxruntime.InferenceSession(path)
    logits = torch.tensor(session.run(None, {"image": images.numpy()})[0])
    correct = int((logits.argmax(1) == labels).sum())
    with torch.no_grad():
        difference = float((model(images) - logits).abs().max())
    print(f"test: {correct} of {len(labels)} correct, largest difference {difference:.1e}")

    originals = read_idx(options.data / "t10k-images-idx3-ubyte.gz")
    samples = write_digits(options.output / "digits", originals, labels, logits.argmax(1))
    references = options.output / "lenet5.references"
    with torch.no_grad():
        write_tensors(references, "input", [("image", samples)])
        write_tensors(references, "output", [("logits", model(samples))])
    parameters = sum(parameter.numel() for parameter in model.parameters())
    (options.output / "lenet5.md").write_text(card(parameters, correct, len(labels), difference))


if __name__ == "__main__":
    main()
