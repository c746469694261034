"""Times models in onnx-run and in onnxruntime, turn by turn, and prints one table.

    tools/bench [--threads 1 2] [--seconds 2] [--rounds 3] [MODEL.onnx ...]

Without models: LeNet-5, an LSTM of 100 steps (input 128, hidden 256), and the ResNet-50 of the onnx
wheel. The outputs are compared before anything is timed. onnxruntime's column is less what an
Identity model costs through its Python call, which is shown below the table.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


def lstm_model(steps=100, inputs=128, hidden=256):
    rng = np.random.default_rng(0)
    scale = hidden**-0.5
    weights = {
        "W": (1, 4 * hidden, inputs),
        "R": (1, 4 * hidden, hidden),
        "B": (1, 8 * hidden),
    }
    tensors = [
        numpy_helper.from_array(rng.uniform(-scale, scale, shape).astype(np.float32), name)
        for name, shape in weights.items()
    ]
    node = helper.make_node("LSTM", ["x", "W", "R", "B"], ["y"], hidden_size=hidden)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [steps, 1, inputs])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [steps, 1, 1, hidden])
    graph = helper.make_graph([node], "lstm", [x], [y], tensors)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


def identity_model():
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "identity", [x], [y])
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


def default_models(folder):
    root = pathlib.Path(__file__).parents[2]
    light = pathlib.Path(onnx.__file__).parent / "backend/test/data/light"
    lstm = folder / "lstm.onnx"
    onnx.save(lstm_model(), lstm)
    return [root / "models/lenet5.onnx", lstm, light / "light_resnet50.onnx"]


def peer_session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def peer_inputs(session):
    kinds = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32}
    rng = np.random.default_rng(0)
    values = {}
    for entry in session.get_inputs():
        shape = [size if isinstance(size, int) else 1 for size in entry.shape]
        kind = kinds[entry.type]
        if kind == np.float32:
            values[entry.name] = rng.uniform(size=shape).astype(kind)
        else:
            values[entry.name] = np.zeros(shape, kind)
    return values


def peer_median(session, values, seconds):
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 10:
        start = time.perf_counter()
        session.run(None, values)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def compare(tool, path, session, values, folder):
    """The largest difference of any output, relative to the output's largest value."""
    arguments = [tool, "run", str(path), "--output-dir", str(folder), "--output-format", "npz"]
    for index, (name, value) in enumerate(values.items()):
        file = folder / f"input_{index}.npy"
        np.save(file, value)
        arguments += ["--input", f"{name}={file}"]
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ours = np.load(folder / "outputs.npz")
    names = [entry.name for entry in session.get_outputs()]
    return max(
        float(np.abs(ours[name] - peer).max() / max(np.abs(peer).max(), 1e-30))
        for name, peer in zip(names, session.run(None, values))
    )


def our_median(tool, path, threads, seconds):
    result = subprocess.run(
        [tool, "bench", str(path), "--threads", str(threads), "--seconds", str(seconds), "--json"],
        check=True, capture_output=True, text=True)
    return json.loads(result.stdout)["median_ms"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", type=pathlib.Path)
    parser.add_argument("--tool", default=".build/release/onnx-run")
    parser.add_argument("--threads", nargs="+", type=int, default=[1])
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        models = options.models or default_models(folder)
        identity = folder / "identity.onnx"
        onnx.save(identity_model(), identity)
        session = peer_session(identity, 1)
        overhead = peer_median(session, peer_inputs(session), 0.5)
        print(f"{'model':<24}{'threads':>8}{'onnx-run ms':>13}{'onnxruntime ms':>16}"
              f"{'ratio':>8}{'difference':>12}")
        for path in models:
            for threads in options.threads:
                session = peer_session(path, threads)
                values = peer_inputs(session)
                difference = compare(options.tool, path, session, values, folder)
                ours, peers = [], []
                for _ in range(options.rounds):
                    ours.append(our_median(options.tool, path, threads, options.seconds))
                    peers.append(peer_median(session, values, options.seconds) - overhead)
                mine, peer = statistics.median(ours), statistics.median(peers)
                print(f"{path.stem:<24}{threads:>8}{mine:>13.4f}{peer:>16.4f}"
                      f"{mine / peer:>8.2f}{difference:>12.1e}", flush=True)
        print(f"onnxruntime {onnxruntime.__version__}; an Identity model takes it "
              f"{overhead * 1000:.1f} µs")


if __name__ == "__main__":
    main()
