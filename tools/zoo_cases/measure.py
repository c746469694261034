"""Time and memory of models in onnx-run and onnxruntime.

    python tools/zoo_cases/measure.py MODEL INPUTS.npz THREADS SECONDS

The command line form measures onnxruntime in its own process and prints a JSON object: the median
milliseconds of a run and the peak resident bytes of the process, Python included.
"""

import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

THREADS = [1, 2]


def peak():
    """The peak resident bytes of this process."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def onnxruntime_here(path, inputs, threads, seconds):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    values = dict(np.load(inputs))
    session.run(None, values)
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        session.run(None, values)
        times.append(time.perf_counter() - start)
    return {"median_ms": statistics.median(times) * 1000, "peak_rss_bytes": peak()}


def call(command):
    from judge import environment

    result = subprocess.run(command, capture_output=True, text=True, env=environment())
    if result.returncode:
        lines = result.stderr.strip().splitlines() or ["no reason given"]
        raise RuntimeError(lines[-1])
    return json.loads(result.stdout)


def measure(tool, case, seconds):
    """A row: for each number of threads, milliseconds and bytes of both."""
    import references

    model = str(case / "model.onnx")
    row = {}
    with tempfile.TemporaryDirectory() as folder:
        inputs = f"{folder}/inputs.npz"
        np.savez(inputs, **references.read(case, "input"))
        for threads in THREADS:
            ours = call([tool, "bench", model, "--input", inputs, "--seconds", str(seconds),
                         "--threads", str(threads), "--json"])
            theirs = call([sys.executable, __file__, model, inputs, str(threads), str(seconds)])
            row[str(threads)] = {
                "ours_ms": ours["median_ms"], "onnxruntime_ms": theirs["median_ms"],
                "ours_bytes": ours["peak_rss_bytes"],
                "onnxruntime_bytes": theirs["peak_rss_bytes"]}
    return row


def table(tool, cases, seconds):
    """Prints a line for each case and gives the rows."""
    title = "".join(f"{f'{threads} thread' + 's' * (threads > 1):>30}" for threads in THREADS)
    columns = f"{'ours':>10}{'ort':>10}{'ratio':>10}" * len(THREADS)
    print(f"{'':<56}{title}{'peak memory, MB':>30}\n{'ms':<56}{columns}"
          f"{'ours':>10}{'ort':>10}{'ratio':>10}")
    rows, ratios = [], {threads: [] for threads in THREADS}
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
            ratio = found["ours_ms"] / found["onnxruntime_ms"]
            ratios[threads].append(ratio)
            cells += f"{found['ours_ms']:>10.3f}{found['onnxruntime_ms']:>10.3f}{ratio:>10.2f}"
        last = row[str(THREADS[0])]
        ours, theirs = last["ours_bytes"], last["onnxruntime_bytes"]
        cells += f"{ours / 1e6:>10.0f}{theirs / 1e6:>10.0f}{ours / theirs:>10.2f}"
        print(f"{name:<56}{cells}", flush=True)
        rows.append({"case": name, **row})
    for threads in THREADS:
        if ratios[threads]:
            print(f"median ratio, {threads} threads: {statistics.median(ratios[threads]):.2f}")
    return rows


if __name__ == "__main__":
    path, inputs, threads, seconds = sys.argv[1:]
    print(json.dumps(onnxruntime_here(path, inputs, int(threads), float(seconds))))
