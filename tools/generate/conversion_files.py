"""Writes the small files in `Tests/ConversionTests/Files`.

    python tools/generate/conversion_files.py [--output Tests/ConversionTests/Files]

`types.safetensors` holds the same tensors as `zip.pt`, `deflated.pt`, `bigendian.pt`,
`protocol4.pt` and `nested.pt` (there under "state_dict."), and as `legacy.pt`, which lacks some
element types. The `.onnx` files of a model and its `.pt` file have different random weights; the
`.npz` file holds inputs and the outputs that PyTorch computes with the weights in the `.pt` file.
"""

import argparse
import io
import logging
import warnings
import zipfile
from pathlib import Path

import numpy as np
import onnx
import safetensors.torch
import torch

import conversion_modules as modules
from conversion_modules import all_types, randomized

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)


def save(content, path=None, **options):
    """The bytes that `torch.save` writes, with an archive name that does not depend on the path."""
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    if path:
        path.write_bytes(buffer.getvalue())
    return buffer.getvalue()


def rewritten(data, method=zipfile.ZIP_STORED, change=lambda name, content: content):
    """The zip file with changed contents or another compression method."""
    source, target = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as file:
        for entry in source.infolist():
            info = zipfile.ZipInfo(entry.filename)
            info.compress_type = method
            file.writestr(info, change(entry.filename, source.read(entry)))
    return target.getvalue()


def big_endian(state):
    """The bytes that a big-endian machine would write."""
    sizes = {}
    for tensor in state.values():
        width = 4 if tensor.dtype == torch.complex64 else tensor.element_size()
        sizes[tensor.untyped_storage().data_ptr()] = width
    contents = {}
    for tensor in state.values():
        storage = bytes(tensor.untyped_storage())
        contents.setdefault(storage, sizes[tensor.untyped_storage().data_ptr()])

    def change(name, content):
        if name.endswith("/byteorder"):
            return b"big"
        if "/data/" in name and content:
            return np.frombuffer(content, f"u{contents[content]}").byteswap().tobytes()
        return content

    return rewritten(save(state), change=change)


def export(module, inputs, folder, name):
    for dynamo in (False, True):
        path = folder / f"{name}_{'dynamo' if dynamo else 'torchscript'}.onnx"
        options = dict(external_data=False, verbose=False) if dynamo else {}
        torch.onnx.export(module, inputs, str(path), dynamo=dynamo, **options)
        model = onnx.load(path)
        model.doc_string = ""
        del model.metadata_props[:]
        del model.graph.metadata_props[:], model.graph.value_info[:]
        for node in model.graph.node:
            node.doc_string = ""
            kept = [p for p in node.metadata_props if p.key == "pkg.torch.onnx.name_scopes"]
            kept = [(p.key, p.value) for p in kept]
            del node.metadata_props[:]
            for key, value in kept:
                node.metadata_props.add(key=key, value=value)
        for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
            del value.metadata_props[:]
            value.doc_string = ""
        onnx.save(model, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("Tests/ConversionTests/Files"))
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)

    state = all_types()
    safetensors.torch.save_file({k: v.detach().contiguous().clone() for k, v in state.items()},
                                folder / "types.safetensors")
    data = save(state, folder / "zip.pt")
    (folder / "deflated.pt").write_bytes(rewritten(data, zipfile.ZIP_DEFLATED))
    (folder / "bigendian.pt").write_bytes(big_endian(state))
    save(state, folder / "protocol4.pt", pickle_protocol=4)
    save({"state_dict": state, "epoch": 3, "best": np.float64(0.5), "array": np.eye(2),
          "name": "run"}, folder / "nested.pt", pickle_protocol=2)
    old = {k: v for k, v in state.items()
           if not k.startswith(("types.uint16", "types.uint32", "types.uint64", "types.float8"))}
    save(old, folder / "legacy.pt", _use_new_zipfile_serialization=False)

    tokens = torch.tensor([[1, 5, 0, 9]])
    cases = {
        "lstm": (lambda: modules.Recurrent("LSTM"), (tokens,)),
        "gru": (lambda: modules.Recurrent("GRU"), (tokens,)),
        "rnn": (lambda: modules.Recurrent("RNN"), (tokens,)),
        "resnet": (modules.ResNet, (torch.rand(1, 3, 8, 8, generator=torch.manual_seed(0)),)),
        "attention": (modules.Attention, (torch.rand(1, 5, 8),)),
    }
    for name, (make, inputs) in cases.items():
        torch.manual_seed(3)
        export(make().eval(), inputs, folder, name)
        trained = randomized(make(), 5)
        save({"model": trained.state_dict()}, folder / f"{name}.pt")
        with torch.no_grad():
            np.savez_compressed(folder / f"{name}.npz", input=inputs[0].numpy(),
                                output=trained(*inputs).numpy())


if __name__ == "__main__":
    main()
