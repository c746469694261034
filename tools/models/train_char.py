"""Trains a character language model and writes it as ONNX, with prompts and reference outputs.

    python tools/models/train_char.py --data FILE --kind lstm|gru|rnn --output models/

FILE is a plain text; its first 90 % are learnt, the rest is kept for validation.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import nn
from torch.nn import functional

from onnx_files import export, write_tensors

SEED = 1
EPOCHS = 12
STREAMS = 64
WINDOW = 64
PEAK_RATE = 5e-3
EMBEDDING = 32
TEMPERATURE = 0.7

KINDS = {
    # The recurrent module, its states, layers and width; each stays below 600 kB.
    "lstm": (nn.LSTM, ["h", "c"], 1, 160),
    "gru": (nn.GRU, ["h"], 1, 184),
    "rnn": (nn.RNN, ["h"], 2, 192),
}

PROMPTS = {
    "citizen.txt": "First Citizen:\nBefore we proceed any further, hear me speak.\n",
    "romeo.txt": "ROMEO:\nBut, soft! what light through yonder window breaks?\n",
}


class CharModel(nn.Module):
    def __init__(self, kind, characters):
        super().__init__()
        module, self.states, layers, width = KINDS[kind]
        self.embedding = nn.Embedding(characters, EMBEDDING)
        self.recurrent = module(EMBEDDING, width, layers, batch_first=True)
        self.output = nn.Linear(width, characters)

    def forward(self, tokens, *states):
        state = states if len(states) > 1 else states[0]
        x, state = self.recurrent(self.embedding(tokens), state)
        return self.output(x), *(state if len(states) > 1 else [state])

    def zero_states(self, batch):
        shape = self.recurrent.num_layers, batch, self.recurrent.hidden_size
        return [torch.zeros(shape) for _ in self.states]

    def random_states(self, batch, generator):
        return [torch.rand(state.shape, generator=generator) * 2 - 1
                for state in self.zero_states(batch)]


def train(model, text):
    """Every stream reads its own part of the text, keeping its states from window to window."""
    length = (len(text) - 1) // STREAMS
    inputs = text[:STREAMS * length].view(STREAMS, length)
    targets = text[1:STREAMS * length + 1].view(STREAMS, length)
    windows = math.ceil(length / WINDOW)
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, EPOCHS * windows)
    for epoch in range(EPOCHS):
        start, total = time.time(), 0.0
        states = model.zero_states(STREAMS)
        for input, target in zip(inputs.split(WINDOW, 1), targets.split(WINDOW, 1)):
            logits, *states = model(input, *[state.detach() for state in states])
            loss = functional.cross_entropy(logits.flatten(0, 1), target.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1)
            optimizer.step()
            schedule.step()
            total += loss.item() * target.numel()
        print(f"epoch {epoch + 1}: mean loss {total / targets.numel():.4f}, "
              f"{time.time() - start:.0f} s", flush=True)


class Session:
    """The exported model in onnxruntime."""

    def __init__(self, path, model):
        self.session = onnxruntime.InferenceSession(path)
        self.names = ["tokens", *model.states]

    def run(self, tokens, *states):
        values = [torch.as_tensor(value).numpy() for value in (tokens, *states)]
        return self.session.run(None, dict(zip(self.names, values, strict=True)))


def validation_loss(session, model, text):
    """Mean loss per character in nats, read as one stream from states of zero."""
    states, total = model.zero_states(1), 0.0
    for input, target in zip(text[:-1].split(1000), text[1:].split(1000)):
        logits, *states = session.run(input[None], *states)
        total += functional.cross_entropy(torch.tensor(logits[0]), target, reduction="sum").item()
    return total / (len(text) - 1)


def largest_difference(session, model, generator):
    """Over batches and lengths other than the traced ones, all from random states."""
    largest = 0.0
    for batch, length in [(1, 1), (1, 100), (2, 16), (5, 37)]:
        tokens = torch.randint(model.output.out_features, (batch, length), generator=generator)
        arguments = tokens, *model.random_states(batch, generator)
        for expected, found in zip(model(*arguments), session.run(*arguments), strict=True):
            largest = max(largest, float((expected - torch.tensor(found)).abs().max()))
    return largest


def generate(session, model, vocabulary, prompt, length, generator):
    tokens, states, text = [vocabulary.index(c) for c in prompt], model.zero_states(1), ""
    for _ in range(length):
        logits, *states = session.run([tokens], *states)
        chances = torch.softmax(torch.tensor(logits[0, -1]) / TEMPERATURE, 0)
        tokens = [int(torch.multinomial(chances, 1, generator=generator))]
        text += vocabulary[tokens[0]]
    return text


def write_references(folder, model, vocabulary, generator):
    """The first 16 characters of the prompts, from random states, and PyTorch's outputs."""
    rows = [[vocabulary.index(c) for c in prompt[:16]] for prompt in PROMPTS.values()]
    arguments = torch.tensor(rows), *model.random_states(len(rows), generator)
    write_tensors(folder, "input", zip(["tokens", *model.states], arguments))
    write_tensors(folder, "output", zip(output_names(model), model(*arguments)))


def output_names(model):
    return ["logits", *(f"{state}_out" for state in model.states)]


def card(kind, model, data, loss, difference, prompt, sample):
    layers, width = model.recurrent.num_layers, model.recurrent.hidden_size
    name = f"char_{kind}"
    states = " and ".join(f"`{state}`" for state in model.states)
    states_out = " and ".join(f"`{state}_out`" for state in model.states)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    text = "".join(f"    {line}".rstrip() + "\n" for line in (prompt + sample).splitlines())
    return f"""# Character model, {kind.upper()}

Predicts the next character of a text in the manner of Shakespeare's plays: an embedding of
{EMBEDDING} numbers, {layers} {kind.upper()} layer{'s' if layers > 1 else ''} of width {width}, \
a linear layer.

- File: `{name}.onnx`, opset 17, {parameters:,} parameters.
- Inputs: `tokens`, int64 [N, T]; {states}, float32 [{layers}, N, {width}], zero at the start
  of a text.
- Outputs: `logits`, float32 [N, T, {model.output.out_features}], for the character after each \
token; {states_out},
  to be given as {states} with the tokens that follow.
- Metadata: `vocabulary`, a JSON array with the character of each token.
- Validation loss: {loss:.4f} nats per character, over the last 10 % of the text, measured with
  onnxruntime on the exported file.
- Largest difference between onnxruntime and PyTorch: {difference:.1e}.

Made by `tools/models/train_char.py` (PyTorch {torch.__version__}, {EPOCHS} epochs, seed {SEED}):

    python tools/models/train_char.py --data {data.name} --kind {kind} --output models/

The same command writes

- `prompts/*.txt`: texts to start from;
- `{name}.references/input_*.pb`: the first 16 characters of each prompt, and random states, in
  the order of the graph's inputs, and `output_*.pb`: what PyTorch computes for them, in the order
  of the graph's outputs.

Data: "Tiny Shakespeare", 1.1 MB of Shakespeare's plays as gathered for Andrej Karpathy's char-rnn;
the plays are in the public domain.

Continuation of `prompts/romeo.txt`, drawn at temperature {TEMPERATURE}:

{text}"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--kind", choices=KINDS, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)

    text = options.data.read_text(encoding="utf-8")
    vocabulary = sorted(set(text))
    tokens = torch.tensor(np.array([vocabulary.index(c) for c in text]))
    split = len(tokens) * 9 // 10
    model = CharModel(options.kind, len(vocabulary))
    train(model, tokens[:split])
    model.eval().requires_grad_(False)

    name = f"char_{options.kind}"
    path = options.output / f"{name}.onnx"
    options.output.mkdir(parents=True, exist_ok=True)
    state_axes = {state + suffix: {1: "N"} for state in model.states for suffix in ["", "_out"]}
    export(model, (torch.zeros(3, 5, dtype=torch.int64), *model.zero_states(3)), path,
           ["tokens", *model.states], output_names(model),
           {"tokens": {0: "N", 1: "T"}, "logits": {0: "N", 1: "T"}, **state_axes},
           {"vocabulary": json.dumps(vocabulary)})

    session = Session(path, model)
    difference = largest_difference(session, model, generator)
    loss = validation_loss(session, model, tokens[split:])
    print(f"{path.name}: {path.stat().st_size:,} bytes, validation loss {loss:.4f}, "
          f"largest difference {difference:.1e}")

    prompts = options.output / "prompts"
    prompts.mkdir(exist_ok=True)
    for file, prompt in PROMPTS.items():
        (prompts / file).write_text(prompt)
    write_references(options.output / f"{name}.references", model, vocabulary, generator)
    prompt = PROMPTS["romeo.txt"]
    sample = generate(session, model, vocabulary, prompt, 300, generator)
    print(prompt + sample)
    (options.output / f"{name}.md").write_text(
        card(options.kind, model, options.data, loss, difference, prompt, sample))


if __name__ == "__main__":
    main()
