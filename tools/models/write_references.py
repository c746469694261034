"""Writes sample inputs and reference outputs next to a trained model, and prints its figures.

    python tools/models/write_references.py models/lenet5.onnx --data MNIST_DIR
    python tools/models/write_references.py models/char_lstm.onnx --data tinyshakespeare.txt

An image model has the input `image` and the output `logits`. A character model has the inputs
`tokens` and its states, the outputs `logits` and the new states, and lists its characters in the
metadata `vocabulary`. MNIST_DIR holds the IDX files of MNIST, gzipped or not. The last 10 % of a
text are the validation set. onnxruntime computes all outputs.
"""

import argparse
import gzip
import json
import struct
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from PIL import Image

SEED = 1

PROMPTS = {
    "citizen.txt": "First Citizen:\nBefore we proceed any further, hear me speak.\n",
    "romeo.txt": "ROMEO:\nBut, soft! what light through yonder window breaks?\n",
}


class Session:
    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options)
        self.inputs = self.session.get_inputs()
        self.outputs = [output.name for output in self.session.get_outputs()]

    def run(self, *values):
        names = [input.name for input in self.inputs]
        return self.session.run(None, dict(zip(names, values, strict=True)))

    def write_references(self, folder, *values):
        folder.mkdir(parents=True, exist_ok=True)
        names = [input.name for input in self.inputs]
        write_tensors(folder, "input", names, values)
        write_tensors(folder, "output", self.outputs, self.run(*values))


def write_tensors(folder, prefix, names, values):
    for index, (name, value) in enumerate(zip(names, values, strict=True)):
        proto = numpy_helper.from_array(value, name)
        (folder / f"{prefix}_{index}.pb").write_bytes(proto.SerializeToString())


def read_idx(path):
    zipped = path.with_name(path.name + ".gz")
    data = gzip.decompress(zipped.read_bytes()) if zipped.exists() else path.read_bytes()
    rank = data[3]
    shape = struct.unpack_from(f">{rank}I", data, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def as_input(images):
    return (images.astype(np.float32) / 255)[:, None]


def digits(session, data, folder, references):
    """Writes the first correctly read test digit of each class; returns the accuracy on all."""
    images = read_idx(data / "t10k-images-idx3-ubyte")
    labels = read_idx(data / "t10k-labels-idx1-ubyte")
    read = session.run(as_input(images))[0].argmax(1)
    folder.mkdir(exist_ok=True)
    pixels = []
    for digit in range(10):
        first = int(((labels == digit) & (read == digit)).nonzero()[0][0])
        path = folder / f"{digit}.png"
        Image.fromarray(images[first]).save(path)
        pixels.append(np.asarray(Image.open(path)))
    session.write_references(references, as_input(np.stack(pixels)))
    correct = int((read == labels).sum())
    return f"test accuracy {correct / len(labels):.4f} ({correct:,} of {len(labels):,})"


def zero_states(session, batch):
    return [np.zeros((input.shape[0], batch, input.shape[2]), np.float32)
            for input in session.inputs[1:]]


def log_sum_exp(logits):
    largest = logits.max(-1, keepdims=True)
    return np.log(np.exp(logits - largest).sum(-1)) + largest[..., 0]


def validation_loss(session, tokens):
    """The mean loss per character in nats, over the text as one stream from zero states."""
    states, total = zero_states(session, 1), 0.0
    for start in range(0, len(tokens) - 1, 1000):
        targets = tokens[start + 1:start + 1001]
        logits, *states = session.run(tokens[None, start:start + len(targets)], *states)
        logits = logits[0].astype(np.float64)
        total += (log_sum_exp(logits) - logits[np.arange(len(targets)), targets]).sum()
    return total / (len(tokens) - 1)


def characters(session, data, vocabulary, folder, references):
    """Writes the first 16 characters of each prompt and random states; returns the loss."""
    folder.mkdir(exist_ok=True)
    for file, prompt in PROMPTS.items():
        (folder / file).write_text(prompt)
    rows = [[vocabulary.index(c) for c in prompt[:16]] for prompt in PROMPTS.values()]
    generator = np.random.default_rng(SEED)
    states = [generator.uniform(-1, 1, state.shape).astype(np.float32)
              for state in zero_states(session, len(rows))]
    session.write_references(references, np.array(rows, np.int64), *states)
    numbers = {character: number for number, character in enumerate(vocabulary)}
    tokens = np.array([numbers[c] for c in data.read_text(encoding="utf-8")], np.int64)
    return f"validation loss {validation_loss(session, tokens[len(tokens) * 9 // 10:]):.4f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()

    proto = onnx.load(options.model)
    onnx.checker.check_model(proto, full_check=True)
    parameters = sum(int(np.prod(tensor.dims)) for tensor in proto.graph.initializer
                     if tensor.data_type == onnx.TensorProto.FLOAT)
    opset = next(entry.version for entry in proto.opset_import if entry.domain == "")
    metadata = {entry.key: entry.value for entry in proto.metadata_props}

    session = Session(options.model)
    folder = options.model.parent
    references = folder / f"{options.model.stem}.references"
    if "vocabulary" in metadata:
        vocabulary = json.loads(metadata["vocabulary"])
        figure = characters(session, options.data, vocabulary, folder / "prompts", references)
    else:
        figure = digits(session, options.data, folder / "digits", references)
    print(f"{options.model.name}: opset {opset}, {parameters:,} parameters, {figure}")


if __name__ == "__main__":
    main()
