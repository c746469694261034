"""Runs ONNX models with this repository's implementation; `swiftonnx.backend` is its backend."""

from swiftonnx.session import Error, Session

__all__ = ["Error", "Session"]
