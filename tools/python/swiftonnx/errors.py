"""Exceptions, with the names of onnxruntime's, and the dtypes of other packages than NumPy."""

import numpy as np

from swiftonnx import _native


class Error(RuntimeError):
    """An error that the library reports."""


class InvalidArgument(Error, ValueError):
    """A name, an array or an option does not fit the model."""


class NoSuchFile(Error, FileNotFoundError):
    """A file cannot be read or written."""


class InvalidGraph(Error):
    """The model is damaged or invalid."""


class NotImplemented(Error, NotImplementedError):  # noqa: A001
    """The library lacks an operator or a feature of the model."""


class OutOfMemory(Error, MemoryError):
    """There is not enough memory."""


class Busy(Error):
    """Another thread is running the bound session."""


class Fail(Error):
    """A node failed, or a step of training."""


# dtypes of the package ml_dtypes, and their numbers in TensorProto.DataType.
_DTYPES = {
    "bfloat16": 16,
    "float8_e4m3fn": 17,
    "float8_e4m3fnuz": 18,
    "float8_e5m2": 19,
    "float8_e5m2fnuz": 20,
    "uint4": 21,
    "int4": 22,
    "float4_e2m1fn": 23,
    "float8_e8m0fnu": 24,
    "uint2": 25,
    "int2": 26,
    "float6_e2m3fn": 27,
    "float6_e3m2fn": 28,
}


def _load_dtypes():
    """Makes the dtypes of ml_dtypes known, if it is installed."""
    try:
        import ml_dtypes
    except ImportError:
        return
    for name, number in _DTYPES.items():
        dtype = getattr(ml_dtypes, name, None)
        if dtype is not None:
            _native.register_dtype(np.dtype(dtype), number)


# In the order of the kinds of errors in onnxc.h.
_native.set_hooks(
    (Error, InvalidArgument, NoSuchFile, InvalidGraph, NotImplemented, OutOfMemory, Busy, Fail),
    _load_dtypes,
)
