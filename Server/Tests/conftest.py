"""Servers for the tests."""

import os

import pytest
from servers import start_server


@pytest.fixture(scope="session")
def serve():
    """Starts a server and returns its address: `serve(folder, "--max-body", "2000")`.

    It must answer until the tests end, and then end without an error.
    """
    processes = []

    def serve(folder, *flags, env=None):
        process, address = start_server(folder, *flags, env={**os.environ, **(env or {})})
        processes.append(process)
        return address

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
