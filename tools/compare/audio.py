"""Compares the sound classifiers of `onnx-train new` with PyTorch, and their files with onnxruntime.

    python tools/compare/audio.py --tool .build/release [--only sound-cnn sound-gru] [--epochs 10]
        [--seeds 1 2 3] [--data FOLDER]

`onnx-train new … --samples` writes its sounds as .wav files; PyTorch trains with the same sounds,
front end, sizes, schedule and number of epochs. With --data, both train with a folder of .wav files of
one second and one sample rate that has a testing_list.txt. Initial weights and the order of examples
differ, so the accuracies agree as closely as those of two seeds. The last column is the largest
difference between the outputs of onnx-run and onnxruntime, as a fraction of the largest output.
"""

import argparse
import pathlib
import subprocess
import tempfile
import time
import wave

import numpy as np
import onnxruntime
import torch
from onnx.reference.ops.op_mel_weight_matrix import MelWeightMatrix
from torch import nn
from torch.nn import functional

import trained_models

BANDS = 40


def read(path):
    with wave.open(str(path)) as file:
        rate = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return rate, np.pad(samples, (0, max(0, rate - len(samples))))[:rate] / np.float32(32768)


def sounds(folder):
    """The sounds [N, T] and labels of both parts, and the sample rate."""
    classes = sorted(p.name for p in folder.iterdir() if p.is_dir() and p.name[0] not in "_.")
    tests = set((folder / "testing_list.txt").read_text().split())
    parts = {True: ([], []), False: ([], [])}
    for label, name in enumerate(classes):
        for path in sorted((folder / name).glob("*.wav")):
            rate, samples = read(path)
            x, y = parts[f"{name}/{path.name}" in tests]
            x.append(samples)
            y.append(label)
    return [(torch.from_numpy(np.stack(x).astype(np.float32)), torch.tensor(y))
            for x, y in (parts[False], parts[True])], rate, len(classes)


class Classifier(nn.Module):
    def __init__(self, rate, classes, recurrent):
        super().__init__()
        self.length = 16
        while self.length * 44 < rate:
            self.length *= 2
        self.register_buffer("weights", torch.from_numpy(MelWeightMatrix.eval(
            np.array(BANDS), np.array(self.length), np.array(rate), np.array(60.0),
            np.array(rate / 2))).float())
        self.norm = nn.BatchNorm1d(BANDS)
        self.gru = nn.GRU(BANDS, 96, batch_first=True) if recurrent else None
        layers, before = [], 1
        for index, filters in enumerate([16, 32, 64]):
            layers += [nn.Conv2d(before, filters, 3, padding=1, bias=False),
                       nn.BatchNorm2d(filters), nn.ReLU()]
            nn.init.kaiming_normal_(layers[-3].weight, nonlinearity="relu")
            layers += [nn.MaxPool2d(2)] if index < 2 else []
            before = filters
        self.net = None if recurrent else nn.Sequential(*layers)
        self.output = nn.Linear(96 if recurrent else 64, classes)

    def forward(self, audio):
        spectrum = torch.stft(
            audio, self.length, self.length // 2, window=torch.hann_window(self.length),
            center=False, return_complex=True).abs().square()
        mel = (spectrum.transpose(1, 2) @ self.weights + 1e-6).log().transpose(1, 2)
        mel = self.norm(mel)
        if self.gru is not None:
            return self.output(self.gru(mel.transpose(1, 2))[1][0])
        return self.output(self.net(mel[:, None]).mean((2, 3)))


def accuracy_there(parts, rate, classes, name, epochs, seed):
    torch.manual_seed(seed)
    (x, y), (test_x, test_y) = parts
    model = Classifier(rate, classes, name == "sound-gru")
    trained_models.fit(
        model, lambda _: torch.randperm(len(x)).split(32),
        lambda model, chosen, _: functional.cross_entropy(model(x[chosen]), y[chosen]),
        5e-3, epochs, clip=1 if name == "sound-gru" else None)
    model.eval()
    with torch.no_grad():
        return (model(test_x).argmax(1) == test_y).float().mean().item()


def run(*arguments):
    result = subprocess.run(list(map(str, arguments)), capture_output=True, text=True)
    if result.returncode != 0:
        raise SystemExit(f"{arguments}\n{result.stderr}")
    return result.stdout


def difference(tool, path, sounds, folder):
    """The largest difference of outputs from onnxruntime, as a fraction of the largest output."""
    x = sounds[:64].numpy()
    np.save(folder / "x.npy", x)
    run(tool / "onnx-run", path, "--input", folder / "x.npy", "--output-dir", folder, "--top", 0)
    peer = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    expected = peer.run(None, {"audio": x})[0]
    return np.abs(np.load(folder / "logits.npy") - expected).max() / np.abs(expected).max()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", type=pathlib.Path, default=pathlib.Path(".build/release"))
    parser.add_argument("--only", nargs="+", default=["sound-cnn", "sound-gru"])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--data", type=pathlib.Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'model':<12}{'seed':>5}{'onnx-train':>12}{'s':>7}{'PyTorch':>10}{'s':>7}{'runtimes':>12}")
    for name in options.only:
        for seed in options.seeds:
            with tempfile.TemporaryDirectory() as folder:
                folder = pathlib.Path(folder)
                data = options.data or folder / "sounds"
                choice = ["--data", data] if options.data else ["--samples", data]
                path, start = folder / "model.onnx", time.time()
                ours = float(run(
                    options.tool / "onnx-train", "new", name, *choice, "--epochs", options.epochs,
                    "--seed", seed, "--threads", 1, "--output", path).split()[-1])
                middle = time.time()
                parts, rate, classes = sounds(data)
                theirs = accuracy_there(parts, rate, classes, name, options.epochs, seed)
                end = time.time()
                apart = difference(options.tool, path, parts[1][0], folder)
                print(f"{name:<12}{seed:>5}{ours:>12.4f}{middle - start:>7.0f}{theirs:>10.4f}"
                      f"{end - middle:>7.0f}{apart:>12.1e}", flush=True)


if __name__ == "__main__":
    main()
