"""Compares models in other precisions in onnxruntime and onnx-run.

    python tools/compare/precision.py ONNX_CONVERT ONNX_RUN [--peers] [MODEL…]

Converts each model with --to float16, int8, qdq and int4, runs it on noise in onnxruntime and
onnx-run, and prints two differences relative to the largest output: between onnxruntime's outputs
before and after the conversion, and between both engines after it. Then it prints the milliseconds
per run before and after, here (as reported by a release build of onnx-convert) and in onnxruntime.
Without models, it makes some with PyTorch: a convolutional network with BatchNorm, a Transformer
layer and an LSTM.

With --peers, onnxruntime's own quantisers follow: quantize_dynamic and quantize_static with one
scale per channel, MatMulNBits with blocks of 32, and its float16 converter.
"""
import argparse
import pathlib
import re
import subprocess
import tempfile
import time

import numpy
import onnxruntime


def make_models(folder):
    import torch

    torch.manual_seed(0)

    class Last(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = torch.nn.LSTM(16, 32, 2, bidirectional=True)
            self.out = torch.nn.Linear(64, 10)

        def forward(self, x):
            return self.out(self.lstm(x)[0])

    class Attention(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norms = torch.nn.ModuleList(torch.nn.LayerNorm(64) for _ in range(2))
            self.qkv, self.out = torch.nn.Linear(64, 192), torch.nn.Linear(64, 64)
            self.up, self.down = torch.nn.Linear(64, 128), torch.nn.Linear(128, 64)

        def forward(self, x):
            q, k, v = self.qkv(self.norms[0](x)).chunk(3, -1)
            weights = torch.softmax(q @ k.transpose(1, 2) / 8, -1)
            x = x + self.out(weights @ v)
            return x + self.down(torch.relu(self.up(self.norms[1](x))))

    models = {
        "cnn": (
            torch.nn.Sequential(
                torch.nn.Conv2d(3, 16, 3, padding=1), torch.nn.BatchNorm2d(16), torch.nn.ReLU(),
                torch.nn.Conv2d(16, 32, 3, stride=2), torch.nn.ReLU(), torch.nn.AvgPool2d(2),
                torch.nn.Flatten(), torch.nn.Linear(32 * 7 * 7, 10)),
            torch.randn(2, 3, 32, 32)),
        "transformer": (Attention(), torch.randn(2, 9, 64)),
        "lstm": (Last(), torch.randn(5, 3, 16)),
    }
    for name, (model, x) in models.items():
        path = folder / f"{name}.onnx"
        torch.onnx.export(
            model.eval(), (x,), str(path), dynamo=False, opset_version=17, input_names=["x"],
            output_names=["y"])
        yield path


def open_session(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # onnxruntime's layout passes crash on a float16 LSTM without sequence lengths.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def milliseconds(path, inputs):
    session = open_session(path)
    session.run(None, inputs)
    times = []
    end = time.perf_counter() + 0.5
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        session.run(None, inputs)
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


def run(path, inputs):
    session = open_session(path)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs)))


def noise(path):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    generator = numpy.random.default_rng(0)
    inputs = {}
    for info in session.get_inputs():
        shape = [size if isinstance(size, int) else 1 for size in info.shape]
        if info.type == "tensor(float)":
            inputs[info.name] = generator.random(shape, dtype=numpy.float32)
        else:
            inputs[info.name] = numpy.zeros(shape, numpy.int64)
    return inputs


def difference(a, b):
    worst = 0.0
    for name, value in a.items():
        if value.dtype.kind == "f" and value.size:
            largest = max(float(numpy.abs(value).max()), 1e-30)
            other = b[name].astype(numpy.float64)
            worst = max(worst, float(numpy.abs(value - other).max()) / largest)
    return worst


def make_peer(model, precision, path, inputs):
    """Quantises the model with onnxruntime's own tools."""
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
    from onnxruntime.transformers.float16 import convert_float_to_float16

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.left = [inputs]

        def get_next(self):
            return self.left.pop() if self.left else None

    if precision == "int8":
        quantization.quantize_dynamic(str(model), str(path), per_channel=True)
    elif precision == "qdq":
        quantization.quantize_static(str(model), str(path), Reader(), per_channel=True)
    elif precision == "int4":
        quantizer = MatMulNBitsQuantizer(onnx.load(model), block_size=32, is_symmetric=True)
        quantizer.process()
        onnx.save(quantizer.model.model, path)
    else:
        onnx.save(convert_float_to_float16(onnx.load(model), keep_io_types=True), path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("convert", metavar="ONNX_CONVERT", help="the built onnx-convert")
    parser.add_argument("tool", metavar="ONNX_RUN", help="the built onnx-run")
    parser.add_argument("models", metavar="MODEL", nargs="*", type=pathlib.Path)
    parser.add_argument("--peers", action="store_true", help="also run onnxruntime's quantisers")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        models = options.models or list(make_models(folder))
        for model in models:
            inputs = noise(model)
            numpy.savez(folder / "inputs.npz", **inputs)
            samples = folder / "samples"
            samples.mkdir(exist_ok=True)
            numpy.savez(samples / "0.npz", **inputs)
            before = run(model, inputs)
            for precision in ["float16", "int8", "qdq", "int4"]:
                path = folder / f"{precision}.onnx"
                command = [options.convert, str(model), str(path), "--to", precision,
                           "--calibrate", str(samples)]
                done = subprocess.run(command, capture_output=True, text=True)
                if done.returncode:
                    print(f"{model.name} {precision}: {done.stderr.strip()}")
                    continue
                try:
                    after = run(path, inputs)
                except Exception as error:
                    print(f"{model.name} {precision}: onnxruntime: {str(error)[:300]}")
                    continue
                subprocess.run(
                    [options.tool, str(path), "--input", str(folder / "inputs.npz"), "--output-dir",
                     str(folder), "--output-format", "npz"], check=True, capture_output=True)
                ours = dict(numpy.load(folder / "outputs.npz"))
                ours = {name: ours[name] for name in before}
                times = re.search(r"a run: (\S+) ms before, (\S+) ms", done.stdout)
                here = " -> ".join(times.groups()) if times else "?"
                print(
                    f"{model.name} {precision}: {model.stat().st_size} bytes before,"
                    f" {path.stat().st_size} after; outputs differ by"
                    f" {difference(before, after):.2g}, engines by {difference(after, ours):.2g};"
                    f" ms here {here}, in onnxruntime {milliseconds(model, inputs):.3g} ->"
                    f" {milliseconds(path, inputs):.3g}", flush=True)
                if not options.peers:
                    continue
                peer = folder / "peer.onnx"
                try:
                    make_peer(model, precision, peer, inputs)
                    print(
                        f"  onnxruntime's own: {peer.stat().st_size} bytes; outputs differ by"
                        f" {difference(before, run(peer, inputs)):.2g}; ms"
                        f" {milliseconds(peer, inputs):.3g}", flush=True)
                except Exception as error:
                    print(f"  onnxruntime's own: {str(error)[:200]}")


if __name__ == "__main__":
    main()
