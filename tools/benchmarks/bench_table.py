"""Goals, ratios and the printed latency table."""

import math

PRODUCT = 1.15  # times the bound, if that exceeds the goal
MEAN, ROW = 0.70, 1.0  # the largest ratio of the mean and of a row to the faster peer
LARGEST = {"f32": 1e-3, "bf16": 0.2}
TWO_CORES = 1.8


def judge(row, overhead, precision):
    """Adds `peer`, `ratio`, `goal`, `share` and `met`, derived from the times of a row. In bf16,
    only OpenVINO is a peer."""
    net = {name: ms - overhead[name] for name, ms in row["peers"].items()
           if precision == "f32" or name == "openvino"}
    row["peer"] = max(min(net.values(), default=math.nan), 1e-9)
    row["ratio"] = row["ours"] / row["peer"]
    row["goal"] = ROW
    row["goal_from_bound"] = False
    if "bound" in row:
        row["share"] = row["bound"] / row["ours"]
        least = row["least_bound"] / row["peer"]
        if least > row["goal"]:
            row["goal"] = PRODUCT * least
            row["goal_from_bound"] = True
    row["met"] = row["ratio"] <= row["goal"]


def geometric_mean(ratios):
    logarithms = list(map(math.log, ratios))
    return math.exp(sum(logarithms) / len(logarithms))


def means(rows):
    """{threads: geometric mean of the ratios} over the timed rows"""
    timed = [row for row in rows if "ratio" in row]
    return {threads: geometric_mean(row["ratio"] for row in timed if row["threads"] == threads)
            for threads in sorted({row["threads"] for row in timed})}


HEADER = (f"{'model':<20}{'thr':>4}{'onnx-run':>11}{'onnxruntime':>12}{'OpenVINO':>11}"
          f"{'ratio':>7}{'goal':>7}{'bound':>8}{'difference':>11}")


def line(row, marked):
    """A row of the table, `marked` if the machine does not provide two full cores."""
    def cell(ms):
        return "-" if ms is None else f"{ms:.4f}" if ms < 100 else f"{ms:.1f}"

    text = f"{row['model']:<20}{str(row['threads']) + ('*' if marked else ''):>4}"
    if "ratio" not in row:
        return f"{text}  not timed: {row['problem']}"
    share = f"{row['share']:.0%}" if "share" in row else "-"
    goal = f"{row['goal']:.2f}{'b' if row['goal_from_bound'] else ' '}"
    return (f"{text}{cell(row['ours']):>11}{cell(row['peers'].get('onnxruntime')):>12}"
            f"{cell(row['peers'].get('openvino')):>11}{row['ratio']:>7.2f}{goal:>7}{share:>8}"
            f"{row['difference']:>11.0e}{'' if row['met'] else '  missed'}")


def summary(rows, overhead, scaling):
    """The notes below the table."""
    yield ("median ms; ratio: onnx-run by the faster peer, less its Identity model ("
           + ", ".join(f"{name} {ms * 1000:.1f} µs" for name, ms in overhead.items()) + ")")
    yield ("bound: share of the time that operations as defined, or reading the weights, take at "
           "least; b: goal from the bound")
    if scaling < TWO_CORES:
        yield f"*: two threads multiply {scaling:.2f} times as much as one, two cores are not there"
    for threads, mean in means(rows).items():
        yield (f"geometric mean, {threads} thread{'s' if threads > 1 else ''}: {mean:.3f}"
               f" (goal {MEAN}, {'met' if mean <= MEAN else 'missed'})")
    missed = [f"{row['model']}/{row['threads']}" for row in rows if not row.get("met")]
    yield "missed: " + (", ".join(missed) if missed else "none")
