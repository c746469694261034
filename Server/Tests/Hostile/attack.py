"""A server for attacks: a process with short time limits, and what it costs."""

import json
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import time
import urllib.request

from servers import BINARY, ROOT, free_port

# The limits of the servers, in seconds.
IDLE, TRANSFER = 2, 1
BODY = json.dumps({"inputs": [{"name": "image", "shape": [1, 1, 28, 28], "datatype": "FP32",
                               "data": [i % 7 / 7 for i in range(784)]}]}).encode()
INFER = "/v2/models/lenet5/infer"


def request(body=BODY, path=INFER, fields=()):
    """A request as bytes."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json",
             f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + body


class Server:
    """A server as a process of its own."""

    def __init__(self, folder, *options):
        self.models = folder / "models"
        if not self.models.exists():
            self.models.mkdir()
            shutil.copy(ROOT / "models/lenet5.onnx", self.models)
        self.port = free_port()
        limits = {"--idle-timeout": IDLE, "--transfer-timeout": TRANSFER}
        limits |= dict(zip(options[::2], options[1::2]))
        self.options = [str(part) for limit in limits.items() for part in limit]
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [BINARY, self.models, "--port", str(self.port), "--log-level", "warning",
             *self.options])
        for _ in range(400):
            assert self.process.poll() is None, "onnx-serve ended"
            try:
                self.get("/v2/health/ready")
                return
            except OSError:
                time.sleep(0.025)
        raise AssertionError("onnx-serve does not start")

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as response:
            return response.read()

    def infer(self):
        """The numbers of a normal request."""
        address = f"http://127.0.0.1:{self.port}{INFER}"
        with urllib.request.urlopen(
            urllib.request.Request(address, BODY, {"Content-Type": "application/json"}), timeout=10
        ) as response:
            return json.load(response)["outputs"][0]["data"]

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def send(self, *parts, pause=0, half_close=False):
        """All that the server sends until it closes the connection."""
        with self.connect() as connection:
            try:
                for part in parts:
                    connection.sendall(part)
                    time.sleep(pause)
                if half_close:
                    connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # The server has closed the connection, with or without an answer.
            return read_all(connection)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def memory(self):
        """Resident megabytes."""
        pages = int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1e6

    def latency(self):
        """Milliseconds of a normal request: the best of three, since tests share a machine."""
        times = []
        for _ in range(3):
            start = time.monotonic()
            self.infer()
            times.append(1e3 * (time.monotonic() - start))
        return min(times)

    def stop(self):
        self.process.terminate()
        return self.process.wait(40)


def read_all(connection):
    """What arrives until the other side closes the connection."""
    received = b""
    try:
        while part := connection.recv(1 << 16):
            received += part
    except ConnectionError:
        pass
    return received


def check_costs(server, descriptors, memory):
    """The server soon needs as little as it did before the attack."""
    end = time.monotonic() + IDLE + 8
    while server.descriptors() > descriptors or server.memory() > memory + 24:
        assert time.monotonic() < end, (
            f"{server.descriptors() - descriptors} descriptors and "
            f"{server.memory() - memory:.0f} MB more than before")
        time.sleep(0.05)
