"""Measures a whole training of LeNet-5 on MNIST in onnx-train and in PyTorch.

    tools/bench --training --wall --data MNIST [--epochs 5] [--threads 1 2] [--rounds 3]
                [--json FILE]

Time runs from the start of a process to its end: it reads the data, trains and evaluates the model;
onnx-train also writes it. The PyTorch training is lenet_wall.py. Without the data, the script
reports that and measures nothing.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import bench_peers

ROOT = pathlib.Path(__file__).parents[2]
SCRIPT = pathlib.Path(__file__).with_name("lenet_wall.py")
GOAL = 0.5


def run(command):
    """The seconds a process takes and the last accuracy it prints."""
    start = time.perf_counter()
    result = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, env=bench_peers.environment())
    seconds = time.perf_counter() - start
    if result.returncode:
        raise SystemExit(result.stderr.strip())
    accuracies = re.findall(r"accuracy ([0-9.]+)", result.stdout)
    return seconds, float(accuracies[-1]) if accuracies else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", default=str(ROOT / ".build/release/onnx-train"))
    parser.add_argument("--data", type=pathlib.Path, default=os.environ.get("MNIST"),
                        help="the folder with MNIST (default: the variable MNIST)")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    if not options.data or not any(pathlib.Path(options.data).glob("train-images-idx3-ubyte*")):
        print("MNIST not found, nothing measured: give the folder with its IDX files as --data")
        return

    rows = []
    print(f"{'training':<20}{'thr':>4}{'onnx-train s':>14}{'PyTorch s':>11}{'ratio':>7}{'goal':>6}"
          f"{'accuracy':>10}{'PyTorch':>9}")
    for threads in options.threads:
        with tempfile.TemporaryDirectory() as folder:
            common = ["--data", options.data, "--epochs", options.epochs, "--threads", threads]
            ours = [options.tool, "new", "lenet5", *common,
                    "--output", pathlib.Path(folder) / "lenet5.onnx"]
            theirs = [sys.executable, SCRIPT, *common]
            rounds = [(run(ours), run(theirs)) for _ in range(options.rounds)]
        mine, peer = (statistics.median(pair[side][0] for pair in rounds) for side in (0, 1))
        row = {"model": f"lenet5, {options.epochs} epochs", "threads": threads,
               "onnx_train_s": mine, "pytorch_s": peer, "ratio": mine / peer, "goal": GOAL,
               "accuracy": rounds[-1][0][1], "pytorch_accuracy": rounds[-1][1][1],
               "met": mine / peer <= GOAL}
        rows.append(row)
        print(f"{row['model']:<20}{threads:>4}{mine:>14.2f}{peer:>11.2f}{row['ratio']:>7.2f}"
              f"{GOAL:>6.2f}{row['accuracy'] or 0:>10.4f}{row['pytorch_accuracy'] or 0:>9.4f}"
              f"{'' if row['met'] else '  missed'}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
