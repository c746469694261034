"""The functions of `onnxc.h` in the library `libONNXC`."""

import ctypes
import functools
import os
from pathlib import Path

NAME = "libONNXC.so"


class Value(ctypes.Structure):
    """The C struct `onnx_value`."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("kind", ctypes.c_int32),
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
    ]


def find():
    """The path in SWIFTONNX_LIBRARY, or the library next to this package or in the build folder."""
    named = os.environ.get("SWIFTONNX_LIBRARY")
    if named:
        return Path(named)
    package = Path(__file__).resolve().parent
    build = package.parents[2] / ".build"
    places = [package / NAME, package.parent / NAME]
    places += [build / kind / NAME for kind in ["release", "debug"]]
    for place in places:
        if place.exists():
            return place
    raise ImportError(
        f"{NAME} not found: build it with `swift build -c release --product ONNXC`, "
        "or set SWIFTONNX_LIBRARY to its path"
    )


@functools.cache
def load():
    """Loads the library and declares its functions."""
    library = ctypes.CDLL(str(find()))
    library.onnx_load.restype = ctypes.c_void_p
    library.onnx_load.argtypes = [
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_char_p,
        ctypes.c_int32,
    ]
    library.onnx_run.restype = ctypes.c_int32
    library.onnx_run.argtypes = [
        ctypes.c_void_p,
        ctypes.POINTER(Value),
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.POINTER(Value)),
        ctypes.POINTER(ctypes.c_size_t),
    ]
    library.onnx_free.restype = None
    library.onnx_free.argtypes = [ctypes.c_void_p]
    library.onnx_free_values.restype = None
    library.onnx_free_values.argtypes = [ctypes.POINTER(Value)]
    library.onnx_last_error.restype = ctypes.c_char_p
    library.onnx_last_error.argtypes = []
    return library
