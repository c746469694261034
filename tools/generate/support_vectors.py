"""Prints examples of SVMClassifier and SVMRegressor, for Tests/OpsTests.

    pip install onnxruntime==1.31.1
    python tools/generate/support_vectors.py > Tests/OpsTests/SupportVectorTable.swift

Each line is one example: operator, attributes, X and outputs, separated by '; '. The outputs are
those on which onnxruntime and the standard's reference evaluator agree. Where they disagree, the
comment in the source file of SVMClassifier names the one that counts; `--disagreements` prints
those lines.
"""

import sys
import warnings

import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

warnings.simplefilter("ignore")
onnxruntime.set_default_logger_severity(4)
rng = np.random.RandomState(11)
F = np.float32
KERNELS = {"LINEAR": (0, 0, 0), "POLY": (0.5, 0.25, 3), "RBF": (0.4, 0, 0), "SIGMOID": (0.3, -0.2, 0)}
X = rng.uniform(-1, 1, (6, 3)).round(2).astype(F)


def numbers(*shape, low=-1.0, high=1.0):
    return [float(f"{v:.2f}") for v in rng.uniform(low, high, shape).reshape(-1)]


def text(a):
    words = (str(int(v)) if a.dtype == np.int64 else f"{v:.9g}" for v in a.reshape(-1))
    return f"{a.dtype.name}[{','.join(map(str, a.shape))}] " + " ".join(words)


def attribute(name, value):
    if isinstance(value, str):
        return f"{name}=s{value}"
    if isinstance(value, int):
        return f"{name}=i{value}"
    if isinstance(value[0], int):
        return f"{name}=I" + ",".join(map(str, value))
    return f"{name}=F" + ",".join(f"{v:.9g}" for v in value)


def outputs(op, x, outputs, attributes):
    node = helper.make_node(op, ["X"], outputs, domain="ai.onnx.ml", **attributes)
    types = {"Y": TensorProto.INT64 if len(outputs) == 2 else TensorProto.FLOAT, "Z": TensorProto.FLOAT}
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("X", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info(n, types[n], None) for n in outputs])
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("ai.onnx.ml", 1), helper.make_opsetid("", 20)],
        ir_version=10)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"])
    ours = session.run(None, {"X": x})
    try:
        theirs = ReferenceEvaluator(model).run(None, {"X": x})
    except NotImplementedError:
        theirs = ours
    return ours, [np.asarray(a) for a in theirs]


def same(a, b):
    return a.shape == b.shape and np.allclose(a, b, rtol=2e-4, atol=2e-5, equal_nan=True)


def example(op, names, attributes, choose):
    runtime, reference = outputs(op, X, names, attributes)
    chosen = []
    for name, a, b in zip(names, runtime, reference):
        if not same(a, b) and "--disagreements" in sys.argv:
            print(op, name, attributes, a.reshape(-1), b.reshape(-1), sep="\n  ")
        chosen.append(b if same(a, b) or choose(name) == "reference" else a)
    if "--disagreements" not in sys.argv:
        print("  " + "; ".join([
            op, " ".join(attribute(*a) for a in attributes.items()), text(X),
            " / ".join(map(text, chosen))]))


def classifier(classes, kernel, transform="NONE", has_probabilities=False, low=-1.0):
    counts = list(range(1, classes + 1))
    total, pairs = sum(counts), classes * (classes - 1) // 2
    attributes = dict(
        classlabels_ints=[10 * i + 3 for i in range(classes)], kernel_type=kernel,
        kernel_params=[float(v) for v in KERNELS[kernel]], vectors_per_class=counts,
        support_vectors=numbers(total, 3), coefficients=numbers(classes - 1, total, low=low),
        rho=numbers(pairs), post_transform=transform)
    if has_probabilities:
        attributes.update(prob_a=numbers(pairs, low=-2.0, high=-0.5), prob_b=numbers(pairs))
    example(
        "SVMClassifier", ["Y", "Z"], attributes,
        lambda name: "reference" if name == "Z" and not has_probabilities else "onnxruntime")


def linear_classifier(classes, low=-1.0):
    attributes = dict(
        classlabels_ints=[10 * i + 3 for i in range(classes)],
        kernel_params=[0.0, 0.0, 0.0], coefficients=numbers(classes, 3, low=low), rho=numbers(1))
    example(
        "SVMClassifier", ["Y", "Z"], attributes,
        lambda name: "reference" if classes == 2 else "onnxruntime")


def regressor(kernel, **more):
    attributes = dict(
        kernel_type=kernel, kernel_params=[float(v) for v in KERNELS[kernel]], n_supports=4,
        support_vectors=numbers(4, 3), coefficients=numbers(4), rho=numbers(1), **more)
    example("SVMRegressor", ["Y"], attributes, lambda name: "reference")


if "--disagreements" not in sys.argv:
    print("// Written by tools/generate/support_vectors.py.\n")
    print('let supportVectorTable = """')
for kernel in KERNELS:
    for classes in [2, 3, 4]:
        classifier(classes, kernel)
        classifier(classes, kernel, has_probabilities=True)
    regressor(kernel)
    regressor(kernel, one_class=1)
classifier(2, "POLY", low=0.0)
classifier(2, "POLY", low=0.0, has_probabilities=True)
for transform in ["SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"]:
    classifier(2, "RBF", transform)
    classifier(3, "RBF", transform)
    classifier(2, "LINEAR", transform, has_probabilities=True)
    classifier(3, "LINEAR", transform, has_probabilities=True)
classifier(3, "RBF", "PROBIT", has_probabilities=True)
classifier(2, "RBF", "PROBIT", has_probabilities=True)
for classes in [1, 2, 3]:
    linear_classifier(classes)
linear_classifier(2, low=0.0)
example(
    "SVMRegressor", ["Y"],
    dict(coefficients=numbers(3), rho=numbers(1), kernel_params=[0.0, 0.0, 0.0]),
    lambda name: "reference")
if "--disagreements" not in sys.argv:
    print('  """')
