"""Compares checkpoints that `onnx-convert` converted with PyTorch, safetensors and NumPy.

    swift build --product onnx-convert
    python tools/compare/convert_weights.py [--tool .build/debug/onnx-convert]

Formats: tensors of every element type are converted between all formats and compared bit by bit
with what torch, safetensors and NumPy read. Bindings: modules are exported with random weights by
both of PyTorch's exporters, take other weights from a checkpoint, and run; the outputs are compared
with PyTorch's. Architectures: the same for checkpoints that become a model by the name of an
architecture. Prints a line for each check and exits with code 1 if tensors differ or an output
differs by more than 1e-5 of the largest.
"""

import argparse
import logging
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import safetensors.torch
import torch

import conversion_zoo as zoo

sys.path.append(str(Path(__file__).parents[1] / "generate"))
import conversion_modules as modules
from conversion_modules import all_types, randomized

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

failures = 0


def convert(tool, *arguments):
    result = subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(result.stderr.strip() or f"exit code {result.returncode}")
    return result.stdout


def say(name, ok, text):
    global failures
    failures += not ok
    print(f"{'ok  ' if ok else 'FAIL'}  {name}: {text}", flush=True)


# Formats


def same(expected, found):
    """The first name whose tensors differ, or None."""
    if expected.keys() != found.keys():
        return f"names {sorted(expected.keys() ^ found.keys())}"
    for name, tensor in expected.items():
        a, b = tensor.detach().contiguous(), found[name].contiguous()
        if a.dtype != b.dtype or a.shape != b.shape:
            return f"{name}: {a.dtype} {list(a.shape)}, {b.dtype} {list(b.shape)}"
        if a.reshape(-1).view(torch.uint8).ne(b.reshape(-1).view(torch.uint8)).any():
            return name
    return None


def widened(tensor):
    """The tensor as a NumPy array."""
    small = (torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz,
             torch.float8_e5m2fnuz)
    return tensor.detach().float() if tensor.dtype in small else tensor.detach()


def check_formats(tool, folder):
    state = all_types()
    nested = {"state_dict": state, "epoch": 3, "best": 0.5, "name": "run",
              "list": [torch.ones(2), (torch.zeros(1),)]}
    flat = {f"state_dict.{k}": v for k, v in state.items()}
    flat |= {"list.0": torch.ones(2), "list.1.0": torch.zeros(1)}
    files = {}
    for protocol in (2, 3, 4, 5):
        files[f"protocol{protocol}.pt"] = (state, dict(pickle_protocol=protocol))
    files["nested.pt"] = (nested, {})
    # The legacy format has no untyped storages, which some element types need.
    old = {k: v for k, v in state.items()
           if not k.startswith(("types.uint16", "types.uint32", "types.uint64", "types.float8"))}
    for protocol in (2, 4):
        files[f"legacy{protocol}.pt"] = (
            old, dict(_use_new_zipfile_serialization=False, pickle_protocol=protocol))
    for name, (content, options) in files.items():
        torch.save(content, folder / name, **options)
        expected = flat if content is nested else content
        convert(tool, folder / name, folder / "out.safetensors")
        found = safetensors.torch.load_file(folder / "out.safetensors")
        wrong = same(expected, found)
        say(f"{name} to safetensors", wrong is None, wrong or f"{len(found)} tensors equal")
        convert(tool, folder / name, folder / "out.npz")
        wrong = same_arrays(expected, folder / "out.npz")
        say(f"{name} to npz", wrong is None, wrong or f"{len(found)} tensors equal")
    plain = {k: v.detach().contiguous().clone() for k, v in state.items()}
    safetensors.torch.save_file(plain, folder / "in.safetensors", metadata={"a": "b\"\n"})
    convert(tool, folder / "in.safetensors", folder / "out.safetensors")
    with safetensors.safe_open(folder / "out.safetensors", "pt") as file:
        metadata = file.metadata()
    wrong = same(plain, safetensors.torch.load_file(folder / "out.safetensors"))
    say("safetensors to safetensors", wrong is None and metadata == {"a": "b\"\n"},
        wrong or f"{len(plain)} tensors equal, metadata {metadata}")
    convert(tool, folder / "in.safetensors", folder / "out.npz")
    wrong = same_arrays(plain, folder / "out.npz")
    say("safetensors to npz", wrong is None, wrong or f"{len(plain)} tensors equal")
    for save in (np.savez, np.savez_compressed):
        arrays = {k: widened(v).numpy() for k, v in plain.items()}
        save(folder / "in.npz", **arrays)
        convert(tool, folder / "in.npz", folder / "out.safetensors")
        wrong = same({k: widened(v) for k, v in plain.items()},
                     safetensors.torch.load_file(folder / "out.safetensors"))
        say(f"{save.__name__} to safetensors", wrong is None, wrong or f"{len(plain)} tensors equal")


def same_arrays(expected, path):
    with np.load(path) as file:
        found = {name: torch.from_numpy(file[name]) for name in file.files}
    return same({k: widened(v) for k, v in expected.items()}, found)


# Bindings


def outputs(path, inputs):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    return session.run(None, dict(zip(names, (i.numpy() for i in inputs))))


def compare(name, path, module, inputs, expected=None):
    with torch.no_grad():
        expected = expected if expected is not None else module(*inputs)
    expected = expected if isinstance(expected, tuple) else (expected,)
    worst = 0.0
    for a, b in zip(expected, outputs(str(path), inputs), strict=True):
        a = a.numpy()
        if a.shape != b.shape:
            return say(name, False, f"shape {b.shape} in place of {a.shape}")
        worst = max(worst, float(np.abs(a - b).max() / np.abs(a).max()))
    say(name, worst <= 1e-5, f"largest difference {worst:.1e} of the largest output")


def check_bindings(tool, folder):
    tokens = torch.randint(0, 11, (1, 7), generator=torch.Generator().manual_seed(1))
    cases = {
        "lstm": (lambda: modules.Recurrent("LSTM"), (tokens,)),
        "gru": (lambda: modules.Recurrent("GRU"), (tokens,)),
        "rnn": (lambda: modules.Recurrent("RNN"), (tokens,)),
        "rnn_relu": (lambda: modules.Recurrent("RNN", nonlinearity="relu"), (tokens,)),
        "rnn_no_bias": (lambda: modules.Recurrent("RNN", bias=False), (tokens,)),
        "lstm_no_bias": (lambda: modules.Recurrent("LSTM", bias=False), (tokens,)),
        "lenet_bn": (modules.LeNetBatchNorm, (torch.rand(1, 1, 28, 28),)),
        "resnet": (modules.ResNet, (torch.rand(1, 3, 16, 16),)),
        "attention": (modules.Attention, (torch.rand(1, 5, 8),)),
    }
    for name, (make, inputs) in cases.items():
        torch.manual_seed(3)
        fresh, trained = make().eval(), randomized(make(), 5)
        state = trained.state_dict()
        files = {"pt": folder / "w.pt", "safetensors": folder / "w.safetensors"}
        torch.save({"epoch": 1, "model": {f"module.{k}": v for k, v in state.items()},
                    "optimizer": {"state": {0: {"exp_avg": torch.zeros(2)}}}}, files["pt"])
        safetensors.torch.save_file({k: v.contiguous().clone() for k, v in state.items()},
                                    files["safetensors"], metadata={"format": "pt"})
        for dynamo in (False, True):
            for start, module in (("fresh", fresh), ("random", randomized(make(), 4))):
                exporter = "dynamo" if dynamo else "torchscript"
                graph = folder / f"{name}_{exporter}.onnx"
                options = dict(external_data=False, verbose=False) if dynamo else {}
                torch.onnx.export(module, inputs, str(graph), dynamo=dynamo, **options)
                for kind, file in files.items():
                    label = f"{name} {kind} into {start} {exporter} graph"
                    out = folder / "bound.onnx"
                    try:
                        convert(tool, "--graph", graph, file, out)
                        compare(label, out, trained, inputs)
                    except RuntimeError as error:
                        say(label, False, str(error)[:300])
        # The bound weights are extracted and bound again under the graph's own names.
        try:
            convert(tool, folder / "bound.onnx", folder / "all.safetensors")
            convert(tool, "--graph", folder / "bound.onnx", folder / "all.safetensors",
                    folder / "again.onnx")
            compare(f"{name} extracted and bound again", folder / "again.onnx", trained, inputs)
        except RuntimeError as error:
            say(f"{name} extracted and bound again", False, str(error)[:300])


# Layers


def scaled(module, seed):
    """The module with weights small enough that deep networks do not overflow."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in [*module.named_parameters(), *module.named_buffers()]:
            if not value.is_floating_point():
                continue
            noise = torch.randn(value.shape, generator=generator)
            if name.endswith("running_var"):
                value.copy_(noise.abs() * 0.5 + 0.5)
            elif value.dim() >= 2:
                value.copy_(noise * (1.5 / max(1, value[0].numel())) ** 0.5)
            elif name.endswith(("weight", "original0", "weight_g", "gamma")):
                value.copy_(1 + 0.3 * noise)
            else:
                value.copy_(0.3 * noise)
        for part in module.modules():
            if isinstance(part, torch.nn.Embedding) and part.padding_idx is not None:
                part.weight[part.padding_idx] = 0
    return module.eval()


def check_layers(tool, folder):
    """Binds each to graphs with random weights, and to new graphs, with equal weights merged."""
    # Embeddings of positions, and of token types that are all 0, are folded into constants.
    options = {"gpt": ["--by-order"], "bert": ["--by-order"]}
    # These opset versions have no such operator.
    lacking = {"norms": (False,), "bilinear": (False,), "computed_spectral": (False,)}
    # New layers that are copies of each other, and parameters of 0 and 1, vanish in the graph.
    merged = {"raw", "states", "transformer", "transformer_pre"}
    for name, (make, inputs) in zoo.cases().items():
        trained = scaled(make(), 5)
        torch.save(trained.state_dict(), folder / "layer.pt")
        for dynamo in (False, True):
            if dynamo in lacking.get(name, ()):
                continue
            for start in ("random", "fresh"):
                if start == "fresh" and dynamo and name in merged:
                    continue
                torch.manual_seed(4)
                module = make().eval() if start == "fresh" else scaled(make(), 4)
                exporter = "dynamo" if dynamo else "torchscript"
                label = f"{name} into {start} {exporter} graph"
                graph, out = folder / "layer.onnx", folder / "layer_bound.onnx"
                # Every other model has its weights in a second file.
                external = dict(external_data=start == "random", verbose=False) if dynamo else {}
                torch.onnx.export(module, inputs, str(graph), dynamo=dynamo, **external)
                try:
                    convert(tool, "--graph", graph, *options.get(name, []), folder / "layer.pt",
                            out)
                    compare(label, out, trained, inputs)
                except RuntimeError as error:
                    say(label, False, str(error)[:300])


# Architectures


def check_architectures(tool, folder):
    torch.manual_seed(2)
    tokens = torch.randint(1, 13, (2, 5))
    state = torch.rand(2, 2, 8)
    square = torch.rand(2, 2, 13)
    sentences, lengths = torch.randint(1, 20, (2, 6)), torch.tensor([6, 4], dtype=torch.int32)
    sentences[1, 4:] = 0
    full = torch.tensor([6, 6], dtype=torch.int32)
    cases = {
        "mlp": (modules.Perceptron(), (torch.rand(2, 1, 8, 8),), []),
        "lenet5": (modules.LeNet5(), (torch.rand(2, 1, 28, 28),), []),
        "resnet-small": (modules.SmallResNet(), (torch.rand(2, 3, 16, 16),),
                         ["--size", "height=16", "--size", "width=16"]),
        "autoencoder": (modules.Autoencoder(), (torch.rand(2, 1, 8, 8),), []),
        "char-rnn": (modules.Language("RNN", 0), (tokens, state), []),
        "char-lstm": (modules.Language("LSTM", 0), (tokens, state, state + 1), []),
        "char-gru": (modules.Language("GRU", 6), (tokens, state), []),
        "word-lstm": (modules.Language("LSTM", 6, hidden=13), (tokens, square, square + 1), []),
        "text-cnn": (modules.TextCNN(), (sentences,), []),
        "bilstm": (modules.Sentence(), (sentences, lengths), []),
        "forecast": (modules.Last("LSTM", 2, 3, 2), (torch.rand(2, 6, 2),), []),
        "parity": (modules.Last("GRU", 1, 2), (torch.rand(2, 6, 1), full), []),
        "adding": (modules.Last("RNN", 2, 1), (torch.rand(2, 6, 2),), []),
    }
    for name, (module, inputs, options) in cases.items():
        randomized(module, 6)
        torch.save(module.state_dict(), folder / "a.pt")
        try:
            convert(tool, "--architecture", name, *options, folder / "a.pt", folder / "a.onnx")
            compare(f"architecture {name}", folder / "a.onnx", module, inputs)
        except RuntimeError as error:
            say(f"architecture {name}", False, str(error)[:300])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", default=".build/debug/onnx-convert")
    parser.add_argument("--only", choices=["formats", "bindings", "layers", "architectures"])
    parser.add_argument("--keep", type=Path, help="keep the files in this folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for check in (check_formats, check_bindings, check_layers, check_architectures):
            if arguments.only is None or check.__name__.endswith(arguments.only):
                check(arguments.tool, folder)
    print(f"{failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
