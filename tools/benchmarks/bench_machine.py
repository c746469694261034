"""Lower bounds on the time of a model, from its operations and its weights.

Convolutions (as defined), matrix products and recurrent layers count as operations. The limits of
the machine come from `onnx-run machine` in the same run.
"""

import json
import math
import subprocess

import numpy as np
import onnx
from onnx import numpy_helper

import bench_peers

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
# Multiplications in Winograd's F(4x4, 3x3), relative to the definition.
WINOGRAD = 36 / 144


class Machine:
    """The limits of the machine, by number of threads."""

    def __init__(self, tool, threads):
        self.flops, self.reads = {}, {}
        command = [tool, "machine", "--threads", *map(str, sorted({1, 2, *threads}))]
        for _ in range(2):  # The larger one counts: the other may have been disturbed.
            result = subprocess.run(command, check=True, capture_output=True, text=True,
                                    env=bench_peers.environment())
            for entry in map(json.loads, result.stdout.splitlines()):
                count = entry["threads"]
                self.flops[count] = max(entry["flops"], self.flops.get(count, 0))
                before = dict(self.reads.get(count, []))
                self.reads[count] = [
                    (read["bytes"], max(read["rate"], before.get(read["bytes"], 0)))
                    for read in entry["read"]]

    @property
    def scaling(self):
        """The throughput of two threads relative to one."""
        return self.flops[2] / self.flops[1]

    def read(self, size, threads):
        """Bytes per second read from a working set of that size."""
        sizes, rates = zip(*self.reads[threads])
        return float(np.interp(math.log(max(size, 1)), np.log(sizes), rates))

    def lines(self):
        sizes = {"256 KB": 1 << 18, "1 MB": 1 << 20, "4 MB": 1 << 22, "16 MB": 1 << 24,
                 "256 MB": 1 << 28}
        for threads, flops in self.flops.items():
            rates = ", ".join(f"{self.read(size, threads) / 1e9:.0f} ({label})"
                              for label, size in sizes.items())
            yield (f"{threads} thread{'s' if threads > 1 else ''}: {flops / 1e9:.0f} GFLOP/s; "
                   f"GB/s read of working sets: {rates}")


class Work:
    """The operations of a model and the bytes it reads."""

    def __init__(self, path):
        model = onnx.shape_inference.infer_shapes(onnx.load(path), data_prop=True)
        graph = model.graph
        self.shapes = {info.name: [size.dim_value or 1 for size in info.type.tensor_type.shape.dim]
                       for info in [*graph.input, *graph.value_info, *graph.output]}
        self.shapes |= {tensor.name: list(tensor.dims) for tensor in graph.initializer}
        constants = {tensor.name: tensor for tensor in graph.initializer}
        made = {name for node in graph.node for name in node.output}
        inputs = {info.name for info in graph.input} - set(constants)
        for node in graph.node:
            if node.op_type == "ConstantOfShape" and node.input[0] in constants:
                shape = numpy_helper.to_array(constants[node.input[0]]).tolist()
                self.shapes[node.output[0]] = shape
                made.discard(node.output[0])
            elif node.op_type == "Constant":
                made.discard(node.output[0])
        self.moving = made | inputs
        self.flops = self.winograd_flops = 0.0
        self.sweeps = []  # (bytes, number of times)
        for node in graph.node:
            self.add(node)
        self.weights = sum(size for size, _ in self.sweeps)

    def elements(self, name):
        return math.prod(self.shapes[name])

    def add(self, node):
        attributes = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
        multiplications, saved = 0, 1.0
        if node.op_type == "Conv":
            filters = self.shapes[node.input[1]]
            multiplications = self.elements(node.output[0]) * math.prod(filters[1:])
            if (filters[2:] == [3, 3] and set(attributes.get("strides", [1])) == {1}
                    and set(attributes.get("dilations", [1])) == {1}
                    and attributes.get("group", 1) == 1):
                saved = WINOGRAD
            self.stream(node.input[1])
        elif node.op_type in ["Gemm", "MatMul"]:
            left = self.shapes[node.input[0]]
            depth = left[-2] if attributes.get("transA") else left[-1]
            multiplications = self.elements(node.output[0]) * depth
            for name in node.input[:2]:
                self.stream(name)
        elif node.op_type in GATES:
            steps, batch = self.shapes[node.input[0]][:2]
            multiplications = steps * batch * sum(map(self.elements, node.input[1:3]))
            self.stream(node.input[1])
            directions = self.shapes[node.input[2]][0]
            for _ in range(directions):
                self.sweeps.append((4 * self.elements(node.input[2]) // directions, steps))
        self.flops += 2 * multiplications
        self.winograd_flops += 2 * multiplications * saved

    def stream(self, name):
        if name not in self.moving:
            self.sweeps.append((4 * self.elements(name), 1))

    def milliseconds(self, machine, threads, winograd=False):
        """The larger of the times to compute and to read the weights. Weights that are read once
        per run come from the cache or memory that holds all of them."""
        flops = self.winograd_flops if winograd else self.flops
        reading = sum(
            size / machine.read(self.weights, threads)
            + (times - 1) * size / machine.read(size, threads)
            for size, times in self.sweeps)
        return 1000 * max(flops / machine.flops[threads], reading)
