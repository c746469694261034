"""Runs models in onnx-run, onnxruntime and OpenVINO, each in a separate process.

    python tools/benchmarks/bench_peers.py PEER MODEL INPUTS.npz THREADS PRECISION
    python tools/benchmarks/bench_peers.py once PEER MODEL INPUTS.npz THREADS REPORT

The first form serves one model: it reads a number of seconds per line from standard input, runs the
model for that long and prints a JSON object with the median, `ms`. It writes the outputs to
INPUTS.npz.PEER.npz first. It answers only once its threads are idle, so that they do not disturb
the next measurement. The second form loads a model, runs it once and writes the seconds to REPORT.
"""

import importlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

CLEARED = [name for name in os.environ if name.startswith("OPENBLAS_")]
PEERS = ["onnxruntime", "openvino"]


def environment():
    """The environment without the variables that select another CPU's kernels."""
    return {name: value for name, value in os.environ.items() if name not in CLEARED}


def open_onnxruntime(path, values, threads, precision):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_outputs()]

    def run():
        return session.run(None, values)

    return run, dict(zip(names, run()))


def open_openvino(path, values, threads, precision):
    import openvino

    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
    if precision == "f32":
        settings["INFERENCE_PRECISION_HINT"] = "f32"
    model = openvino.Core().compile_model(path, "CPU", settings)
    request = model.create_infer_request()
    for name, value in values.items():
        request.set_tensor(name, openvino.Tensor(value))
    run = request.infer
    run()
    outputs = {name: request.get_tensor(port).data.copy()
               for port in model.outputs for name in port.names}
    return run, outputs


def settle():
    """Waits until the threads of this process sleep."""
    for _ in range(100):
        before = time.process_time()
        time.sleep(0.02)
        if time.process_time() - before < 0.002:
            break


def timed(run, seconds, least=5):
    times = []
    clock = time.perf_counter
    before = clock()
    end = before + seconds
    while before < end or len(times) < least:
        run()
        after = clock()
        times.append(after - before)
        before = after
    return times


def serve(peer, path, inputs, threads, precision):
    values = dict(np.load(inputs))
    started = time.perf_counter()
    run, outputs = globals()[f"open_{peer}"](path, values, int(threads), precision)
    first = time.perf_counter() - started
    np.savez(f"{inputs}.{peer}.npz", **outputs)
    settle()
    print(json.dumps({"first": first}), flush=True)
    for line in sys.stdin:
        seconds = float(line)
        timed(run, seconds / 10, 1)
        times = timed(run, seconds)
        settle()
        print(json.dumps({"ms": statistics.median(times) * 1000, "runs": len(times)}), flush=True)


def once(peer, path, inputs, threads, report):
    """Loads a model, runs it once, and appends the seconds, without imports, to `report`."""
    importlib.import_module(peer)
    values = dict(np.load(inputs))
    started = time.perf_counter()
    globals()[f"open_{peer}"](path, values, int(threads), "f32")
    with open(report, "a") as file:
        file.write(f"{time.perf_counter() - started}\n")


class Peer:
    """A process that serves one model; `ready` is false if it cannot run it."""

    def __init__(self, peer, path, inputs, threads, precision="f32"):
        self.name, self.outputs = peer, None
        self.process = subprocess.Popen(
            [sys.executable, __file__, peer, str(path), str(inputs), str(threads), precision],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=environment())
        self.ready = self.answer() is not None
        if self.ready:
            self.outputs = dict(np.load(f"{inputs}.{peer}.npz"))

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            lines = self.process.stderr.read().strip().splitlines() or ["no reason given"]
            print(f"{self.name}: {lines[-1]}", file=sys.stderr)
            return None
        return json.loads(line)

    def median(self, seconds):
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        answer = self.answer()
        if answer is None:
            raise SystemExit(f"{self.name} stopped")
        return answer["ms"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Stopped(Exception):
    """onnx-run failed."""


class Ours:
    """onnx-run, in a new process for each measurement."""

    name = "onnx-run"

    def __init__(self, tool, path, inputs, threads, precision="f32"):
        self.tool, self.path, self.inputs = tool, str(path), inputs
        self.options = ["--threads", str(threads)]
        if precision != "f32":
            self.options += ["--precision", precision]

    def call(self, *arguments):
        command = [self.tool, *map(str, arguments), *self.options]
        result = subprocess.run(command, capture_output=True, text=True, env=environment())
        if result.returncode:
            raise Stopped(result.stderr.strip() or f"{command} exited with {result.returncode}")
        return result.stdout

    def outputs(self):
        folder = pathlib.Path(f"{self.inputs}.outputs")
        self.call("run", self.path, "--input", self.inputs, "--output-dir", folder,
                  "--output-format", "npz")
        return dict(np.load(folder / "outputs.npz"))

    def median(self, seconds):
        answer = self.call(
            "bench", self.path, "--input", self.inputs, "--seconds", seconds, "--json")
        return json.loads(answer)["median_ms"]


def difference(ours, theirs):
    """The largest difference in any output, relative to that output's largest value."""
    return max(
        float(np.abs(ours[name].astype(np.float64) - value).max() / max(np.abs(value).max(), 1e-30))
        for name, value in theirs.items())


if __name__ == "__main__":
    if sys.argv[1] == "once":
        once(*sys.argv[2:])
    else:
        serve(*sys.argv[1:])
