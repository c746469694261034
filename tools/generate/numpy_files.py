"""Prints small .npy and .npz files written by NumPy as Swift literals for Tests/FormatTests.

    python tools/generate/numpy_files.py > Tests/FormatTests/NumPyFiles.swift
"""

import io
import zlib

import numpy as np

COUNT = np.arange(6).reshape(2, 3)
ARRAYS = {
    "float32": COUNT.astype("<f4") / 2,
    "float32BigEndian": COUNT.astype(">f4") / np.float32(2),
    "int16Fortran": np.asfortranarray(COUNT.astype("<i2")),
    "int64BigEndianFortran": np.asfortranarray(np.arange(24).reshape(2, 3, 4).astype(">i8")),
    "bool": COUNT % 2 == 1,
    "scalar": np.float64(1.5),
    "empty": np.zeros((0, 3), np.uint8),
    "complex64": np.array([1 + 2j, -1j], "<c8"),
    "complex128BigEndian": np.array([1 + 2j], ">c16"),
    "float16": np.array([1.5], np.float16),
    "strings": np.array(["a", "", "åß😀"]),
    "stringsBigEndian": np.array(["ab", "c"], ">U2"),
    "byteStrings": np.array([b"ab", b"c"]),
    "objects": np.array([{}], object),
    "records": np.zeros(1, [("a", "<i4")]),
    "dates": np.zeros(1, "M8[D]"),
    "longDouble": np.zeros(1, np.longdouble),
}


def npy(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def npz(save):
    file = io.BytesIO()
    save(file, first=ARRAYS["float32"], **{"a/b": ARRAYS["strings"]}, zeros=np.zeros(1000, "i4"))
    return file.getvalue()


def show(name, data):
    """Deflates the file, because headers are mostly padding."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    text = (packed.compress(data) + packed.flush()).hex()
    print(f'  "{name}": (\n    {len(data)},\n    """')
    for start in range(0, len(text), 92):
        print("    " + text[start:start + 92])
    print('    """\n  ),')


print("// Made by tools/generate/numpy_files.py: sizes, and deflated bytes.\n")
print("let numPyFiles: [String: (size: Int, deflated: String)] = [")
for name, array in ARRAYS.items():
    show(name, npy(array))
show("plain.npz", npz(np.savez))
show("compressed.npz", npz(np.savez_compressed))
print("]")
