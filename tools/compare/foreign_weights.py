"""Compares weights of other frameworks, as `onnx-convert` reads them, with their own readers.

    pip install -r tools/generate/foreign_requirements.txt
    python tools/compare/foreign_weights.py [--only hdf5 | keras | gguf | pt2]

Each file is written, converted to safetensors and to `.npz`, and compared bit by bit: HDF5 files of
five forms and models of Keras with h5py, every block type of GGUF with
`gguf.quants.dequantize`, and archives of `torch.export.save` with `torch.export.load`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"
warnings.filterwarnings("ignore")

import h5py
import numpy as np
import safetensors.numpy
import safetensors.torch
import torch

sys.path.append(str(Path(__file__).parent.parent / "generate"))
import foreign_files

ROOT = Path(__file__).parent.parent.parent
failures = 0


def tool():
    for kind in ("release", "debug"):
        path = ROOT / ".build" / kind / "onnx-convert"
        if path.exists():
            return path
    sys.exit("build onnx-convert first: tools/build onnx-convert")


def report(name, count, problem=""):
    global failures
    failures += bool(problem)
    print(f"{name:<40} {count:>6} tensors  {problem or 'equal'}")


def same(found, expected):
    return found.shape == expected.shape and found.tobytes() == expected.tobytes()


def compare(path, expected):
    """Converts a file to both formats and compares all tensors."""
    for suffix in ("safetensors", "npz"):
        out = path.with_suffix(f".out.{suffix}")
        run = subprocess.run([tool(), path, out], capture_output=True, text=True)
        if run.returncode:
            report(path.name, 0, run.stderr.strip())
            return
        found = safetensors.numpy.load_file(out) if suffix == "safetensors" else np.load(out)
        names = [
            name for name, value in expected.items()
            # .npz lacks bfloat16, which becomes float32.
            if name not in found or not same(
                found[name], value.astype(found[name].dtype) if suffix == "npz" else value)
        ]
        names += [name for name in found if name not in expected]
        report(f"{path.name} to .{suffix}", len(expected), " ".join(names[:5]))


def check_hdf5(folder):
    random = np.random.default_rng(7)
    for version in ("earliest", "v108", "v110"):
        path = folder / f"{version}.h5"
        foreign_files.write_hdf5(path, random, version)
        compare(path, foreign_files.datasets(path))
    path = folder / "block.h5"
    with h5py.File(path, "w", userblock_size=1024) as file:
        file["a"] = random.standard_normal(5)
    compare(path, foreign_files.datasets(path))
    path = folder / "many.h5"
    with h5py.File(path, "w", track_order=True, libver=("v108", "v110")) as file:
        for number in range(3000):
            file[f"group/a rather long name {number}"] = np.float32(number)
    compare(path, foreign_files.datasets(path))


def check_keras(folder):
    foreign_files.write_keras(folder)
    for name in ("keras3.keras", "keras3.h5"):
        path = folder / name
        if name.endswith(".h5"):
            compare(path, foreign_files.datasets(path))
        else:
            compare(path, safetensors.numpy.load_file(folder / "keras3.safetensors"))


def check_gguf(folder):
    random = np.random.default_rng(7)
    expected = foreign_files.write_gguf(folder / "blocks.gguf", random, rows=64)
    compare(folder / "blocks.gguf", expected)


def check_pt2(folder):
    torch.manual_seed(7)
    foreign_files.write_exports(folder)
    expected = safetensors.torch.load_file(folder / "export.safetensors")
    # NumPy has no bfloat16 of its own.
    arrays = safetensors.numpy.load_file(folder / "export.safetensors")
    assert arrays.keys() == expected.keys()
    for name in ("export.pt2", "export-2.1.pt2", "export-2.8.pt2"):
        compare(folder / name, arrays)


def main():
    checks = {
        name[6:]: check for name, check in globals().items() if name.startswith("check_")
    }
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=checks)
    only = parser.parse_args().only
    for name, check in checks.items():
        if only in (None, name):
            with tempfile.TemporaryDirectory() as folder:
                check(Path(folder))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
