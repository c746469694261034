"""Converts random small models and compares onnxruntime with onnx-run before and after.

    python tools/compare/random_conversions.py ONNX_CONVERT ONNX_RUN [--count N] [--seed N] [--only KIND…]
                                          [--quantized] [--folder DIR]

Each model is a chain of layers, elementwise operators, reductions, shape arithmetic, loops and
branches on a float32 input. It is converted with each of --simplify, --opset 22 and --to float16,
bfloat16, int8, qdq, int4 (KIND is one of these words). The result must be valid for onnx.checker,
and the outputs of onnx-run must be near those of the original in onnxruntime, and near those of
onnxruntime on the result where it has kernels. With --quantized, onnxruntime's optimiser and
quantisers first turn the model into one with their own nodes. Failing models are kept in DIR.
"""
import argparse
import logging
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64
# The largest difference, relative to the largest output.
BOUNDS = {"simplify": 1e-4, "opset": 1e-4, "float16": 0.02, "bfloat16": 0.2, "int8": 0.5,
          "qdq": 0.3, "int4": 0.8}


class Builder:
    def __init__(self, seed):
        self.random = numpy.random.default_rng(seed)
        self.nodes, self.constants, self.count = [], [], 0
        self.opset = int(self.random.choice([11, 13, 14, 16, 17, 18, 20, 21]))

    def name(self, hint="v"):
        self.count += 1
        return f"{hint}_{self.count}"

    def constant(self, array):
        name = self.name("c")
        self.constants.append(numpy_helper.from_array(numpy.asarray(array), name))
        return name

    def weight(self, *shape):
        return self.constant((self.random.standard_normal(shape) / max(1, numpy.prod(shape[1:])) ** 0.5)
                             .astype(numpy.float32))

    def node(self, kind, inputs, **attributes):
        output = self.name(kind.lower())
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def axes(self, kind, inputs, axes, since=13, **attributes):
        """A node with axes as an attribute or, since a version, as an input."""
        if self.opset >= since:
            return self.node(kind, inputs + [self.constant(numpy.array(axes, numpy.int64))], **attributes)
        return self.node(kind, inputs, axes=axes, **attributes)

    def step(self, x, shape):
        pick = self.random.integers
        if len(shape) == 4:
            return self.picture(x, shape, pick(0, 10))
        return self.matrix(x, shape, pick(0, 17))

    def picture(self, x, shape, pick):
        n, c, h, w = shape
        out = int(self.random.integers(1, 6))
        if pick <= 2 and h >= 3 and w >= 3:
            bias = [self.weight(out)] if pick else []
            return self.node("Conv", [x, self.weight(out, c, 3, 3)] + bias, pads=[1, 1, 1, 1]), (n, out, h, w)
        if pick == 3:
            bias = [self.weight(out)] if self.random.random() < 0.5 else []
            return (self.node("ConvTranspose", [x, self.weight(c, out, 2, 2)] + bias, strides=[2, 2]),
                    (n, out, 2 * h, 2 * w))
        if pick == 4 and h >= 4 and w >= 4:
            kind = self.random.choice(["MaxPool", "AveragePool"])
            return self.node(kind, [x], kernel_shape=[2, 2], strides=[2, 2]), (n, c, h // 2, w // 2)
        if pick == 5:
            one = numpy.ones(c, numpy.float32)
            return self.node("BatchNormalization", [
                x, self.weight(c), self.weight(c), self.weight(c), self.constant(one)]), shape
        if pick == 6 and h <= 16:
            scales = self.constant(numpy.array([1, 1, 2, 2], numpy.float32))
            roi = self.constant(numpy.zeros(0, numpy.float32)) if self.opset < 13 else ""
            return self.node("Resize", [x, roi, scales], mode=str(
                self.random.choice(["nearest", "linear"]))), (n, c, 2 * h, 2 * w)
        if pick == 7:
            # To half the size by arithmetic on the shape.
            sizes = self.node("Shape", [x])
            real = self.node("Cast", [sizes], to=FLOAT)
            half = self.node("Mul", [real, self.constant(numpy.array([1, 1, 2, 2], numpy.float32))])
            whole = self.node("Cast", [self.node("Floor", [half])], to=INT)
            roi = self.constant(numpy.zeros(0, numpy.float32)) if self.opset < 13 else ""
            empty = self.constant(numpy.zeros(0, numpy.float32)) if self.opset < 13 else ""
            return self.node("Resize", [x, roi, empty, whole]), (n, c, 2 * h, 2 * w)
        if pick == 8:
            return self.node("Flatten", [x]), (n, c * h * w)
        return self.unary(x), shape

    def matrix(self, x, shape, pick):
        rows, columns = shape[0], shape[-1]
        out = int(self.random.integers(1, 40))
        if pick <= 2:
            y = self.node("MatMul", [x, self.weight(columns, out)])
            if pick:
                y = self.node("Add", [y, self.weight(out)])
            return y, (rows, out)
        if pick <= 4:
            weight = self.weight(out, columns) if pick == 3 else self.weight(columns, out)
            factors = {"alpha": 0.5, "beta": 2.0} if self.random.random() < 0.3 else {}
            return self.node("Gemm", [x, weight, self.weight(out)], transB=int(pick == 3), **factors), (rows, out)
        if pick == 5 and self.opset >= 17 and columns > 2:
            return self.node("LayerNormalization", [x, self.weight(columns), self.weight(columns)]), shape
        if pick == 6:
            return self.node("Softmax", [x], axis=1), shape
        if pick == 7:
            square = self.weight(columns, columns)
            y = self.node("MatMul", [x, square])
            return self.node("Add", [y, self.node("Gemm", [x, square, self.weight(columns)], transB=1)]), shape
        if pick == 8:
            # A position for each column, added.
            size = self.node("Gather", [self.node("Shape", [x]), self.constant(numpy.int64(1))], axis=0)
            real = self.node("Cast", [size], to=FLOAT)
            steps = self.node("Range", [self.constant(numpy.float32(0)), real, self.constant(numpy.float32(1))])
            return self.node("Add", [x, self.node("Sin", [steps])]), shape
        if pick == 9:
            return self.branch(x, shape)
        if pick == 10:
            return self.loop(x, shape), shape
        if pick == 11 and self.opset >= 11:
            largest = self.node("ArgMax", [x], axis=1, keepdims=0)
            depth = self.constant(numpy.float32(columns))
            values = self.constant(numpy.array([0, 1], numpy.float32))
            return self.node("Add", [x, self.node("OneHot", [largest, depth, values])]), shape
        if pick == 12:
            return self.axes("ReduceSum", [x], [1], keepdims=1), (rows, 1)
        if pick == 13:
            one = self.axes("Unsqueeze", [x], [0])
            return self.axes("Squeeze", [self.node("Transpose", [self.node("Transpose", [one], perm=[0, 2, 1])], perm=[0, 2, 1])], [0]), shape
        if pick == 14:
            mean = self.node("ReduceMean", [x], keepdims=1) if self.opset >= 18 else self.node("ReduceMean", [x], axes=[0, 1], keepdims=1)
            above = self.node("Greater", [x, mean])
            return self.node("Where", [above, x, self.constant(numpy.float32(0.5))]), shape
        if pick == 15 and columns % 2 == 0:
            self.nodes.append(helper.make_node("Split", [x], [a := self.name(), b := self.name()], axis=1, **(
                {"num_outputs": 2} if self.opset >= 18 else {})))
            return self.node("Concat", [b, a], axis=1), shape
        return self.unary(x), shape

    def unary(self, x):
        kinds = ["Relu", "Sigmoid", "Tanh", "Neg", "Abs", "Erf", "Elu", "LeakyRelu", "Softplus",
                 "HardSigmoid", "Identity"] + (["HardSwish"] if self.opset >= 14 else [])
        kind = str(self.random.choice(kinds + ["Clip", "Mul"]))
        if kind == "Clip":
            return self.node("Clip", [x, self.constant(numpy.float32(-1)), self.constant(numpy.float32(2))])
        if kind == "Mul":
            return self.node("Mul", [x, self.constant(numpy.float32(self.random.uniform(-2, 2)))])
        return self.node(kind, [x])

    def inner(self, make):
        """The nodes and constants that `make` adds, apart."""
        outer = self.nodes, self.constants
        self.nodes, self.constants = [], []
        result = make()
        own = self.nodes, self.constants
        self.nodes, self.constants = outer
        return result, own[0], own[1]

    def branch(self, x, shape):
        columns = shape[-1]
        condition = self.node("Greater", [
            self.node("ReduceMax", [x], keepdims=0), self.constant(numpy.float32(self.random.choice([-100, 100])))])
        graphs = {}
        for key in ["then_branch", "else_branch"]:
            y, nodes, constants = self.inner(
                lambda: self.unary(self.node("MatMul", [x, self.weight(columns, columns)])))
            graphs[key] = helper.make_graph(
                nodes, key, [], [helper.make_tensor_value_info(y, FLOAT, list(shape))], constants)
        return self.node("If", [condition], **graphs), shape

    def loop(self, x, shape):
        columns = shape[-1]
        state, trip, on = self.name("state"), self.name("trip"), self.name("on")

        def body():
            y = self.node("Tanh", [self.node("MatMul", [state, self.weight(columns, columns)])])
            return y, self.node("Identity", [on])
        (y, again), nodes, constants = self.inner(body)
        info = helper.make_tensor_value_info
        graph = helper.make_graph(
            nodes, "body",
            [info(trip, INT, []), info(on, TensorProto.BOOL, []), info(state, FLOAT, list(shape))],
            [info(again, TensorProto.BOOL, []), info(y, FLOAT, list(shape))], constants)
        return self.node("Loop", [self.constant(numpy.int64(3)), "", x], body=graph)

    def model(self):
        if self.random.random() < 0.5:
            shape = (int(self.random.integers(1, 3)), int(self.random.integers(1, 5)), 6, 8)
        else:
            shape = (int(self.random.integers(1, 5)), int(self.random.integers(2, 40)))
        x, first = "x", shape
        for _ in range(int(self.random.integers(2, 9))):
            x, shape = self.step(x, shape)
        info = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes, "random", [info("x", FLOAT, list(first))],
            [info(x, FLOAT, [None] * len(shape))], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        return model, first


def session(path, level="ORT_ENABLE_BASIC", optimized=None):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    if optimized:
        options.optimized_model_filepath = str(optimized)
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def in_onnxruntime(path, x):
    return session(path).run(None, {"x": x})[0]


def run(tool, path, folder):
    """The output in onnx-run; `None` if it fails."""
    done = subprocess.run(
        [tool, str(path), "--input", f"x={folder / 'x.npy'}", "--output-dir", str(folder),
         "--output-format", "npz"], capture_output=True, text=True)
    if done.returncode:
        return None
    return list(numpy.load(folder / "outputs.npz").values())[0]


def with_own_nodes(source, folder, seed):
    """The model after onnxruntime's optimiser or one of its quantisers."""
    from onnxruntime import quantization
    path = folder / "own.onnx"
    kind = ["optimised", "dynamic", "qdq", "operators"][seed % 4]
    if kind == "optimised":
        session(source, "ORT_ENABLE_EXTENDED", path)
    elif kind == "dynamic":
        quantization.quantize_dynamic(str(source), str(path))
    else:
        class Reader(quantization.CalibrationDataReader):
            def __init__(self):
                shape = [d.dim_value for d in onnx.load(source).graph.input[0].type.tensor_type.shape.dim]
                self.left = [{"x": numpy.random.default_rng(i).random(shape, dtype=numpy.float32)} for i in range(3)]

            def get_next(self):
                return self.left.pop() if self.left else None
        quantization.quantize_static(
            str(source), str(path), Reader(),
            quant_format=quantization.QuantFormat.QDQ if kind == "qdq" else quantization.QuantFormat.QOperator)
    return path, kind


def distance(a, b):
    if a.shape != b.shape:
        return float("inf")
    if a.size == 0:
        return 0.0
    a, b = a.astype(numpy.float64), b.astype(numpy.float64)
    if not numpy.isfinite(b[numpy.isfinite(a)]).all():
        return float("inf")
    return float(numpy.abs(numpy.where(numpy.isfinite(a), a - b, 0)).max()) / max(float(numpy.abs(
        numpy.where(numpy.isfinite(a), a, 0)).max()), 1e-3)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("convert", metavar="ONNX_CONVERT", help="the built onnx-convert")
    parser.add_argument("tool", metavar="ONNX_RUN", help="the built onnx-run")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", choices=list(BOUNDS))
    parser.add_argument("--quantized", action="store_true")
    parser.add_argument("--folder", type=pathlib.Path, help="where failing models are kept")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    counts = {"models": 0, "conversions": 0, "refused": 0, "compared with onnxruntime": 0, "failed": 0}
    refusals = {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        source, out = folder / "model.onnx", folder / "out.onnx"
        for seed in range(options.seed, options.seed + options.count):
            model, shape = Builder(seed).model()
            onnx.save(model, source)
            x = numpy.random.default_rng(seed).random(shape, dtype=numpy.float32)
            numpy.save(folder / "x.npy", x)
            path, label = source, ""
            try:
                if options.quantized:
                    path, label = with_own_nodes(source, folder, seed)
                expected = in_onnxruntime(path, x)
            except Exception:
                continue
            counts["models"] += 1
            # What the engines make of the same quantised model may differ by a step or two.
            base, slack = run(options.tool, path, folder), 0.0
            if label:
                if base is None:
                    continue
                slack = 2 * distance(expected, base) + 0.02
            for kind in options.only or BOUNDS:
                change = {"simplify": ["--simplify"], "opset": ["--opset", "22"]}.get(kind, ["--to", kind])
                (folder / "samples").mkdir(exist_ok=True)
                shutil.copy(folder / "x.npy", folder / "samples/x.npy")
                if kind == "qdq":
                    change += ["--calibrate", str(folder / "samples")]

                def fail(text):
                    counts["failed"] += 1
                    print(f"{seed} {label} {kind}: {text}", flush=True)
                    if options.folder:
                        options.folder.mkdir(exist_ok=True)
                        shutil.copy(path, options.folder / f"{seed}{label}.onnx")

                done = subprocess.run(
                    [options.convert, str(path), str(out)] + change, capture_output=True, text=True)
                if done.returncode:
                    line = done.stderr.strip()
                    if done.returncode != 2 or "\n" in line:
                        fail(line[:300])
                    counts["refused"] += 1
                    refusals[line[14:120]] = refusals.get(line[14:120], 0) + 1
                    continue
                counts["conversions"] += 1
                changed = onnx.load(out)
                try:
                    if not label:
                        onnx.checker.check_model(changed, full_check=True)
                except Exception as error:
                    fail(f"onnx.checker: {str(error)[:300]}")
                    continue
                ours = run(options.tool, out, folder)
                if ours is None:
                    fail("onnx-run does not run it")
                    continue
                found = distance(expected, ours)
                if found > BOUNDS[kind] + slack:
                    fail(f"outputs differ by {found:.3g}")
                try:
                    theirs = in_onnxruntime(out, x)
                except Exception as error:
                    text = str(error)
                    if kind != "bfloat16" and not any(word in text for word in [
                            "NOT_IMPLEMENTED", "Could not find an implementation"]):
                        fail(f"onnxruntime: {text[:300]}")
                    continue
                counts["compared with onnxruntime"] += 1
                between = distance(theirs, ours)
                if between > BOUNDS[kind] / 2 + slack:
                    fail(f"engines differ by {between:.3g}")
    for line, count in sorted(refusals.items(), key=lambda item: -item[1])[:12]:
        print(f"refused {count}: {line}")
    print(", ".join(f"{count} {what}" for what, count in counts.items()))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
