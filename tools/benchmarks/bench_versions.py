"""Compares two builds of onnx-run on the models of the latency table, without peers.

    python tools/benchmarks/bench_versions.py OLD NEW [--threads 1 2] [--rounds 3] [--only MODEL …]
                                              [--level avx2]

OLD and NEW are onnx-run binaries. They take turns on each model; the time of a row is the smallest
of its medians. Prints a table, and the geometric mean of the ratios NEW / OLD.
"""

import argparse
import json
import math
import os
import pathlib
import subprocess

import bench_models
import processor

CORES = {"portable": "Nehalem", "avx2": "Haswell"}  # of OpenBLAS
ROWS = ["lenet5_b1", "lenet5_b64", "rnn_b1", "lstm_b1", "gru_b1", "rnn_b32", "lstm_b32", "gru_b32",
        "bilstm2_b1", "charlm_b1", "lstm_1024_b1", "textcnn_b1",
        *(f"light_{name}" for name in bench_models.LIGHT)]


def median(tool, path, threads, seconds, level):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    if level:
        environment |= {"ONNX_SIMD_LEVEL": level, "OPENBLAS_CORETYPE": CORES[level]}
    output = subprocess.run(
        [tool, "bench", str(path), "--threads", str(threads), "--seconds", str(seconds), "--json"],
        capture_output=True, text=True, check=True, env=environment).stdout
    return json.loads(output)["median_ms"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.25)
    parser.add_argument("--only", nargs="+", default=ROWS)
    parser.add_argument("--level", choices=CORES,
                        help="the instruction set of both, instead of the machine's best")
    parser.add_argument("--cache", type=pathlib.Path, default=pathlib.Path(".bench/models"))
    options = parser.parse_args()
    print(processor.describe(), end="\n\n")
    print("| model | threads | old ms | new ms | new / old |\n|---|---|---|---|---|")
    ratios = []
    for name in options.only:
        path = bench_models.model(name, options.cache)
        for threads in options.threads:
            arguments = path, threads, options.seconds, options.level
            old, new = math.inf, math.inf
            for _ in range(options.rounds):
                old = min(old, median(options.old, *arguments))
                new = min(new, median(options.new, *arguments))
            ratios.append(new / old)
            print(f"| {name} | {threads} | {old:.4g} | {new:.4g} | {new / old:.2f} |", flush=True)
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    print(f"\nGeometric mean of {len(ratios)} ratios: {mean:.3f}")


if __name__ == "__main__":
    main()
