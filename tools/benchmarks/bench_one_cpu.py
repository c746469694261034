"""Times onnx-run with one and with two threads on one CPU and prints the ratio.

    tools/bench --one-cpu [--only ROW …] [--cpu 1] [--rounds 5] [--seconds 0.5] [--json FILE]

Threads that wait must leave the CPU to the thread that works.
"""

import argparse
import json
import os
import pathlib
import statistics
import tempfile

import numpy as np

import bench_models
import bench_peers

ROOT = pathlib.Path(__file__).parents[2]
ROWS = ["lenet5_b1", "lstm_b1", "lstm_b32", "light_resnet50"]
# The largest allowed ratio of two threads' time to one's.
GOAL = 1.2


def measure(name, options):
    path = bench_models.model(name, options.cache)
    with tempfile.TemporaryDirectory() as folder:
        inputs = pathlib.Path(folder) / "inputs.npz"
        np.savez(inputs, **bench_models.inputs(path))
        sides = [bench_peers.Ours(options.tool, path, inputs, threads) for threads in (1, 2)]
        rounds = [[side.median(options.seconds) for side in sides] for _ in range(options.rounds)]
    one, two = map(statistics.median, zip(*rounds))
    return {"model": path.stem, "one_ms": one, "two_ms": two, "ratio": two / one,
            "met": two <= GOAL * one}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", default=str(ROOT / ".build/release/onnx-run"))
    parser.add_argument("--only", nargs="+", default=ROWS)
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--seconds", type=float, default=0.5, help="per thread count and round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cache", type=pathlib.Path, default=ROOT / ".bench",
                        help="folder for the models")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    # Processes started from here on inherit the affinity.
    os.sched_setaffinity(0, {options.cpu})

    rows = []
    print(f"{'CPU ' + str(options.cpu):<20}{'1 thread ms':>13}{'2 threads ms':>14}{'ratio':>7}"
          f"{'goal':>6}")
    for name in options.only:
        row = measure(name, options)
        rows.append(row)
        print(f"{row['model']:<20}{row['one_ms']:>13.3f}{row['two_ms']:>14.3f}"
              f"{row['ratio']:>7.2f}{GOAL:>6.2f}{'' if row['met'] else '  missed'}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
