"""Measures latency in onnx-run, onnxruntime and OpenVINO and prints one table.

    tools/bench [--only ROW …] [--threads 1 2] [--rounds 5] [--seconds 0.5] [--random] [--quick]
                [--precision bf16] [--json FILE] [--plot FILE.svg] [MODEL.onnx …]

Outputs are compared with onnxruntime's before anything is timed. The engines take turns, and none
runs while another is timed. The machine is measured first, and the bounds are derived from that;
docs/benchmarks.md explains the table.
"""

import argparse
import importlib.metadata
import json
import os
import pathlib
import statistics
import tempfile

import numpy as np

import bench_machine
import bench_models
import bench_peers
import bench_plot
import bench_table
import processor

ROOT = pathlib.Path(__file__).parents[2]


class Sides:
    """Starts onnx-run and the peers that can run the model, on the same inputs."""

    def __init__(self, path, threads, options):
        self.folder = tempfile.TemporaryDirectory()
        inputs = pathlib.Path(self.folder.name) / "inputs.npz"
        np.savez(inputs, **bench_models.inputs(path))
        self.ours = bench_peers.Ours(options.tool, path, inputs, threads, options.precision)
        self.all = [bench_peers.Peer(name, path, inputs, threads, options.precision)
                    for name in options.peers]
        self.peers = [peer for peer in self.all if peer.ready]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for peer in self.all:
            peer.close()
        self.folder.cleanup()

    def difference(self):
        """The largest difference from onnxruntime's outputs, relative to the largest output."""
        reference = [peer for peer in self.peers if peer.name == "onnxruntime"]
        if not reference:
            raise bench_peers.Stopped("onnxruntime cannot run it")
        return bench_peers.difference(self.ours.outputs(), reference[0].outputs)


def measure_overhead(options):
    """{peer: milliseconds of an Identity model on one thread}: the cost of a call from Python."""
    path = bench_models.model("identity", options.cache)
    with Sides(path, 1, options) as sides:
        overhead = {peer.name: statistics.median(peer.median(0.2) for _ in range(3))
                    for peer in sides.peers}
    return overhead


def difference_with_random_weights(path, threads, options):
    """The difference on the same network with random instead of constant weights."""
    if options.quick or not path.stem.startswith("light_"):
        return 0
    twin = bench_models.model(path.stem.replace("light_", "random_"), options.cache)
    alone = argparse.Namespace(**{**vars(options), "peers": ["onnxruntime"]})
    with Sides(twin, threads, alone) as sides:
        return sides.difference()


def measure(path, threads, options):
    """The median milliseconds, as `ours` and `peers` by name, or the `problem`."""
    row = {"model": path.stem, "threads": threads}
    try:
        twin = difference_with_random_weights(path, threads, options)
        with Sides(path, threads, options) as sides:
            row["difference"] = max(twin, sides.difference())
            if not row["difference"] <= bench_table.LARGEST[options.precision]:
                row["problem"] = f"differs by {row['difference']:.0e} of the largest output"
                return row
            times = {side.name: [] for side in [sides.ours, *sides.peers]}
            for _ in range(options.rounds):
                for side in sides.ours, *sides.peers:
                    times[side.name].append(side.median(options.seconds))
    except bench_peers.Stopped as error:
        row["problem"] = str(error)
        return row
    row["rounds"] = times
    medians = {name: statistics.median(rounds) for name, rounds in times.items()}
    row["ours"] = medians.pop("onnx-run")
    row["peers"] = medians
    return row


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", type=pathlib.Path, help="files instead of the rows")
    parser.add_argument("--tool", default=ROOT / ".build/release/onnx-run")
    parser.add_argument("--only", nargs="+", metavar="ROW", help="row names or parts of them")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--seconds", type=float, default=0.5, help="seconds per engine and round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="two rounds of 0.2 seconds")
    parser.add_argument("--random", action="store_true", help="randomize the light models' weights")
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32",
                        help="bf16: let OpenVINO choose its precision; onnxruntime stays f32")
    parser.add_argument("--peers", nargs="+", choices=bench_peers.PEERS, default=bench_peers.PEERS)
    parser.add_argument("--cache", type=pathlib.Path, default=ROOT / ".bench",
                        help="folder for the models")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--plot", type=pathlib.Path, help="write the ratios as SVG")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 2, 0.2
    options.tool = str(options.tool)
    if "onnxruntime" not in options.peers:
        parser.error("--peers must include onnxruntime, whose outputs are the reference")
    return parser, options


def chosen(parser, options):
    """The paths of the models to time."""
    if options.models:
        return options.models
    names = bench_models.ROWS
    if options.random:
        names = [name.replace("light_", "random_") for name in names]
    if options.only:
        unknown = [part for part in options.only if not any(part in name for name in names)]
        if unknown:
            parser.error(f"no row {', '.join(unknown)}; there are {', '.join(names)}")
        names = [name for name in names if name in options.only] or [
            name for name in names if any(part in name for part in options.only)]
    return [bench_models.model(name, options.cache) for name in names]


def main():
    parser, options = parse()
    paths = chosen(parser, options)
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"the machine has been busy (load {load:.1f}); figures may be off")
    machine = bench_machine.Machine(options.tool, options.threads)
    print(processor.describe())
    print(*machine.lines(), sep="\n")
    overhead = measure_overhead(options)
    rows = []
    print(bench_table.HEADER, flush=True)
    for path in paths:
        work = bench_machine.Work(path)
        for threads in options.threads:
            row = measure(path, threads, options)
            rows.append(row)
            if "ours" in row:
                if options.precision == "f32":
                    row["bound"] = work.milliseconds(machine, threads)
                    row["least_bound"] = work.milliseconds(machine, threads, winograd=True)
                bench_table.judge(row, overhead, options.precision)
            marked = threads > 1 and machine.scaling < bench_table.TWO_CORES
            print(bench_table.line(row, marked), flush=True)
    print(*bench_table.summary(rows, overhead, machine.scaling), sep="\n")
    versions = {name: importlib.metadata.version(name) for name in bench_peers.PEERS}
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    result = {
        "machine": {"processor": processor.describe(), "flops": machine.flops,
                    "read": machine.reads, "scaling": machine.scaling},
        "identity_ms": overhead, "versions": versions, "precision": options.precision,
        "rounds": options.rounds, "seconds": options.seconds, "rows": rows,
        "geometric_mean": bench_table.means(rows)}
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    if options.plot:
        options.plot.parent.mkdir(parents=True, exist_ok=True)
        options.plot.write_text(bench_plot.latency(result))


if __name__ == "__main__":
    main()
