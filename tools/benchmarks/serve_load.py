"""Measures onnx-serve beside MLServer with onnxruntime: LeNet-5, one digit a request.

    tools/serve_load [--seconds 5] [--rounds 3] [--connections 1,8,64] [--memory 1000000]

The same wrk posts the same digit to both servers over loopback, in turns so that other work on the
machine disturbs both. Both run on the same CPUs. MLServer runs with the fastest of the settings in
CANDIDATES, which is found first. The tables are Markdown. `CPU` is the server's time on a CPU a
request, wrk's is not in it. Requests in binary form (the protocol's tensor extension) are for
onnx-serve only: MLServer does not read them over HTTP.

--memory posts that many requests to onnx-serve and prints its resident memory ten times.
"""

import argparse
import json
import math
import pathlib
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile

import processor
from serve.servers import ENVIRONMENT, HERE, ROOT, mlserver, onnx_serve

# Processes that run the model (0: in the process that answers HTTP), requests in a batch (0: one).
CANDIDATES = [(0, 0), (0, 32), (1, 0), (2, 0)]


def digit():
    """A zero of 28 x 28 pixels from 0 to 1, as a pen draws it."""
    return [round(255 * max(0, 1 - abs(math.hypot((x - 13.5) / 0.7, y - 13.5) - 9) / 2.2)) / 255
            for y in range(28) for x in range(28)]


class Body:
    """The body of a request as a file, and its headers."""

    def __init__(self, path, contents, content_type, json_length=None):
        path.write_bytes(contents)
        self.path, self.contents = path, contents
        self.headers = {"Content-Type": content_type}
        self.environment = {"BODY": str(path), "CONTENT_TYPE": content_type}
        if json_length is not None:
            self.headers["Inference-Header-Content-Length"] = str(json_length)
            self.environment["JSON_LENGTH"] = str(json_length)


def json_body(folder):
    contents = {"inputs": [{"name": "image", "shape": [1, 1, 28, 28], "datatype": "FP32",
                            "data": digit()}]}
    return Body(folder / "body.json", json.dumps(contents).encode(), "application/json")


def binary_body(folder):
    numbers = struct.pack("<784f", *digit())
    head = json.dumps({
        "inputs": [{"name": "image", "shape": [1, 1, 28, 28], "datatype": "FP32",
                    "parameters": {"binary_data_size": len(numbers)}}],
        "outputs": [{"name": "logits", "parameters": {"binary_data": True}}]}).encode()
    return Body(folder / "body.bin", head + numbers, "application/octet-stream", len(head))


def load(server, body, connections, seconds):
    """The figures of wrk, and the CPU time of the server a request."""
    before = server.cpu_seconds()
    output = subprocess.run(
        ["wrk", f"--threads={min(2, connections)}", f"--connections={connections}",
         f"--duration={max(1, math.ceil(seconds))}s", f"--script={HERE}/post.lua", server.url],
        env=ENVIRONMENT | body.environment, capture_output=True, text=True, check=True).stdout
    figures = json.loads(output.splitlines()[-1])
    if figures["failed"]:
        sys.exit(f"{server.name}: {figures['failed']} of {figures['requests']} requests failed")
    figures["rate"] = figures["requests"] / figures["seconds"]
    figures["cpu"] = 1e3 * (server.cpu_seconds() - before) / max(1, figures["requests"])
    figures["memory"] = server.memory()
    return figures


def fastest_mlserver(folder, cpus, body, seconds):
    """The fastest of the candidates at 8 connections; the others are stopped."""
    print("| MLServer's settings | requests/s at 8 connections |\n| --- | ---: |")
    best, best_rate = None, 0
    for candidate in CANDIDATES:
        server = mlserver(folder, cpus, *candidate)
        load(server, body, 8, 1)
        rate = load(server, body, 8, seconds)["rate"]
        print(f"| {server.name} | {rate:,.0f} |", flush=True)
        if rate > best_rate:
            server, best, best_rate = best, server, rate
        if server:
            server.stop()
    return best


def check(ours, peer, body):
    """Both give the same numbers."""
    pairs = list(zip(ours.answer(body.contents, body.headers),
                     peer.answer(body.contents, body.headers)))
    if len(pairs) != 10 or any(abs(a - b) > 1e-3 for a, b in pairs):
        sys.exit(f"the servers disagree: {pairs}")


def measure(servers, body, label, connections, options):
    """Prints a row for each server; the figures are medians of the rounds."""
    rounds = [[load(server, body, connections, options.seconds) for server in servers]
              for _ in range(options.rounds)]
    result = []
    for server, figures in zip(servers, zip(*rounds)):
        middle = {key: statistics.median(figure[key] for figure in figures) for key in figures[0]}
        result.append(middle)
        print(f"| {label} | {connections} | {server.name} | {middle['rate']:,.0f} "
              f"| {middle['p50']:.2f} | {middle['p99']:.2f} | {middle['cpu']:.3f} "
              f"| {middle['memory']:.0f} |", flush=True)
    if len(result) == 2:
        ours, peer = result
        print(f"| | | ratio | {ours['rate'] / peer['rate']:.1f} | {ours['p50'] / peer['p50']:.2f} "
              f"| {ours['p99'] / peer['p99']:.2f} | {ours['cpu'] / peer['cpu']:.3f} "
              f"| {ours['memory'] / peer['memory']:.2f} |", flush=True)


def watch_memory(server, body, count):
    print(f"\n| requests | MB resident |\n| ---: | ---: |\n| 0 | {server.memory():.1f} |")
    done, rate = 0, load(server, body, 8, 1)["rate"]
    for step in range(1, 11):
        while done < step * count / 10:
            figures = load(server, body, 8, min(30, (step * count / 10 - done) / rate))
            done, rate = done + figures["requests"], figures["rate"]
        print(f"| {done:,} | {server.memory():.1f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=pathlib.Path,
                        default=ROOT / "Server/.build/release/onnx-serve")
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", default="1,8,64")
    parser.add_argument("--cpus", default="0,1", help="the CPUs of both servers")
    parser.add_argument("--memory", type=int, default=0, help="requests of the memory test")
    parser.add_argument("--alone", action="store_true", help="without MLServer")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("wrk is missing: apt install wrk")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        body, binary = json_body(folder), binary_body(folder)
        print(f"{processor.describe()}; servers on CPUs {options.cpus}\n")
        servers = []
        try:
            servers.append(onnx_serve(folder, options.cpus, options.binary))
            if not options.alone:
                servers.append(fastest_mlserver(folder, options.cpus, body, options.seconds))
                check(*servers, body)
            for server in servers:
                load(server, body, 8, 1)
            print("\n| body | connections | server | requests/s | p50 ms | p99 ms | CPU ms | MB |\n"
                  "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |")
            for connections in map(int, options.connections.split(",")):
                measure(servers, body, "JSON", connections, options)
            measure(servers[:1], binary, "binary", 8, options)
            if options.memory:
                watch_memory(servers[0], body, options.memory)
        finally:
            for server in servers:
                server.stop()


if __name__ == "__main__":
    main()
