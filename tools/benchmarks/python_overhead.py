"""The overhead of a run from Python: a model of one Identity node, here and in onnxruntime.

    python tools/benchmarks/python_overhead.py [--calls N]

Needs the packages swiftonnx (`pip install .`), onnx and onnxruntime. Prints the median time of a call
of `run`, and of a run on bound memory (`bind`, and `io_binding` there), in microseconds. The calls of
the two libraries alternate in blocks, so that both see the same machine.
"""

import argparse
import statistics
import time

import numpy as np
import onnxruntime
import swiftonnx
from onnx import TensorProto, helper

SHAPES = [[1, 8], [1, 3, 224, 224]]
BLOCK = 100


def identity(shape):
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", "y")]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])], "identity", info[:1], info[1:]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def session(module, shape):
    options = module.SessionOptions()
    options.intra_op_num_threads = 1
    return module.InferenceSession(identity(shape), options, providers=["CPUExecutionProvider"])


def calls(shape):
    """The calls to measure, by kind and library."""
    x = np.ones(shape, np.float32)
    ours, theirs = session(swiftonnx, shape), session(onnxruntime, shape)
    bound = ours.bind({"x": x})
    binding = theirs.io_binding()
    binding.bind_cpu_input("x", x)
    binding.bind_output("y")
    return {
        "run": (lambda: ours.run(None, {"x": x}), lambda: theirs.run(None, {"x": x})),
        "bound": (bound.run, lambda: theirs.run_with_iobinding(binding)),
    }


def measure(functions, count):
    """The median of each function's times, in microseconds."""
    times = [[] for _ in functions]
    for _ in range(max(1, count // BLOCK)):
        for function, record in zip(functions, times, strict=True):
            for _ in range(BLOCK):
                start = time.perf_counter_ns()
                function()
                record.append(time.perf_counter_ns() - start)
    return [statistics.median(record) / 1000 for record in times]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=10_000)
    options = parser.parse_args()
    print(f"swiftonnx {swiftonnx.__version__}, onnxruntime {onnxruntime.__version__}, 1 thread, µs")
    for shape in SHAPES:
        for kind, functions in calls(shape).items():
            ours, theirs = measure(functions, options.calls)
            print(f"{kind:5} float32{shape}: swiftonnx {ours:.2f}, onnxruntime {theirs:.2f}")


if __name__ == "__main__":
    main()
