"""Writes small checkpoints of other frameworks in `Tests/ConversionTests/Files/Foreign`.

    pip install -r tools/generate/foreign_requirements.txt
    python tools/generate/foreign_files.py [--output Tests/ConversionTests/Files/Foreign]
    python tools/generate/foreign_files.py --corpus FOLDER

`NAME.safetensors` holds the tensors that `NAME.h5`, `NAME.gguf` and `NAME.pt2` must give: HDF5 by
h5py, GGUF by `gguf.quants.dequantize`, `.pt2` by `torch.export.load`. `keras3.keras`
and `keras3.h5` hold the same weights. `--corpus` writes the seeds of tools/fuzz instead.
"""

import argparse
import io
import os
import warnings
import zipfile
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"
warnings.filterwarnings("ignore")

import gguf
import h5py
import ml_dtypes
import numpy as np
import safetensors.numpy
import safetensors.torch
import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, quants

BLOCKS = (
    "Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS TQ1_0 TQ2_0 MXFP4 NVFP4"
).split()


def datasets(file):
    """The datasets of an HDF5 file by their paths."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            value = np.asarray(item[()])
            found[name] = value.view(ml_dtypes.bfloat16) if value.dtype.kind == "V" else value

    with h5py.File(file) as opened:
        opened.visititems(visit)
    # safetensors has one byte order, and stores what is contiguous.
    return {
        name: np.array(value.astype(value.dtype.newbyteorder("=")), order="C")
        for name, value in found.items()
    }


def write_hdf5(path, random, version="earliest", small=False):
    """A file with the types, layouts and filters that the reader knows."""
    with h5py.File(path, "w", libver=(version, "v110")) as file:
        file["float32"] = random.standard_normal((3, 4)).astype("f4")
        if small:
            return
        for name in "i1 u1 i2 u2 i4 u4 i8 u8 f2 f8 >f4 >i4 ?".split():
            values = random.integers(0, 100, (2, 3)).astype(name)
            file["types/" + name.replace(">", "big-endian ").replace("?", "bool")] = values
        file["types/bfloat16"] = random.standard_normal((2, 3)).astype(ml_dtypes.bfloat16)
        file["shapes/scalar"] = np.float32(3.5)
        file["shapes/empty"] = np.zeros((0, 3), "f4")
        data = random.standard_normal((9, 7)).astype("f4")
        chunks = {"data": data, "chunks": (4, 3)}
        file.create_dataset("chunks/plain", **chunks)
        file.create_dataset("chunks/gzip", compression="gzip", **chunks)
        file.create_dataset(
            "chunks/filters", compression="gzip", shuffle=True, fletcher32=True, **chunks)
        file.create_dataset("chunks/one", data=data, chunks=data.shape, compression="gzip")
        file.create_dataset("chunks/growing", maxshape=(None, None), **chunks)
        partial = file.create_dataset(
            "chunks/partial", (5, 6), "f4", chunks=(2, 2), fillvalue=2.5)
        partial[3, 3] = 1
        file.create_dataset("unwritten", (2, 3), "f4")
        for number in range(24):
            file[f"many/entry with a long name {number}"] = np.int8(number)


def write_gguf(path, random, types=BLOCKS, rows=2, small=False):
    """Blocks of random bytes, with scales that are finite. Returns the elements."""
    expected = {}
    writer = gguf.GGUFWriter(path, "test")
    writer.add_string("general.name", "blocks")
    writer.add_array("tokenizer.ggml.tokens", ["a", "b"])
    for name in types:
        kind = GGMLQuantizationType[name]
        count, size = GGML_QUANT_SIZES[kind]
        blocks = random.integers(0, 256, (rows, size), dtype=np.uint8)
        with np.errstate(all="ignore"):
            while not np.isfinite(quants.dequantize(blocks, kind)).all():
                blocks = random.integers(0, 256, (rows, size), dtype=np.uint8)
            expected[name] = quants.dequantize(blocks, kind)
        writer.add_tensor(name, blocks, raw_dtype=kind)
    if not small:
        for name in "f4 f2 f8 i1 i2 i4 i8".split():
            expected[name] = random.integers(-50, 50, (2, 3)).astype(name)
            writer.add_tensor(name, expected[name])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return expected


class Exported(torch.nn.Module):
    """Shared weights, views, buffers of several types, and a constant."""

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(3, 4)
        self.second = torch.nn.Linear(3, 4)
        self.second.weight = self.first.weight
        self.norm = torch.nn.BatchNorm1d(4)
        self.view = torch.nn.Parameter(torch.randn(4, 4)[:2, 1:3])
        self.register_buffer("turned", torch.arange(6).reshape(2, 3).t())
        self.register_buffer("narrow", torch.randn(2, 2).half())
        self.register_buffer("hidden", torch.ones(2, dtype=torch.bfloat16), persistent=False)

    def forward(self, x):
        others = self.turned.sum() + self.narrow.sum() + self.hidden.sum() + self.view.sum()
        return self.norm(self.first(x) + self.second(x)) + others


def write_exports(folder):
    """The archive of this torch, and the two older forms with the same tensors."""
    program = torch.export.export(Exported().eval(), (torch.zeros(2, 3),))
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    # The program names files of this machine, and is not read.
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(folder / "export.pt2", "w") as target:
        for entry in source.infolist():
            if "sample_inputs" not in entry.filename:
                content = b"{}" if "/models/" in entry.filename else source.read(entry)
                target.writestr(zipfile.ZipInfo(entry.filename), content)
    tensors = {k: v for k, v in program.constants.items() if isinstance(v, torch.Tensor)}

    def write(name, parts):
        with zipfile.ZipFile(folder / name, "w") as archive:
            for entry, content in parts.items():
                if not isinstance(content, str):
                    buffer = io.BytesIO()
                    torch.save(content, buffer)
                    content = buffer.getvalue()
                archive.writestr(zipfile.ZipInfo(entry), content)

    state = dict(program.state_dict)
    write("export-2.1.pt2", {
        "serialized_exported_program.json": "{}", "version": "4",
        "serialized_state_dict.pt": state, "serialized_constants.pt": tensors})
    write("export-2.8.pt2", {
        "archive/archive_format": "pt2", "archive/models/model.json": "{}",
        "archive/data/weights/model.pt": state, "archive/data/constants/model.pt": tensors})
    everything = {k: v.detach().clone().contiguous() for k, v in {**state, **tensors}.items()}
    safetensors.torch.save_file(everything, folder / "export.safetensors")


def write_keras(folder):
    """A model of Keras 3 in both of its forms."""
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(0)
    model = keras.Sequential([
        keras.Input((6, 2)), layers.Conv1D(3, 2, name="conv"),
        layers.BatchNormalization(name="norm", epsilon=0.01),
        layers.Bidirectional(layers.GRU(2, return_sequences=True), name="both"),
        layers.LSTM(3, name="last"), layers.Dense(2, name="head"),
    ])
    random = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(random.uniform(0.1, 0.9, weight.shape))
    model.save(folder / "keras3.keras", zipped=True)
    model.save(folder / "keras3.h5")
    model.save_weights(folder / "keras3.weights.h5")
    safetensors.numpy.save_file(
        datasets(folder / "keras3.weights.h5"), folder / "keras3.safetensors")
    (folder / "keras3.weights.h5").unlink()


def write_corpus(folder):
    """Files of at most 4 kB for tools/fuzz."""
    random = np.random.default_rng(0)
    for reader in ("hdf5", "gguf", "torch"):
        (folder / reader).mkdir(parents=True, exist_ok=True)
    write_hdf5(folder / "hdf5/old", random, small=True)
    write_hdf5(folder / "hdf5/new", random, "v108", small=True)
    data = random.standard_normal((3, 2)).astype("f4")
    chunks = {"data": data, "chunks": (2, 2)}
    for version in ("earliest", "v108", "v110"):
        with h5py.File(folder / f"hdf5/chunks-{version}", "w", libver=(version, "v110")) as file:
            file.create_dataset("c", shuffle=True, compression="gzip", **chunks)
        if version == "v110":
            for name, limit in (("tree", (None, None)), ("array", None)):
                with h5py.File(folder / f"hdf5/{name}", "w", libver=("v110", "v110")) as file:
                    file.create_dataset("c", maxshape=limit, **chunks)
        with h5py.File(folder / f"hdf5/links-{version}", "w", libver=(version, "v110")) as file:
            for number in range(3 if version == "earliest" else 10):
                file.create_group(f"g{number}")
    with h5py.File(folder / "hdf5/keras", "w", libver=("v108", "v110")) as file:
        group = file.create_group("layers/dense/vars")
        group.attrs["name"] = "dense"
        group["0"] = np.ones((2, 2), "f4")
    for name in BLOCKS:
        write_gguf(folder / f"gguf/{name}", random, [name], rows=1, small=True)
    write_gguf(folder / "gguf/plain", random, [], rows=1)
    table = '{"config":{"w":{"path_name":"weight_0","is_param":true,"use_pickle":false,' \
        '"tensor_meta":{"dtype":7,"sizes":[{"as_int":2}],"strides":[{"as_int":1}],' \
        '"storage_offset":{"as_int":0},"layout":7}}}}'
    with zipfile.ZipFile(folder / "torch/export", "w") as archive:
        archive.writestr("a/models/model.json", "{}")
        archive.writestr("a/data/weights/model_weights_config.json", table)
        archive.writestr("a/data/weights/weight_0", np.ones(2, "f4").tobytes())
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_size > 4096:
            print(f"{path}: {path.stat().st_size} bytes, left out")
            path.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--output", type=Path, default=Path("Tests/ConversionTests/Files/Foreign"))
    parser.add_argument("--corpus", type=Path, help="write the seeds of tools/fuzz here")
    options = parser.parse_args()
    if options.corpus:
        return write_corpus(options.corpus)
    folder = options.output
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    torch.manual_seed(0)
    for name, version in (("old", "earliest"), ("new", "v110")):
        write_hdf5(folder / f"{name}.h5", random, version)
        safetensors.numpy.save_file(
            datasets(folder / f"{name}.h5"), folder / f"{name}.safetensors")
    safetensors.numpy.save_file(
        write_gguf(folder / "blocks.gguf", random), folder / "blocks.safetensors")
    write_exports(folder)
    write_keras(folder)


if __name__ == "__main__":
    main()
