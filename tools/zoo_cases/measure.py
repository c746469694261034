"""Time and memory of models in onnx-run and onnxruntime.

    python tools/zoo_cases/measure.py MODEL INPUTS.npz THREADS SECONDS

The command line form is onnxruntime's process: for every line on its standard input it runs the
model for that many seconds and prints a JSON object with the median milliseconds of a run and the
peak resident bytes of the process, Python included.
"""

import json
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

THREADS = [1, 2]
# The engines take turns so many times; onnx-run is a new process each time.
ROUNDS = 3


def peak():
    """The peak resident bytes of this process."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def serve(path, inputs, threads, seconds):
    """Measures onnxruntime once for each line of standard input."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    values = dict(np.load(inputs))
    for _ in sys.stdin:
        session.run(None, values)
        times, end = [], time.perf_counter() + seconds
        while len(times) < 3 or time.perf_counter() < end:
            start = time.perf_counter()
            session.run(None, values)
            times.append(time.perf_counter() - start)
        time.sleep(0.05)  # until its threads no longer spin
        answer = {"median_ms": statistics.median(times) * 1000, "peak_rss_bytes": peak()}
        print(json.dumps(answer), flush=True)


def call(command):
    from judge import environment

    result = subprocess.run(command, capture_output=True, text=True, env=environment())
    if result.returncode:
        lines = result.stderr.strip().splitlines() or ["no reason given"]
        raise RuntimeError(lines[-1])
    return json.loads(result.stdout)


class Peer:
    """onnxruntime in a process of its own."""

    def __init__(self, *arguments):
        from judge import environment

        self.process = subprocess.Popen(
            [sys.executable, __file__, *map(str, arguments)], env=environment(), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def measure(self):
        try:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise RuntimeError("onnxruntime ended early") from None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("onnxruntime does not run it")
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def measure(tool, case, seconds):
    """A row: for each number of threads, milliseconds and bytes of both."""
    import references

    model = str(case / "model.onnx")
    row = {}
    with tempfile.TemporaryDirectory() as folder:
        inputs = f"{folder}/inputs.npz"
        np.savez(inputs, **references.read(case, "input"))
        for threads in THREADS:
            command = [tool, "bench", model, "--input", inputs, "--seconds", str(seconds),
                       "--threads", str(threads), "--json"]
            ours, theirs = [], []
            with Peer(model, inputs, threads, seconds) as peer:
                for _ in range(ROUNDS):
                    ours.append(call(command))
                    theirs.append(peer.measure())
            row[str(threads)] = {
                f"{name}_{unit}": statistics.median(entry[key] for entry in entries)
                for name, entries in [("ours", ours), ("onnxruntime", theirs)]
                for unit, key in [("ms", "median_ms"), ("bytes", "peak_rss_bytes")]}
    return row


def ratio(row, threads, unit):
    found = row[str(threads)]
    return found[f"ours_{unit}"] / found[f"onnxruntime_{unit}"]


def is_quantized(case):
    import onnx
    import references

    return references.is_quantized(onnx.load(case / "model.onnx", load_external_data=False))


def table(tool, cases, seconds):
    """Prints a line for each case and the means, and gives the rows."""
    sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "benchmarks"))
    import processor

    print(processor.describe())
    title = "".join(f"{f'{threads} thread' + 's' * (threads > 1):>30}" for threads in THREADS)
    columns = f"{'ours':>10}{'ort':>10}{'ratio':>10}" * len(THREADS)
    print(f"{'':<56}{title}{'peak memory, MB':>30}\n{'ms':<56}{columns}"
          f"{'ours':>10}{'ort':>10}{'ratio':>10}")
    rows = []
    for name, case, _ in cases:
        try:
            row = measure(tool, case, seconds)
        except RuntimeError as error:
            print(f"{name:<56}  {str(error).rsplit('model.onnx: ')[-1]}"[:150], flush=True)
            rows.append({"case": name, "message": str(error)})
            continue
        cells = ""
        for threads in THREADS:
            found = row[str(threads)]
            cells += (f"{found['ours_ms']:>10.3f}{found['onnxruntime_ms']:>10.3f}"
                      f"{ratio(row, threads, 'ms'):>10.2f}")
        last = row[str(THREADS[0])]
        cells += (f"{last['ours_bytes'] / 1e6:>10.0f}{last['onnxruntime_bytes'] / 1e6:>10.0f}"
                  f"{ratio(row, THREADS[0], 'bytes'):>10.2f}")
        print(f"{name:<56}{cells}", flush=True)
        rows.append({"case": name, "quantized": is_quantized(case), **row})
    summarize([row for row in rows if "message" not in row])
    return rows


def mean(values):
    return math.exp(statistics.fmean(map(math.log, values)))


def summarize(rows):
    """Prints the geometric means and the largest of the ratios."""
    groups = {"all": rows, "8 bits": [row for row in rows if row["quantized"]],
              "others": [row for row in rows if not row["quantized"]]}
    for name, group in groups.items():
        if not group:
            continue
        print(f"\n{name}, {len(group)} models: geometric mean, largest ratio, rows above 1.15")
        for threads in THREADS:
            ratios = [ratio(row, threads, "ms") for row in group]
            above = sum(value > 1.15 for value in ratios)
            print(f"  time, {threads} threads: {mean(ratios):.2f}, {max(ratios):.2f}, {above}")
        ratios = [ratio(row, THREADS[0], "bytes") for row in group]
        print(f"  peak memory: {mean(ratios):.2f}, {max(ratios):.2f}, "
              f"{sum(value > 1.1 for value in ratios)} above 1.1")
    gains = [row["2"]["ours_ms"] / row["1"]["ours_ms"] for row in rows if row["1"]["ours_ms"] > 1]
    if gains:
        print(f"\ntwo threads beside one, {len(gains)} models over 1 ms: {mean(gains):.2f}, "
              f"{max(gains):.2f}, {sum(gain > 0.6 for gain in gains)} above 0.6")


if __name__ == "__main__":
    path, inputs, threads, seconds = sys.argv[1:]
    serve(path, inputs, int(threads), float(seconds))
