"""Runs ONNX models with swift-onnx; `swiftonnx.backend` is the standard's backend interface."""

from swiftonnx.session import Error, Session

__all__ = ["Error", "Session"]
