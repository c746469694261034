"""Writes networks of ConvNetJS with an input and its output to Tests/ConversionTests/Files/ConvNetJS.

    python tools/generate/convnetjs_files.py

The forward pass follows the definitions of ConvNetJS, element by element and in its order of elements:
that of (x, y, d) in a volume has the index (sx * y + x) * depth + d. The fields are those that its
toJSON() writes, with numbers of three digits. `example` is added: `input` and `output` in the order of
ONNX, [depth, sy, sx].
"""

import json
import math
import os
import random

FOLDER = "Tests/ConversionTests/Files/ConvNetJS"
draw = random.Random(17)


class Vol:
    def __init__(self, sx, sy, depth, w=None):
        self.sx, self.sy, self.depth = sx, sy, depth
        self.w = [round(draw.gauss(0, 0.5), 3) for _ in range(sx * sy * depth)] if w is None else w

    def get(self, x, y, d):
        return self.w[(self.sx * y + x) * self.depth + d]

    def set(self, x, y, d, value):
        self.w[(self.sx * y + x) * self.depth + d] = value

    def zeros(self):
        return Vol(self.sx, self.sy, self.depth, [0.0] * len(self.w))

    def channels_first(self):
        return [
            self.get(x, y, d)
            for d in range(self.depth) for y in range(self.sy) for x in range(self.sx)
        ]

    def json(self, typed):
        """A typed array is written as an object."""
        w = {str(i): x for i, x in enumerate(self.w)} if typed else self.w
        return {"sx": self.sx, "sy": self.sy, "depth": self.depth, "w": w}


def windows(layer, size):
    return [
        math.floor((length + layer["pad"] * 2 - layer[s]) / layer["stride"] + 1)
        for length, s in [(size.sx, "sx"), (size.sy, "sy")]
    ]


def inside(layer, V, ax, ay):
    """The places of a window that lie in the volume: in the window, in the volume."""
    for fy in range(layer["sy"]):
        for fx in range(layer["sx"]):
            ox, oy = ax * layer["stride"] - layer["pad"] + fx, ay * layer["stride"] - layer["pad"] + fy
            if 0 <= ox < V.sx and 0 <= oy < V.sy:
                yield fx, fy, ox, oy


def conv(layer, V):
    sx, sy = windows(layer, V)
    A = Vol(sx, sy, len(layer["filters"]), [0.0] * (sx * sy * len(layer["filters"])))
    for d, f in enumerate(layer["filters"]):
        for ay in range(sy):
            for ax in range(sx):
                a = sum(
                    f.get(fx, fy, fd) * V.get(ox, oy, fd)
                    for fx, fy, ox, oy in inside(layer, V, ax, ay) for fd in range(f.depth))
                A.set(ax, ay, d, a + layer["biases"].w[d])
    return A


def pool(layer, V):
    sx, sy = windows(layer, V)
    A = Vol(sx, sy, V.depth, [0.0] * (sx * sy * V.depth))
    for d in range(V.depth):
        for ay in range(sy):
            for ax in range(sx):
                A.set(ax, ay, d, max(
                    [-99999] + [V.get(ox, oy, d) for _, _, ox, oy in inside(layer, V, ax, ay)]))
    return A


def fc(layer, V):
    return Vol(1, 1, len(layer["filters"]), [
        sum(a * b for a, b in zip(V.w, f.w)) + bias
        for f, bias in zip(layer["filters"], layer["biases"].w)
    ])


def lrn(layer, V):
    A = V.zeros()
    half = layer["n"] // 2
    for x in range(V.sx):
        for y in range(V.sy):
            for i in range(V.depth):
                den = sum(
                    V.get(x, y, j) ** 2
                    for j in range(max(0, i - half), min(i + half, V.depth - 1) + 1))
                den = den * layer["alpha"] / layer["n"] + layer["k"]
                A.set(x, y, i, V.get(x, y, i) / den ** layer["beta"])
    return A


def maxout(layer, V):
    group = layer["group_size"]
    count = V.depth // group
    A = Vol(V.sx, V.sy, count, [0.0] * (V.sx * V.sy * count))
    for x in range(V.sx):
        for y in range(V.sy):
            for i in range(count):
                A.set(x, y, i, max(V.get(x, y, i * group + j) for j in range(group)))
    return A


def softmax(layer, V):
    exps = [math.exp(x - max(V.w)) for x in V.w]
    return Vol(1, 1, len(exps), [x / sum(exps) for x in exps])


def elementwise(function):
    return lambda layer, V: Vol(V.sx, V.sy, V.depth, [function(layer, x) for x in V.w])


FORWARD = {
    "conv": conv, "pool": pool, "fc": fc, "lrn": lrn, "maxout": maxout, "softmax": softmax,
    "relu": elementwise(lambda layer, x: max(x, 0)),
    "sigmoid": elementwise(lambda layer, x: 1 / (1 + math.exp(-x))),
    "tanh": elementwise(lambda layer, x: math.tanh(x)),
    "dropout": elementwise(lambda layer, x: x * layer["drop_prob"]),
    "svm": lambda layer, V: V,
    "regression": lambda layer, V: V,
}


def write(name, size, layers, typed=True):
    V = example = Vol(*size)
    result = [{"out_depth": V.depth, "out_sx": V.sx, "out_sy": V.sy, "layer_type": "input"}]
    for kind, fields in layers:
        layer = dict(fields)
        if kind == "conv":
            layer["filters"] = [
                Vol(layer["sx"], layer["sy"], V.depth) for _ in range(layer.pop("filters"))]
        if kind == "fc":
            layer["filters"] = [Vol(1, 1, len(V.w)) for _ in range(layer.pop("neurons"))]
        if kind in ("conv", "fc"):
            layer |= {"biases": Vol(1, 1, len(layer["filters"])),
                      "l1_decay_mul": 0, "l2_decay_mul": 1}
        if kind in ("conv", "pool"):
            layer["in_depth"] = V.depth
        if kind in ("fc", "softmax", "svm", "regression"):
            layer["num_inputs"] = len(V.w)
        V = FORWARD[kind](layer, V)
        loss = kind in ("svm", "regression")
        stated = (1, 1, len(V.w)) if loss else (V.sx, V.sy, V.depth)
        layer |= dict(zip(["out_sx", "out_sy", "out_depth"], stated), layer_type=kind)
        for key in "filters", "biases":
            if key in layer:
                vols = layer[key]
                layer[key] = (
                    [v.json(typed) for v in vols] if key == "filters" else vols.json(typed))
        result.append(layer)
    with open(f"{FOLDER}/{name}.json", "w") as file:
        json.dump({
            "layers": result,
            "example": {
                "input": example.channels_first(),
                "output": [round(x, 9) for x in V.channels_first()],
            },
        }, file, separators=(",", ":"))
        file.write("\n")


os.makedirs(FOLDER, exist_ok=True)
write("picture", (9, 7, 3), [
    ("conv", {"sx": 3, "sy": 2, "stride": 1, "pad": 2, "filters": 4}), ("relu", {}),
    ("lrn", {"k": 1, "n": 3, "alpha": 0.5, "beta": 0.75}),
    ("pool", {"sx": 2, "sy": 3, "stride": 2, "pad": 0}),
    ("conv", {"sx": 2, "sy": 2, "stride": 2, "pad": 1, "filters": 5}), ("tanh", {}),
    ("pool", {"sx": 2, "sy": 2, "stride": 1, "pad": 1}),
    ("dropout", {"drop_prob": 0.3}),
    ("fc", {"neurons": 6}), ("sigmoid", {}), ("fc", {"neurons": 4}), ("softmax", {}),
])
write("points", (1, 1, 2), [
    ("fc", {"neurons": 6}), ("tanh", {}), ("fc", {"neurons": 7}), ("maxout", {"group_size": 3}),
    ("fc", {"neurons": 3}), ("regression", {}),
], typed=False)
write("groups", (4, 3, 2), [
    ("conv", {"sx": 1, "sy": 1, "stride": 1, "pad": 0, "filters": 7}),
    ("maxout", {"group_size": 3}), ("lrn", {"k": 2, "n": 4, "alpha": 0.7, "beta": 0.5}),
    ("fc", {"neurons": 5}), ("conv", {"sx": 1, "sy": 1, "stride": 1, "pad": 0, "filters": 3}),
    ("fc", {"neurons": 3}), ("svm", {}),
])
write("maps", (3, 4, 2), [
    ("conv", {"sx": 2, "sy": 2, "stride": 1, "pad": 0, "filters": 2}), ("softmax", {}),
])
write("volume", (3, 2, 2), [("relu", {}), ("svm", {})])
