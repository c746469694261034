"""Prints worked examples of mathematical operators, for Tests/OpsTests.

    python tools/generate/math_examples.py > Tests/OpsTests/MathTable.swift

Each line is one example: operator, operator set, attributes, inputs and outputs, separated by '; '.
The outputs come from the standard's reference evaluator.
"""

import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

warnings.simplefilter("ignore")
NAMES = {"bool": "bool", "object": "string"}
rng = np.random.RandomState(7)


def number(x):
    if isinstance(x, (bool, np.bool_)):
        return str(int(x))
    if isinstance(x, (int, np.integer)):
        return str(int(x))
    return repr(float(x)) if x.dtype == np.float64 else f"{float(x):.9g}"


def text(a):
    if a is None:
        return "-"
    a = np.asarray(a)
    shape = ",".join(map(str, a.shape))
    return f"{NAMES.get(a.dtype.name, a.dtype.name)}[{shape}] " + " ".join(map(number, a.reshape(-1)))


def attribute(name, value):
    if isinstance(value, float):
        return f"{name}=f{value!r}"
    if isinstance(value, int):
        return f"{name}=i{value}"
    if isinstance(value, str):
        return f"{name}=s{value}"
    return f"{name}=I" + ",".join(map(str, value))


def example(op, inputs, opset=24, outputs=1, **attributes):
    inputs = [None if x is None else np.asarray(x) for x in inputs]
    names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
    results = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op, names, results, **attributes)
    graph = helper.make_graph(
        [node], "g",
        [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
         for n, x in zip(names, inputs) if n],
        [helper.make_tensor_value_info(n, TensorProto.UNDEFINED, None) for n in results])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=13)
    got = ReferenceEvaluator(model).run(None, {n: x for n, x in zip(names, inputs) if n})
    fields = [op, str(opset), " ".join(attribute(*a) for a in attributes.items())]
    print("; ".join(fields + [" / ".join(map(text, inputs)), " / ".join(map(text, got))]))


def floats(*shape):
    return rng.uniform(-3, 3, shape).astype(np.float32).round(3)


F = np.float32
X = np.array([-2, -0.5, 0, 0.75, 3], F)
UNIT = np.array([-0.9, -0.5, 0, 0.25, 0.75], F)
POSITIVE = np.array([1, 1.25, 2, 3.5, 10], F)
HALVES = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4, -2.6], F)

print("// Written by tools/generate/math_examples.py.\n")
print('let mathTable = """')
for op in ["Abs", "Neg", "Sign", "Floor", "Ceil", "Round", "Exp", "Sin", "Cos", "Tan", "Atan", "Sinh",
           "Cosh", "Tanh", "Asinh", "Erf", "Sigmoid", "HardSigmoid", "HardSwish", "Mish", "Swish",
           "Softplus", "Softsign", "Elu", "Selu", "Celu", "LeakyRelu", "ThresholdedRelu", "Gelu",
           "Relu", "IsNaN"]:
    example(op, [HALVES if op == "Round" else X])
for op in ["Asin", "Acos", "Atanh"]:
    example(op, [UNIT])
for op in ["Sqrt", "Log", "Reciprocal", "Acosh"]:
    example(op, [POSITIVE])
for op in ["Abs", "Neg", "Sign"]:
    example(op, [np.array([-128, -3, 0, 127], np.int8)])
example("HardSigmoid", [X], alpha=0.5, beta=0.25)
example("Elu", [X], alpha=2.0)
example("Selu", [X], alpha=2.0, gamma=3.0)
example("Celu", [X], alpha=0.5)
example("LeakyRelu", [X], alpha=0.25)
example("ThresholdedRelu", [X], alpha=0.5)
example("Swish", [X], alpha=0.5)
example("Gelu", [X], approximate="tanh")
example("Shrink", [X], bias=0.5, lambd=1.0)
example("Shrink", [np.array([-3, -1, 0, 1, 3], np.int32)], bias=1.0, lambd=1.5)
example("Not", [np.array([True, False])])
example("BitwiseNot", [np.array([0, 5, -1], np.int16)])
example("IsNaN", [np.array([0, np.nan, np.inf], F)])
example("IsInf", [np.array([0, np.nan, np.inf, -np.inf], F)])
example("IsInf", [np.array([0, np.nan, np.inf, -np.inf], F)], detect_negative=0)

A, B = floats(2, 1, 3), floats(4, 1)
for op in ["Add", "Sub", "Mul", "Div", "Max", "Min", "Greater", "Less", "GreaterOrEqual",
           "LessOrEqual", "Equal", "PRelu"]:
    example(op, [A, B if op != "PRelu" else floats(3)])
I, J = np.array([[7, -7, 9]], np.int32), np.array([[2], [-2]], np.int32)
for op in ["Add", "Sub", "Mul", "Div", "Mod", "Max", "Min", "Greater", "Equal", "BitwiseAnd",
           "BitwiseOr", "BitwiseXor"]:
    example(op, [I, J])
example("Mod", [I, J], fmod=1)
example("Mod", [np.array([5.5, -5.5], F), np.array([2, -2], F)], fmod=1)
example("Pow", [np.array([1, 2, 3], F), np.array([[2], [-1], [0.5]], F)])
example("Pow", [np.array([1, 2, 3], np.int32), np.array(3, np.int64)])
example("Pow", [np.array([1, 2, 3], F), np.array([2, 0, 3], np.uint8)])
example("BitShift", [np.array([1, 200, 7], np.uint8), np.array([3, 1, 8], np.uint8)], direction="LEFT")
example("BitShift", [np.array([16, 4, 1], np.uint32), np.array([1, 2, 32], np.uint32)], direction="RIGHT")
P, Q = np.array([[True], [False]]), np.array([True, False])
for op in ["And", "Or", "Xor", "Equal"]:
    example(op, [P, Q])
for op in ["Sum", "Max", "Min", "Mean"]:
    example(op, [floats(2, 3), floats(2, 1), floats(3)])
example("Where", [P, np.array([1, 2], np.int64), np.array([[9], [8]], np.int64)])
example("Clip", [X, np.array(-1, F), np.array(1, F)])
example("Clip", [np.array([-5, 0, 5], np.int8), None, np.array(2, np.int8)])

D = floats(2, 3, 4)
for op in ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
           "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"]:
    data = np.abs(D) if op == "ReduceLogSum" else D
    example(op, [data])
    for axes in [[0], [1], [-1], [0, 2]]:
        example(op, [data, np.array(axes, np.int64)], keepdims=int(axes != [1]))
example("ReduceSum", [np.arange(6, dtype=np.int64).reshape(2, 3), np.array([1], np.int64)])
example("ReduceMean", [np.array([[1, 2], [4, 5]], np.int32), np.array([1], np.int64)])
example("ReduceMax", [np.array([[1, 2], [4, -5]], np.int8), np.array([0], np.int64)])
example("ReduceMin", [np.array([[True, False], [True, True]]), np.array([1], np.int64)])
example("ReduceSum", [D, np.array([], np.int64)], noop_with_empty_axes=1)
example("ReduceSum", [np.zeros((2, 0, 3), F), np.array([1], np.int64)])
example("ReduceMax", [D], opset=12, axes=[1], keepdims=0)
example("ReduceSum", [D], opset=11, axes=[-2, 0])
T = np.array([[1, 3, 3, 0], [5, 5, 2, 5]], F)
for op in ["ArgMax", "ArgMin"]:
    for axis in [0, 1]:
        example(op, [T], axis=axis)
        example(op, [T], axis=axis, select_last_index=1, keepdims=0)
for attributes in [{}, {"exclusive": 1}, {"reverse": 1}, {"exclusive": 1, "reverse": 1}]:
    example("CumSum", [D, np.array(1, np.int64)], **attributes)
    example("CumProd", [np.array([[2, 3, 4]], F), np.array(-1, np.int32)], opset=26, **attributes)
for op in ["Softmax", "LogSoftmax", "Hardmax"]:
    for axis in [0, 1, -1]:
        example(op, [D], axis=axis)
example("TopK", [T, np.array([2], np.int64)], outputs=2)
example("TopK", [T, np.array([3], np.int64)], outputs=2, largest=0)
example("TopK", [D, np.array([2], np.int64)], outputs=2, axis=1)
example("TopK", [T], opset=1, outputs=2, k=1)
example("Det", [np.array([[[1, 2], [3, 4]], [[0, 1], [1, 0]]], F)])

example("Cast", [np.array([-1.5, 0, 2.7], F)], to=TensorProto.INT32)
example("Cast", [np.array([300, -1], np.int16)], to=TensorProto.UINT8)
example("Cast", [np.array([0, 0.5], F)], to=TensorProto.BOOL)
example("Cast", [np.array([True, False])], to=TensorProto.DOUBLE)
example("Cast", [np.array([1 / 3, 1e6], np.float64)], to=TensorProto.FLOAT16)
example("CastLike", [np.array([1, 2], np.int64), np.array(0, F)])
example("QuantizeLinear", [np.array([0, 2, 3, 1000, -254, -1000], F), np.array(2, F), np.array(128, np.uint8)])
example("QuantizeLinear", [floats(2, 3), np.array([0.1, 0.2, 0.5], F), np.array([1, 0, -1], np.int8)])
example("QuantizeLinear", [floats(3, 2, 2), np.array([0.1, 0.2], F)], opset=13)
example("QuantizeLinear", [floats(2, 5), np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], F)], block_size=2)
example("QuantizeLinear", [floats(3, 2), np.array([[0.1, 0.2], [0.4, 0.5]], F)], axis=0, block_size=2)
example("DequantizeLinear", [np.array([0, 3, 128, 255], np.uint8), np.array(2, F), np.array(128, np.uint8)])
example("DequantizeLinear", [np.array([[1, 2], [-3, 4]], np.int8), np.array([2, 0.5], F), np.array([1, -1], np.int8)], axis=0)
example("DequantizeLinear", [np.array([[1, 2, 3]], np.int8), np.array([[2, 0.5]], F)], block_size=2)
example("DynamicQuantizeLinear", [np.array([0, 2, -3, -2.5, 1.34, 0.5], F)], outputs=3)
example("BitCast", [np.array([1, -2], F)], opset=26, to=TensorProto.INT32)
example("Dropout", [X, np.array(0.25, F), np.array(True)], outputs=2, seed=3)
example("Dropout", [X], outputs=2)
example("RandomUniform", [], seed=3.0, shape=[5], low=-1.0)
example("RandomNormal", [], seed=3.0, shape=[2, 2], mean=1.0, scale=2.0)
example("RandomUniformLike", [X], seed=4.0)
example("Bernoulli", [np.array([0, 0.3, 0.5, 0.7, 1, 0.4, 0.6, 0.2], F)], seed=5.0)

for op in ["HannWindow", "HammingWindow", "BlackmanWindow"]:
    example(op, [np.array(6, np.int32)])
    example(op, [np.array(6, np.int32)], periodic=0)
example("MelWeightMatrix", [np.array(3, np.int32), np.array(8, np.int32), np.array(8192, np.int32),
                            np.array(0, F), np.array(4096, F)])
for n in [1, 2, 3, 4, 5, 7, 12, 53]:
    example("DFT", [floats(1, n, 2), None, np.array(1, np.int64)])
example("DFT", [floats(1, 6, 2), np.array(4, np.int64), np.array(1, np.int64)], inverse=1)
example("DFT", [floats(2, 5, 1), np.array(8, np.int64), np.array(1, np.int64)], onesided=1)
example("DFT", [floats(1, 4, 2), np.array(7, np.int64), np.array(1, np.int64)], onesided=1, inverse=1)
example("STFT", [floats(1, 8, 1), np.array(2, np.int64), np.array([0.5, 1, 1, 0.5], F), np.array(4, np.int64)])

S, L = floats(3, 4), np.array([1, 3, 0], np.int64)
W = np.array([0.5, 1, 2, 0.25], F)
for reduction in ["none", "sum", "mean"]:
    example("NegativeLogLikelihoodLoss", [S, L, W], reduction=reduction)
    example("SoftmaxCrossEntropyLoss", [S, L], outputs=2, reduction=reduction, ignore_index=3)
example("SoftmaxCrossEntropyLoss", [floats(2, 3, 2), np.array([[0, 2], [1, 1]], np.int32), W[:3]])
print('"""')
