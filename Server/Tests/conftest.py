"""Servers for the tests."""

import os
import subprocess
import time
import urllib.request

import pytest
from servers import BINARY, free_port


@pytest.fixture(scope="session")
def serve():
    """Starts a server and returns its address: `serve(folder, "--max-body", "2000")`.

    It must answer until the tests end, and then end without an error.
    """
    processes = []

    def serve(folder, *flags, env=None):
        port = free_port()
        command = [BINARY, str(folder), "--port", str(port), *flags]
        process = subprocess.Popen(command, env={**os.environ, **(env or {})})
        processes.append(process)
        address = f"http://127.0.0.1:{port}"
        for _ in range(400):
            assert process.poll() is None, "onnx-serve ended"
            try:
                urllib.request.urlopen(address + "/v2/health/live").read()
                return address
            except OSError:
                time.sleep(0.05)
        raise AssertionError("onnx-serve does not answer")

    yield serve
    running = [process.poll() is None for process in processes]
    for process in processes:
        process.terminate()
    assert all(running)
    assert all(process.wait(20) == 0 for process in processes)


# Figures that tests measure, by name. They are printed, never asserted: they depend on the machine.
FIGURES = {}


@pytest.fixture(scope="session")
def figures():
    """Takes figures for the summary: `figures["first paint, ms"] = 120`."""
    return FIGURES


def pytest_terminal_summary(terminalreporter):
    for name, value in FIGURES.items():
        terminalreporter.write_line(f"{name}: {value:.4g}")
