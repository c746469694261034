"""Converts 1 GB checkpoints with `onnx-convert` and prints the time and memory it takes.

    swift build -c release --product onnx-convert
    python tools/benchmarks/large_weights.py [--tool .build/release/onnx-convert] [--folder DIR]

The script writes a checkpoint with 16 tensors of 64 MB and 32 small ones as `.pt`, `.safetensors`
and `.npz`, converts each to safetensors and `.npz`, and binds each to a model with external data.
It prints the tool's peak memory and seconds and, for comparison, the seconds of `cp`. The files go
to a temporary folder in DIR, which should be on the disk to measure. Exits with code 1 if bits
differ or memory exceeds 1.2 times the largest tensor plus 100 MB.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import safetensors
import safetensors.torch
import torch
from onnx import TensorProto, helper


def run(command):
    """The seconds and the peak memory in MB of a process."""
    before = time.perf_counter()
    process = subprocess.Popen([str(c) for c in command], stdout=subprocess.DEVNULL)
    # The usage that the system reports for a finished process includes its time before exec.
    peak = 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
            peak = max(peak, *[int(line.split()[1]) for line in status.splitlines()
                               if line.startswith("VmHWM:")], 0)
        except (FileNotFoundError, ProcessLookupError):
            pass
        time.sleep(0.002)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: exit code {process.returncode}")
    return time.perf_counter() - before, peak / 1024


def tensors(size, count):
    """Yields the tensors one at a time, so that they are not all in memory."""
    side = int((size / 4) ** 0.5)
    for index in range(count):
        generator = np.random.default_rng(index)
        yield f"layers.{index}.weight", generator.random((side, side), np.float32) - 0.5
        yield f"layers.{index}.bias", generator.random(side, np.float32)
        yield f"layers.{index}.scale", generator.random(1, np.float32)


def write_sources(folder, size, count):
    all_tensors = {n: torch.from_numpy(a) for n, a in tensors(size, count)}
    torch.save(all_tensors, folder / "in.pt")
    safetensors.torch.save_file(all_tensors, folder / "in.safetensors", metadata={"format": "pt"})
    np.savez(folder / "in.npz", **{n: t.numpy() for n, t in all_tensors.items()})


def write_graph(folder, size, count):
    """Writes a chain of layers `y = scale · (x Wᵀ + b)`, with its weights in a second file."""
    initializers, nodes, value = [], [], "x"
    for index, (name, array) in enumerate(tensors(size, count)):
        initializers.append(onnx.numpy_helper.from_array(np.zeros_like(array) + index, name))
    for index in range(count):
        part = f"layers.{index}"
        nodes.append(helper.make_node(
            "Gemm", [value, f"{part}.weight", f"{part}.bias"], [f"y{index}"], transB=1))
        nodes.append(helper.make_node("Mul", [f"y{index}", f"{part}.scale"], [f"z{index}"]))
        value = f"z{index}"
    side = int((size / 4) ** 0.5)
    graph = helper.make_graph(
        nodes, "chain", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, side])],
        [helper.make_tensor_value_info(value, TensorProto.FLOAT, [1, side])], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, folder / "graph.onnx", save_as_external_data=True, location="graph.data",
              size_threshold=1024)


def differing(path, size, count):
    """The name of the first tensor with a wrong value, or None."""
    if path.suffix == ".onnx":
        model = onnx.load(path, load_external_data=False)
        found = {i.name: i for i in model.graph.initializer}

        def read(name):
            return onnx.numpy_helper.to_array(found[name], str(path.parent))
    elif path.suffix == ".npz":
        read = np.load(path).__getitem__
    else:
        read = safetensors.safe_open(path, "np").get_tensor
    return next((n for n, a in tensors(size, count) if read(n).tobytes() != a.tobytes()), None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", default=".build/release/onnx-convert")
    parser.add_argument("--folder", type=Path, help="folder for the temporary files")
    parser.add_argument("--size", type=int, default=64 << 20, help="bytes per large tensor")
    parser.add_argument("--count", type=int, default=16, help="number of large tensors")
    arguments = parser.parse_args()
    size, count = arguments.size, arguments.count
    limit = 1.2 * size / 2**20 + 100
    failures = 0
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        write_sources(folder, size, count)
        write_graph(folder, size, count)
        print(f"{'from':16}{'to':16}{'MB':>8}{'seconds':>9}{'cp':>8}  bits")
        for source in ("in.pt", "in.safetensors", "in.npz"):
            copy, _ = run(["cp", folder / source, folder / "copy"])
            (folder / "copy").unlink()
            for target in ("out.safetensors", "out.npz", "out.onnx"):
                binds = target == "out.onnx"
                options = ["--graph", folder / "graph.onnx", "--external", 1024] if binds else []
                seconds, memory = run(
                    [arguments.tool, *options, folder / source, folder / target])
                wrong = differing(folder / target, size, count)
                is_fine = wrong is None and memory <= limit
                failures += not is_fine
                print(f"{source:16}{target:16}{memory:8.0f}{seconds:9.2f}{copy:8.2f}  "
                      f"{'equal' if wrong is None else wrong + ' differs'}"
                      f"{'' if memory <= limit else f', over {limit:.0f} MB'}", flush=True)
                for path in folder.glob("out.*"):
                    path.unlink()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
