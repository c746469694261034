"""Prints the reference table of the small float types as Swift, for Tests/FormatTests.

    python tools/generate/small_floats.py > Tests/FormatTests/SmallFloatTable.swift

The table holds, for each type in ml_dtypes and onnx, the float32 bit pattern of every code, and the
first positive float32 pattern that rounds to each code (conversion is monotone, so these determine
all others), for the standard's Cast with and without `saturate`.
"""

import ml_dtypes
import numpy as np
from onnx import numpy_helper

TYPES = {
    "Float8E4M3FN": ml_dtypes.float8_e4m3fn,
    "Float8E4M3FNUZ": ml_dtypes.float8_e4m3fnuz,
    "Float8E5M2": ml_dtypes.float8_e5m2,
    "Float8E5M2FNUZ": ml_dtypes.float8_e5m2fnuz,
    "Float8E8M0": ml_dtypes.float8_e8m0fnu,
    "Float4E2M1": ml_dtypes.float4_e2m1fn,
    "Float6E2M3": ml_dtypes.float6_e2m3fn,
    "Float6E3M2": ml_dtypes.float6_e3m2fn,
}
BITS = {"Float4E2M1": 4, "Float6E2M3": 6, "Float6E3M2": 6}
INFINITY = 0x7F80_0000


def encode(name, patterns, mode):
    values = np.asarray(patterns, dtype=np.uint32).view(np.float32)
    if name == "Float8E8M0":
        rounding, saturate = mode
        return numpy_helper.to_float8e8m0(values, saturate, rounding).view(np.uint8)
    if mode == "saturating" and name.startswith("Float8"):
        return numpy_helper.saturate_cast(values, TYPES[name]).view(np.uint8)
    with np.errstate(all="ignore"):
        return values.astype(TYPES[name]).view(np.uint8)


def thresholds(name, mode):
    """(first pattern, code) for every run of patterns up to infinity with the same code."""
    runs = []
    pattern = 0
    while True:
        code = int(encode(name, [pattern], mode)[0])
        runs.append((pattern, code))
        low, high = pattern, INFINITY + 1
        while high - low > 1:
            middle = (low + high) // 2
            if int(encode(name, [middle], mode)[0]) == code:
                low = middle
            else:
                high = middle
        if high > INFINITY:
            return runs
        pattern = high


def words(values, width):
    """Hexadecimal words as the lines of a Swift string literal."""
    text = [f"{value:0{width}x}" for value in values]
    per_line = 80 // (width + 1)
    return "\n".join("      " + " ".join(text[i:i + per_line])
                     for i in range(0, len(text), per_line))


def main():
    print("// Made by tools/generate/small_floats.py.\n")
    print("struct SmallFloatReference {")
    print("  let name: String\n  let floats: String\n  let encoders: [(mode: String, runs: String)]")
    print("}\n")
    print("let smallFloatReferences: [SmallFloatReference] = [")
    for name, dtype in TYPES.items():
        codes = np.arange(1 << BITS.get(name, 8), dtype=np.uint8)
        floats = codes.view(dtype).astype(np.float32).view(np.uint32)
        modes = (["saturating", "overflowing"] if name.startswith("Float8") else ["saturating"])
        if name == "Float8E8M0":
            modes = [(r, s) for r in ("up", "down", "nearest") for s in (True, False)]
        print("  SmallFloatReference(")
        print(f'    name: "{name}",')
        print(f'    floats: """\n{words(floats, 8)}\n      """,')
        print("    encoders: [")
        for mode in modes:
            label = mode if isinstance(mode, str) else (
                f"{mode[0]} {'saturating' if mode[1] else 'overflowing'}")
            runs = [pattern << 8 | code for pattern, code in thresholds(name, mode)]
            print(f'      ("{label}", """\n{words(runs, 10)}\n      """),')
        print("    ]),")
    print("]")


main()
