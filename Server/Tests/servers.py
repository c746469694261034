"""The program under test."""

import os
import pathlib
import socket
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("ONNX_SERVE", str(ROOT / "Server/.build/debug/onnx-serve"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start_server(folder, *flags, **options):
    """Starts a server, with the options of Popen. Returns its process and address once it answers."""
    port = free_port()
    process = subprocess.Popen([BINARY, str(folder), "--port", str(port), *flags], **options)
    address = f"http://127.0.0.1:{port}"
    for _ in range(400):
        assert process.poll() is None, "onnx-serve ended"
        try:
            urllib.request.urlopen(address + "/v2/health/live").read()
            return process, address
        except OSError:
            time.sleep(0.05)
    process.kill()
    raise AssertionError("onnx-serve does not answer")
