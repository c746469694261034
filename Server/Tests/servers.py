"""The program under test."""

import os
import pathlib
import socket

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("ONNX_SERVE", str(ROOT / "Server/.build/debug/onnx-serve"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
