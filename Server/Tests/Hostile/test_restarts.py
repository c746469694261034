"""Servers that end in the middle of their work."""

import os
import signal
import threading
import time

import pytest
from attack import request, read_all


def files(folder):
    return sorted(str(path) for path in folder.rglob("*"))


def test_a_killed_server_loses_only_what_was_in_flight(start_server):
    server = start_server()
    expected, before = server.infer(), files(server.models.parent)
    answers, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            try:
                answers.append((time.monotonic(), server.infer()))
            except (OSError, ValueError):
                time.sleep(0.01)  # The client tries again.

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        time.sleep(0.3)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        server.start()  # At once, on the same port.
    restarted = time.monotonic()
    time.sleep(0.3)
    stop.set()
    for thread in threads:
        thread.join()
    assert all(answer == pytest.approx(expected) for _, answer in answers)
    assert any(when > restarted for when, _ in answers)
    assert files(server.models.parent) == before


def test_sigterm_answers_what_was_accepted(start_server):
    server = start_server()
    connections = [server.connect() for _ in range(32)]
    for connection in connections:
        connection.sendall(request())
    idle = server.connect()
    os.kill(server.process.pid, signal.SIGTERM)
    for connection in connections:
        response = read_all(connection)
        assert response.startswith(b"HTTP/1.1 200") and response.endswith(b"}")
    assert read_all(idle) == b""
    assert server.process.wait(5) == 0
    server.start()


def test_sigterm_does_not_wait_for_slow_clients(start_server):
    server = start_server()
    with server.connect() as slow:
        slow.sendall(request()[:-10])
        time.sleep(0.1)
        start = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - start < 5
