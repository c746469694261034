"""Measures the start time and peak memory of onnx-run and onnxruntime and prints two tables.

    tools/bench --start [--only MODEL …] [--threads 1 2] [--rounds 5] [--quick] [--json FILE]

Time runs from spawning the process to its exit after one result; memory is the peak. The networks
have random weights of the real size. onnxruntime appears twice: as a whole Python process that
loads a model and runs it once, and without Python's start and imports. The second figure is
stricter, and the ratios use it. The second table shows models/lenet5.onnx on a picture of a digit.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np

import bench_models
import bench_peers

ROOT = pathlib.Path(__file__).parents[2]
LAUNCHER = pathlib.Path(__file__).with_name("bench_launch.py")
# The largest allowed ratios of seconds and memory to onnxruntime's.
GOALS = {"resnet50": (0.4, 0.6), "vgg19": (0.4, 0.85)}
ROWS = ["resnet50", "vgg19", "bvlc_alexnet", "squeezenet"]
COLD = 0.010, 20e6


def launch(count, command):
    """The median seconds and the median peak resident bytes."""
    result = subprocess.run(
        [sys.executable, "-I", "-S", str(LAUNCHER), str(count), *map(str, command)],
        capture_output=True, text=True, env=bench_peers.environment())
    if result.returncode:
        raise SystemExit(result.stderr.strip())
    seconds, memory = zip(*json.loads(result.stdout))
    return statistics.median(seconds), statistics.median(memory)


def peer_command(path, inputs, threads, report):
    return [sys.executable, bench_peers.__file__, "once", "onnxruntime", path, inputs, threads,
            report]


def start(name, threads, options):
    path = bench_models.model(f"random_{name}", options.cache)
    with tempfile.TemporaryDirectory() as folder:
        inputs, report = pathlib.Path(folder) / "inputs.npz", pathlib.Path(folder) / "report"
        arrays = bench_models.inputs(path)
        np.savez(inputs, **arrays)
        ours = [options.tool, "run", path, "--threads", threads]
        # By name: an .npz file may also override weights, so the session would keep the originals.
        for number, (key, array) in enumerate(arrays.items()):
            file = pathlib.Path(folder) / f"{number}.npy"
            np.save(file, array)
            ours += ["--input", f"{key}={file}"]
        theirs = peer_command(path, inputs, threads, report)
        for command in ours, theirs:  # From here on the files are in the page cache.
            launch(1, command)
        report.unlink()
        rounds = [(launch(1, ours), launch(1, theirs)) for _ in range(options.rounds)]
        inner = statistics.median(map(float, report.read_text().split()))
    seconds, memory, whole, peer_memory = (
        statistics.median(pair[side][number] for pair in rounds)
        for side in (0, 1) for number in (0, 1))
    goals = GOALS.get(name)
    row = {"model": path.stem, "threads": threads, "ours_s": seconds, "onnxruntime_s": inner,
           "onnxruntime_process_s": whole, "ratio": seconds / inner, "ours_bytes": memory,
           "onnxruntime_bytes": peer_memory, "memory_ratio": memory / peer_memory, "goals": goals}
    row["met"] = not goals or (row["ratio"] <= goals[0] and row["memory_ratio"] <= goals[1])
    return row


def cold(options):
    """Reads one digit, from exec to exit."""
    path = ROOT / "models/lenet5.onnx"
    picture = ROOT / "models/digits/7.png"
    count = 5 if options.quick else 20
    ours = [options.tool, path, "--input", picture]
    with tempfile.TemporaryDirectory() as folder:
        inputs = pathlib.Path(folder) / "inputs.npz"
        np.savez(inputs, **bench_models.inputs(path))
        theirs = peer_command(path, inputs, 1, pathlib.Path(folder) / "report")
        launch(2, ours), launch(1, theirs)
        seconds, memory = launch(count, ours)
        peer_seconds, peer_memory = launch(5, theirs)
    return {"model": "lenet5", "ours_s": seconds, "ours_bytes": memory,
            "onnxruntime_process_s": peer_seconds, "onnxruntime_bytes": peer_memory,
            "met": seconds <= COLD[0] and memory <= COLD[1]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", default=str(ROOT / ".build/release/onnx-run"))
    parser.add_argument("--only", nargs="+", choices=[*ROWS, "cold"], default=[*ROWS, "cold"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="two rounds")
    parser.add_argument("--cache", type=pathlib.Path, default=ROOT / ".bench",
                        help="folder for the models")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    if options.quick:
        options.rounds = 2

    rows, answer = [], None
    names = [name for name in ROWS if name in options.only]
    for name in names:
        bench_models.model(f"random_{name}", options.cache)
    if names:
        print(f"{'model':<20}{'thr':>4}{'onnx-run s':>12}{'onnxruntime':>12}{'(process)':>11}"
              f"{'ratio':>7}{'goal':>6}{'onnx-run MB':>13}{'onnxruntime':>12}"
              f"{'ratio':>7}{'goal':>6}")
    for name in names:
        for threads in options.threads:
            row = start(name, threads, options)
            rows.append(row)
            goals = [f"{goal:.2f}" for goal in row["goals"]] if row["goals"] else ["-", "-"]
            print(f"{row['model']:<20}{threads:>4}{row['ours_s']:>12.3f}"
                  f"{row['onnxruntime_s']:>12.3f}{row['onnxruntime_process_s']:>11.3f}"
                  f"{row['ratio']:>7.2f}{goals[0]:>6}"
                  f"{row['ours_bytes'] / 1e6:>13.0f}{row['onnxruntime_bytes'] / 1e6:>12.0f}"
                  f"{row['memory_ratio']:>7.2f}{goals[1]:>6}{'' if row['met'] else '  missed'}",
                  flush=True)
    if "cold" in options.only:
        answer = cold(options)
        print(f"cold answer of LeNet-5: {answer['ours_s'] * 1000:.1f} ms, "
              f"{answer['ours_bytes'] / 1e6:.0f} MB (goal {COLD[0] * 1000:.0f} ms, "
              f"{COLD[1] / 1e6:.0f} MB, {'met' if answer['met'] else 'missed'}); onnxruntime in "
              f"Python {answer['onnxruntime_process_s'] * 1000:.0f} ms, "
              f"{answer['onnxruntime_bytes'] / 1e6:.0f} MB")
    if options.json:
        options.json.write_text(json.dumps({"start": rows, "cold": answer}, indent=1) + "\n")


if __name__ == "__main__":
    main()
