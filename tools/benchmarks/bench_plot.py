"""Draws the ratios of a table as a bar chart in SVG."""

from html import escape

import bench_table

ROW, TOP, LEFT, WIDTH, RIGHT = 34, 64, 170, 520, 60
COLORS = {1: "#4878a8", 2: "#9cc0dc"}
OTHER = "#c8d8e4"
MISSED = "#c0504d"


def text(x, y, content, anchor="start", size=12, color="#333"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
            f'fill="{color}">{escape(content)}</text>')


def rectangle(x, y, width, height, color):
    return (f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" '
            f'fill="{color}"/>')


def vertical(x, top, bottom, color, width=1, dashes=""):
    return (f'<line x1="{x:.1f}" y1="{top:.1f}" x2="{x:.1f}" y2="{bottom:.1f}" stroke="{color}" '
            f'stroke-width="{width}"{dashes and f" stroke-dasharray={dashes!r}"}/>')


def bars(title, note, groups, threads, mean):
    """
    groups: [(name, {threads: (ratio, goal)})] from top to bottom
    mean: {threads: (ratio, goal)}
    """
    groups = [*groups, ("geometric mean", mean)]
    largest = max(ratio for _, group in groups for ratio, _ in group.values())
    span = min(max(1.25, largest * 1.05), 3)
    scale = WIDTH / span
    height = TOP + ROW * len(groups) + 30
    bottom = height - 24
    shapes = [text(16, 24, title, size=16), text(16, 42, note, color="#666")]
    for index, count in enumerate(threads):
        x = LEFT + WIDTH - 200 + 110 * index
        shapes.append(rectangle(x, 46, 11, 11, COLORS.get(count, OTHER)))
        shapes.append(text(x + 16, 56, f"{count} thread{'s' if count > 1 else ''}"))
    for quarter in range(int(span * 4) + 1):
        value = quarter / 4
        x = LEFT + value * scale
        shapes.append(vertical(x, TOP, bottom, "#e4e4e4"))
        shapes.append(text(x, bottom + 14, f"{value:g}", "middle", 11, "#666"))
    for index, (name, group) in enumerate(groups):
        top = TOP + ROW * index + 5
        thickness = (ROW - 8) / max(len(threads), 1)
        if index == len(groups) - 1:
            shapes.append(f'<line x1="16" x2="{LEFT + WIDTH + RIGHT - 10}" y1="{top - 4}" '
                          f'y2="{top - 4}" stroke="#999"/>')
        shapes.append(text(LEFT - 10, top + ROW / 2, name, "end"))
        for place, count in enumerate(threads):
            if count not in group:
                continue
            ratio, goal = group[count]
            y = top + thickness * place
            length = min(ratio, span) * scale
            shapes.append(rectangle(LEFT, y, length, thickness - 1, COLORS.get(count, OTHER)))
            shapes.append(text(
                LEFT + WIDTH + RIGHT - 16, y + thickness - 3, f"{ratio:.2f}", "end", 10,
                "#333" if ratio <= goal else MISSED))
            x = LEFT + min(goal, span) * scale
            shapes.append(vertical(x, y - 1, y + thickness, MISSED, 2))
    shapes.append(vertical(LEFT + scale, TOP, bottom, "#333", 1.2, "5 3"))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + RIGHT}" '
            f'height="{height}" font-family="sans-serif">\n'
            + rectangle(0, 0, LEFT + WIDTH + RIGHT, height, "white") + "\n"
            + "\n".join(shapes) + "\n</svg>\n")


def latency(result):
    """The chart of a result of bench.py."""
    rows = [row for row in result["rows"] if "ratio" in row]
    threads = sorted({row["threads"] for row in rows})
    groups = {}
    for row in rows:
        groups.setdefault(row["model"], {})[row["threads"]] = row["ratio"], row["goal"]
    mean = {count: (ratio, bench_table.MEAN) for count, ratio in bench_table.means(rows).items()}
    peers = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return bars(
        "Time of a run, relative to the faster peer",
        f"{peers}; {result['precision']}; red: the goal", list(groups.items()), threads, mean)


def training(result):
    """The chart of a result of bench_training.py."""
    groups = {}
    for row in result["rows"]:
        groups.setdefault(row["model"], {})[row["threads"]] = row["ratio"], row["goal"]
    threads = sorted({row["threads"] for row in result["rows"]})
    mean = {int(count): (ratio, result["goal"])
            for count, ratio in result["geometric_mean"].items()}
    return bars("Time of a training step, relative to PyTorch",
                f"PyTorch {result['pytorch']}; red: the goal", list(groups.items()), threads, mean)
