"""The two servers that serve_load.py measures, as processes with figures."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[2]
MODEL = "lenet5"
# These variables make OpenBLAS use the kernels of another CPU.
ENVIRONMENT = {name: value for name, value in os.environ.items()
               if not name.startswith("OPENBLAS_")}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """A server of LeNet-5 as a process of its own on certain CPUs."""

    def __init__(self, name, command, port, cpus, folder, environment=None):
        self.name = name
        self.url = f"http://127.0.0.1:{port}/v2/models/{MODEL}/infer"
        self.log = open(folder / "log", "wb")
        self.process = subprocess.Popen(
            ["taskset", "--cpu-list", cpus, *map(str, command)], cwd=folder, stdout=self.log,
            stderr=self.log, env=ENVIRONMENT | (environment or {}))
        self._wait(f"http://127.0.0.1:{port}/v2/models/{MODEL}/ready")

    def _wait(self, ready):
        for _ in range(600):
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(ready).close()
                return
            except OSError:
                time.sleep(0.1)
        self.stop()
        sys.exit(f"{self.name} does not start; see {self.log.name}")

    def answer(self, body, headers):
        """The numbers of the response, which has one output."""
        request = urllib.request.Request(self.url, body, headers)
        with urllib.request.urlopen(request) as response:
            return json.load(response)["outputs"][0]["data"]

    def processes(self):
        """The process, and those that it started."""
        found, left = [], [self.process.pid]
        while left:
            found.append(left.pop())
            for task in pathlib.Path(f"/proc/{found[-1]}/task").glob("*/children"):
                left += map(int, task.read_text().split())
        return found

    def cpu_seconds(self):
        ticks = 0
        for process in self.processes():
            fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """Resident megabytes."""
        pages = sum(int(pathlib.Path(f"/proc/{process}/statm").read_text().split()[1])
                    for process in self.processes())
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()


def onnx_serve(folder, cpus, binary):
    """This toolkit's server with its default settings."""
    folder = folder / "onnx-serve"
    models = folder / "models"
    models.mkdir(parents=True)
    shutil.copy(ROOT / f"models/{MODEL}.onnx", models)
    port = free_port()
    return Server("onnx-serve", [binary, models, "--port", port], port, cpus, folder)


def mlserver(folder, cpus, workers, batch):
    """MLServer without logs of requests, metrics and compression, which cost it time.

    `workers`: processes that run the model; 0 runs it in the process that answers HTTP.
    `batch`: the most requests that are run together.
    """
    folder = folder / f"mlserver-{workers}-{batch}"
    folder.mkdir()
    port = free_port()
    (folder / "settings.json").write_text(json.dumps({
        "host": "127.0.0.1", "http_port": port, "grpc_port": free_port(), "debug": False,
        "parallel_workers": workers, "metrics_endpoint": None, "gzip_enabled": False}))
    (folder / "model-settings.json").write_text(json.dumps({
        "name": MODEL, "implementation": "mlserver_onnx.OnnxRuntime",
        "max_batch_size": batch, "max_batch_time": 0.002 if batch else 0,
        "parameters": {"uri": str(ROOT / f"models/{MODEL}.onnx")}}))
    command = pathlib.Path(sys.executable).with_name("mlserver")
    return Server(f"MLServer, {workers} workers, batches of {batch or 1}",
                  [command, "start", folder], port, cpus, folder,
                  {"PYTHONPATH": str(HERE), "ONNX_THREADS": "1"})
