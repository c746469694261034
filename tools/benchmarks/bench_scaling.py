"""Predicts training steps on 1 to 64 ranks from what tools/two_hosts has measured: a table and a chart.

    tools/two_hosts --models MODEL:BATCH … --json hosts.json
    python tools/benchmarks/bench_scaling.py hosts.json [--svg FILE]

The batch grows to 64 shards of the measured size, so that 64 ranks have one each. Assumptions:
- A shard takes the same time on every rank, a quarter of the step at 1 rank with 4 shards, without the
  update. Of it, two thirds are the backward pass. The update takes its measured time on every rank.
- Gradients have the bytes of the model's float parameters. They leave in buckets (--bucket), of which the
  last can only be sent after the backward pass.
- Two ranks exchange a bucket in one round, more in two: each sends a part to every other, adds, and
  sends the sums. A round takes α, then --message for each further message of a rank, and its bytes at
  the measured rate. The network serves all ranks at that rate at once.
- Of the backward pass of a rank's last shard, a share hides communication, the same at any number of
  ranks. It follows from the time that the 2 measured ranks waited: what the buckets take on this
  network, less the waiting, is what was hidden. Where a bucket or more is hidden in any case, the share
  is at most 1; where nothing can be hidden, 0.

Each prediction for 2 ranks of 4 shards stands beside the measured step.
"""

import argparse
import json
import math
import pathlib

import onnx

from bench_plot import rectangle, text, vertical

RANKS = [1, 2, 4, 8, 16, 32, 64]
SHARDS = 64
MEASURED_SHARDS = 4
COLORS = ["#4878a8", "#c0504d", "#6a9a5b", "#8064a2", "#d08a3c", "#5aa5a5"]


def gradient_bytes(path):
    graph = onnx.load(path, load_external_data=False).graph
    return sum(4 * math.prod(tensor.dims) for tensor in graph.initializer
               if tensor.data_type == onnx.TensorProto.FLOAT)


def round_ms(size, ranks, network, options):
    """One round of a bucket: every rank sends its share of `size` bytes to every other."""
    messages = options.message / 1e3 * (ranks - 2)
    return network["alpha_us"] / 1e3 + messages + size / network["MB_per_s"] / 1e3


def exchange_ms(size, ranks, network, options):
    if ranks == 1:
        return 0.0
    if ranks == 2:
        return round_ms(size, 2, network, options)
    return 2 * round_ms(size * (ranks - 1) / ranks, ranks, network, options)


def shard_ms(model):
    return (model["ms"]["1"] - model["update_ms"]) / MEASURED_SHARDS


def buckets_ms(model, ranks, network, options):
    """The time of all buckets, and of the last of them."""
    buckets = max(1, round(model["bytes"] / options.bucket))
    last = exchange_ms(model["bytes"] / buckets, ranks, network, options)
    return buckets * last, last


def overlap(model, network, options):
    """The share of the backward pass of the last shard that hides communication, as measured."""
    total, last = buckets_ms(model, 2, network, options)
    most = min(total - last, shard_ms(model) * 2 / 3)
    return min(max((total - model["waiting_ms"]) / most, 0), 1) if most > 0 else 0.0


def step_ms(model, ranks, shards, network, options):
    shard = shard_ms(model)
    compute = math.ceil(shards / ranks) * shard + model["update_ms"]
    total, last = buckets_ms(model, ranks, network, options)
    return compute + total - min(total - last, model["overlap"] * shard * 2 / 3)


def chart(curves, note):
    left, top, width, height, right = 60, 64, 480, 260, 250
    bottom = top + height
    shapes = [text(16, 24, "Predicted efficiency of training on up to 64 ranks", size=16),
              text(16, 42, note, color="#666")]
    place = {ranks: left + width * index / (len(RANKS) - 1) for index, ranks in enumerate(RANKS)}
    for tenth in range(0, 11, 2):
        y = bottom - height * tenth / 10
        shapes += [f'<line x1="{left}" x2="{left + width}" y1="{y:.1f}" y2="{y:.1f}" '
                   'stroke="#e4e4e4"/>', text(left - 8, y + 4, f"{tenth / 10:.1f}", "end", 11)]
    for ranks, x in place.items():
        shapes += [vertical(x, top, bottom, "#f0f0f0"), text(x, bottom + 16, str(ranks), "middle")]
    shapes.append(text(left + width / 2, bottom + 34, "ranks", "middle", color="#666"))
    for index, (name, values) in enumerate(curves.items()):
        color = COLORS[index % len(COLORS)]
        points = " ".join(f"{place[ranks]:.1f},{bottom - height * value:.1f}"
                          for ranks, value in values.items())
        y = top + 18 * index
        shapes += [f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>',
                   rectangle(left + width + 20, y, 11, 11, color),
                   text(left + width + 38, y + 10, name)]
    total = left + width + right
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="{bottom + 44}" '
            'font-family="sans-serif">\n' + rectangle(0, 0, total, bottom + 44, "white") + "\n"
            + "\n".join(shapes) + "\n</svg>\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("hosts", type=pathlib.Path, help="the JSON file of tools/two_hosts")
    parser.add_argument("--bucket", type=int, default=1 << 17, help="bytes")
    parser.add_argument("--message", type=float, default=10, help="µs for each further message")
    parser.add_argument("--svg", type=pathlib.Path)
    options = parser.parse_args()

    curves = {}
    print(f"{'model':<16}{'network':<20}{'':>6}" + "".join(f"{r:>8}" for r in RANKS)
          + f"{'2 ranks predicted, measured ms':>34}")
    for network in json.loads(options.hosts.read_text()):
        label = f"{network['rate_mbit']:g} Mbit/s, {network['delay_ms']:g} ms"
        for model in network["models"]:
            model["bytes"] = gradient_bytes(model["model"])
            model["overlap"] = overlap(model, network, options)
            name = pathlib.Path(model["model"]).stem
            steps = {r: step_ms(model, r, SHARDS, network, options) for r in RANKS}
            efficiency = {r: steps[1] / steps[r] / r for r in RANKS}
            curves[f"{name}, {label}"] = efficiency
            predicted = step_ms(model, 2, MEASURED_SHARDS, network, options)
            print(f"{name:<16}{label:<20}{'ms':>6}" + "".join(f"{steps[r]:>8.2f}" for r in RANKS)
                  + f"{predicted:>22.2f},{model['ms']['2']:>10.2f}")
            print(f"{'':<36}{'eff.':>6}" + "".join(f"{efficiency[r]:>8.2f}" for r in RANKS)
                  + f"{'overlap':>12} {model['overlap']:.2f}, update {model['update_ms']:.2f} ms")
    print(f"{SHARDS} shards, {options.message:g} µs a message")
    if options.svg:
        options.svg.write_text(chart(
            curves, f"{SHARDS} shards of the measured size; 2 ranks are measured, the rest follows "
            "from α and the rate of the network"))


if __name__ == "__main__":
    main()
