"""Fine-tunes a pretrained ResNet-18 on a folder of pictures in onnx-train and PyTorch.

    python tools/compare/fine_tuning.py [--tool .build/release] [--threads 1] [--prepare FOLDER]

The script draws shapes, trains ResNet-18 on six kinds of them in PyTorch, and saves the weights as
`resnet18.pt`. An export of the network with random weights is `resnet18.onnx`, and pictures of five
other kinds are the folder `pictures/`. One command of onnx-train binds the weights to the graph,
replaces the last layer and trains: the new layer alone, then all layers. PyTorch does the same with
Adam, the same one-cycle learning rate, batches, epochs and number of pictures, and keeps the epoch
with the best validation result, too. The accuracies are those on 500 further pictures.

With --prepare, only the weights, the graph and the pictures are written.

The bound: onnx-train's accuracy is at most 0.05 below PyTorch's.
"""

import argparse
import copy
import math
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnxruntime
import torch
from PIL import Image, ImageDraw
from torch import nn
from torch.nn import functional

sys.path.append(str(pathlib.Path(__file__).parents[1] / "generate"))
import export_models  # noqa: E402

SIZE, BATCH, EPOCHS, RATE = 48, 32, 10, 1e-3
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def polygon(*radii):
    """The corners of a shape, at equal angles."""
    angles = [2 * math.pi * k / len(radii) for k in range(len(radii))]
    return [(r * math.sin(a), -r * math.cos(a)) for r, a in zip(radii, angles)]


OLD = {
    "bar": [(-1, -.2), (1, -.2), (1, .2), (-1, .2)],
    "circle": polygon(*[1] * 40),
    "cross": polygon(*[1, .3] * 4),
    "square": polygon(1, 1, 1, 1),
    "star": polygon(*[1, .4] * 5),
    "triangle": polygon(1, 1, 1),
}
NEW = {
    "arrow": [(0, -1), (.7, 0), (.25, 0), (.25, 1), (-.25, 1), (-.25, 0), (-.7, 0)],
    "half": polygon(*[1] * 40)[:20],
    "hexagon": polygon(*[1] * 6),
    "l": [(-.6, -1), (-.1, -1), (-.1, .5), (.6, .5), (.6, 1), (-.6, 1)],
    "t": [(-.8, -1), (.8, -1), (.8, -.5), (.25, -.5), (.25, 1), (-.25, 1), (-.25, -.5), (-.8, -.5)],
}


def draw(corners, rng):
    """A picture of a slightly turned shape in random colours, with noise."""
    turn, radius = rng.uniform(-0.4, 0.4), rng.uniform(13, 20)
    x, y = rng.uniform(radius, SIZE - radius, 2)
    place = [(x + radius * (a * math.cos(turn) - b * math.sin(turn)),
              y + radius * (a * math.sin(turn) + b * math.cos(turn))) for a, b in corners]
    back, front = rng.integers(0, 256, (2, 3))
    while abs(back - front).sum() < 150:
        front = rng.integers(0, 256, 3)
    picture = Image.new("RGB", (SIZE, SIZE), tuple(map(int, back)))
    ImageDraw.Draw(picture).polygon(place, fill=tuple(map(int, front)))
    noise = rng.normal(0, 12, (SIZE, SIZE, 3))
    return np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8)


def pictures(shapes, count, seed):
    """[N, H, W, 3] and labels, `count` pictures of each shape."""
    rng = np.random.default_rng(seed)
    x = [draw(corners, rng) for corners in shapes.values() for _ in range(count)]
    return np.stack(x), np.repeat(np.arange(len(shapes)), count)


def tensor(x):
    x = torch.from_numpy(x).permute(0, 3, 1, 2) / 255
    return (x - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None]


class BasicBlock(nn.Module):
    def __init__(self, before, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = None if stride == 1 else nn.Sequential(
            nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    """The network of torchvision, with its names."""

    def __init__(self, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        for number, width in enumerate((64, 128, 256, 512), 1):
            stride = 1 if number == 1 else 2
            setattr(self, f"layer{number}", nn.Sequential(
                BasicBlock(width // stride, width, stride), BasicBlock(width, width, 1)))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512, classes)

    def forward(self, x):
        x = self.maxpool(functional.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


@torch.no_grad()
def accuracy(model, x, y):
    model.eval()
    return (torch.cat([model(part).argmax(1) for part in x.split(100)]) == y).double().mean().item()


def fit(model, x, y, epochs, head_only=False, validation=None):
    """Trains by Adam; with validation data, keeps the best epoch."""
    parameters = model.fc.parameters() if head_only else model.parameters()
    optimizer = torch.optim.Adam(parameters)
    best, kept = -1, None
    for epoch in range(epochs):
        model.train(not head_only)
        order = torch.randperm(len(x)).split(BATCH)
        for index, rows in enumerate(order):
            optimizer.param_groups[0]["lr"] = one_cycle(RATE, (epoch + index / len(order)) / epochs)
            optimizer.zero_grad()
            functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
        if validation and (score := accuracy(model, *validation)) > best:
            best, kept = score, copy.deepcopy(model.state_dict())
    if kept:
        model.load_state_dict(kept)


def one_cycle(peak, share):
    start, end, part = (peak / 25, peak, share / 0.3) if share < 0.3 else (
        peak, peak / 250_000, (share - 0.3) / 0.7)
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2


def export(model, path):
    with export_models.silence():
        torch.onnx.export(
            model.eval(), (torch.zeros(2, 3, SIZE, SIZE),), path, dynamo=False, opset_version=17,
            do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE,
            input_names=["image"], output_names=["scores"],
            dynamic_axes={"image": {0: "N"}, "scores": {0: "N"}})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", type=pathlib.Path, default=pathlib.Path(".build/release"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--prepare", type=pathlib.Path, help="only write the files to this folder")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as name:
        folder = options.prepare or pathlib.Path(name)
        folder.mkdir(exist_ok=True)

        x, y = pictures(OLD, 120, 1)
        pretrained = ResNet18(len(OLD))
        fit(pretrained, tensor(x), torch.from_numpy(y), 8)
        x, y = pictures(OLD, 50, 2)
        print(f"pretrained on {len(OLD)} other shapes: "
              f"accuracy {accuracy(pretrained, tensor(x), torch.from_numpy(y)):.4f}", flush=True)
        torch.save(pretrained.state_dict(), folder / "resnet18.pt")
        export(ResNet18(len(OLD)), folder / "resnet18.onnx")

        x, y = pictures(NEW, 60, 3)
        for index, (picture, label) in enumerate(zip(x, y)):
            path = folder / "pictures" / list(NEW)[label]
            path.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path / f"{index:03}.png")
        if options.prepare:
            return
        # As many pictures are trained on as in onnx-train: a tenth is test data, and a tenth of the
        # others validation data.
        order = torch.randperm(len(x))[30:]
        aside, rows = order[:27], order[27:]
        x, y = tensor(x), torch.from_numpy(y)
        test = pictures(NEW, 100, 4)
        test_x, test_y = tensor(test[0]), torch.from_numpy(test[1])

        misses = 0
        print(f"{'trained':<12}{'onnx-train':>11}{'PyTorch':>9}{'seconds':>9}{'PyTorch':>9}")
        for kind in "head", "all layers":
            start = time.monotonic()
            result = subprocess.run(
                [options.tool / "onnx-train", "tune", folder / "resnet18.onnx",
                 "--weights", folder / "resnet18.pt", "--replace-head", str(len(NEW)),
                 *(["--head-only"] if kind == "head" else []), "--data", folder / "pictures",
                 "--validation-share", "0.1", "--batch", str(BATCH), "--epochs", str(EPOCHS),
                 "--mean", ",".join(map(str, MEAN)), "--std", ",".join(map(str, DEVIATION)),
                 "--threads", str(options.threads), "--output", folder / "tuned.onnx"],
                capture_output=True, text=True)
            if result.returncode:
                raise SystemExit(result.stderr.strip())
            middle = time.monotonic()
            scores = onnxruntime.InferenceSession(folder / "tuned.onnx").run(
                None, {"image": test_x.numpy()})[0]
            here = (scores.argmax(1) == test[1]).mean()

            model = copy.deepcopy(pretrained)
            model.fc = nn.Linear(512, len(NEW))
            begin = time.monotonic()
            fit(model, x[rows], y[rows], EPOCHS, kind == "head", (x[aside], y[aside]))
            end = time.monotonic()
            there = accuracy(model, test_x, test_y)
            print(f"{kind:<12}{here:>11.4f}{there:>9.4f}{middle - start:>9.1f}{end - begin:>9.1f}",
                  flush=True)
            misses += here < there - 0.05
    sys.exit(int(misses > 0))


if __name__ == "__main__":
    main()
