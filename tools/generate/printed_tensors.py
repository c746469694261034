"""Writes tensors and the text that NumPy prints for them with six digits.

    python tools/generate/printed_tensors.py > Tests/LibraryTests/PrintedTensors.swift
    swift format --in-place Tests/LibraryTests/PrintedTensors.swift

Needs NumPy 2.4 (`numpy.set_printoptions(precision=6)`).
"""

import numpy as np

np.set_printoptions(precision=6)

TYPES = {
    "float32": "Float", "float64": "Double", "float16": "Float16", "int64": "Int64",
    "int32": "Int32", "uint8": "UInt8", "bool": "Bool", "complex64": "Complex<Float>",
}
f32, f64, f16 = np.float32, np.float64, np.float16
CASES = [
    np.array([1, 2.5, 1 / 3, -4, 0, 6], f32).reshape(2, 3),
    np.array([0.1, 0.2, 0.3], f32),
    np.array([1, 2, 3], f32),
    np.array([-1.5], f64),
    np.array([1e-5, 1], f32),
    np.array([0.0001, 0.05], f32),
    np.array([1234.5678, 1], f32),
    np.array([1234.5678, 2], f32),
    np.array([999999, 1000.25], f32),
    np.array([1000000, 2000000], f32),
    np.array([99999999, 100000], f64),
    np.array([1e100, -1e-100, 0], f64),
    np.array([np.nan, 1, -2.25], f32),
    np.array([np.inf, -np.inf, 12345], f32),
    np.array([np.nan, np.nan], f32),
    np.array([np.inf, 1e-7, -3], f32),
    np.array([-np.inf], f32),
    np.array([0.0, -0.0], f32),
    np.array([0.1, 100, 999.5], f16),
    np.array([0.1, 2000], f16),
    np.array([16777217, 3.14159265358979], f64),
    np.array([0.9999999, 0.5], f32),
    np.array([9.5e10, 3], f32),
    np.array(1 / 3, f32), np.array(1, f32), np.array(2.5, f64), np.array(1e-5, f64),
    np.array(7, np.int64),
    np.array([1, 22, 3, -4, 5, 6], np.int64).reshape(2, 3),
    np.array([0, 128, 255], np.uint8),
    np.array([1, 2, 3, 4], np.int32).reshape(2, 1, 2),
    np.array([[[[1, 2]], [[3, 4]]], [[[5, 6]], [[7, -80]]]], np.int32),
    np.array([True, False]), np.array([True, True]),
    np.array([1 + 2j, -0.5 - 1.25j, 3j], np.complex64),
    np.array([1e-6 + 2j, 100], np.complex64),
    np.zeros((0,), f32), np.zeros((2, 0), f32),
]
FORMULAS = [
    ("(0..<40).map { Float($0) / 7 }", np.arange(40).astype(f32) / f32(7), [40]),
    ("(0..<60).map { Float($0) / 7 }", np.arange(60).astype(f32) / f32(7), [2, 30]),
    ("(0..<1001).map { Int32($0) }", np.arange(1001, dtype=np.int32), [1001]),
    ("(0..<4000).map { Float($0) / 4000 }", np.arange(4000).astype(f32) / f32(4000), [40, 100]),
    ("(0..<2000).map { Int64($0) }", np.arange(2000), [2, 10, 5, 20]),
]


def number(x):
    if isinstance(x, (bool, np.bool_)):
        return "true" if x else "false"
    if isinstance(x, (complex, np.complexfloating)):
        return f"Complex({number(float(x.real))}, {number(float(x.imag))})"
    if isinstance(x, (int, np.integer)):
        return str(x)
    x = float(x)
    if np.isnan(x):
        return ".nan"
    if np.isinf(x):
        return ".infinity" if x > 0 else "-.infinity"
    return repr(x)


def case(tensor, text):
    text = text.replace("True", "true").replace("False", "false")
    text = "\n".join("    " + line if line else "" for line in text.split("\n"))
    print(f'  (\n    {tensor},\n    """\n{text}\n    """\n  ),')


print("import ComplexModule\nimport ONNX\n")
print("/// Written by tools/generate/printed_tensors.py.")
print("let printedTensors: [(tensor: Tensor, text: String)] = [")
for array in CASES:
    values = ", ".join(number(x) for x in array.reshape(-1))
    kind = TYPES[str(array.dtype)]
    case(f"Tensor(shape: {list(array.shape)}, [{values}] as [{kind}])", str(array))
for formula, array, shape in FORMULAS:
    case(f"Tensor(shape: {shape}, {formula})", str(array.reshape(shape)))
print("]")
