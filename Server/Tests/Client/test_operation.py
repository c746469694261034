"""Metrics, logs, leaving clients and the stop by SIGTERM, of the program as it runs."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from datetime import datetime

import pytest
import requests
from example_models import save_loop
from prometheus_client.parser import text_string_to_metric_families
from servers import start_server

MODELS = os.path.dirname(os.path.abspath(__file__)) + "/../../../models"
LENET = {
    "inputs": [
        {"name": "image", "shape": [1, 1, 28, 28], "datatype": "FP32", "data": [0.5] * 784}
    ]
}


@pytest.fixture
def program():
    """Starts a server: `program(folder, *flags)` returns its process and address."""
    processes = []

    def program(folder, *flags):
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        process, address = start_server(folder, *flags, **pipes)
        processes.append(process)
        return process, address

    yield program
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def loop(tmp_path):
    """A folder with a model that loops as often as its input says."""
    save_loop(tmp_path)
    return tmp_path


def trips(count):
    return {"inputs": [{"name": "x", "shape": [], "datatype": "INT64", "data": [count]}]}


def samples(address):
    """The samples of /metrics by name and labels."""
    response = requests.get(address + "/metrics")
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = list(text_string_to_metric_families(response.text))
    assert all(family.documentation and family.type != "unknown" for family in families)
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def test_metrics_are_in_the_format_of_prometheus(program):
    _, address = program(MODELS)
    for _ in range(5):
        assert requests.post(address + "/v2/models/lenet5/infer", json=LENET).ok
    requests.post(address + "/v2/models/lenet5/infer", json={})
    requests.post(address + "/v2/models/%22%5C%0A/infer", json={})
    values = samples(address)
    assert values["onnx_serve_requests_total", "2xx", "lenet5"] == 5
    assert values["onnx_serve_request_duration_seconds_count", "lenet5"] >= 5
    assert values["onnx_serve_batch_size_sum", "lenet5"] == 5
    assert values["onnx_serve_batch_size_bucket", "1.0", "lenet5"] == 5
    assert values["onnx_serve_run_duration_seconds_bucket", "+Inf", "lenet5"] == 5
    assert values["onnx_serve_queue_length", "lenet5"] == 0
    assert values["onnx_serve_models",] >= 4
    assert values["onnx_serve_connections",] >= 1
    assert values["process_resident_memory_bytes",] > 1e6
    assert values["process_cpu_seconds_total",] > 0


def test_each_request_is_a_line_of_json(program):
    process, address = program(MODELS, "--log-format", "json", "--log-level", "debug")
    headers = {"X-Request-Id": "my-request"}
    response = requests.post(address + "/v2/models/lenet5/infer", json=LENET, headers=headers)
    assert response.headers["X-Request-Id"] == "my-request"
    requests.get(address + "/v2/%0a%1b[31m")
    process.terminate()
    _, log = process.communicate(timeout=20)
    lines = [json.loads(line) for line in log.decode().splitlines()]
    assert all({"time", "level", "message"} <= line.keys() for line in lines)
    assert all(datetime.fromisoformat(line["time"]).tzinfo for line in lines)
    (line,) = [line for line in lines if line.get("id") == "my-request"]
    assert line["model"] == "lenet5" and line["batch"] == 1 and line["status"] == 200
    assert line["bytes"] == len(response.content) and line["ms"] > 0
    assert b"\x1b" not in log


def test_the_run_of_a_client_that_leaves_ends(program, loop):
    _, address = program(loop, "--threads", "1")
    host, port = address.removeprefix("http://").split(":")
    body = json.dumps(trips(90_000_000)).encode()
    head = f"POST /v2/models/loop/infer HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + body)
        time.sleep(0.3)
    start = time.monotonic()
    assert requests.post(address + "/v2/models/loop/infer", json=trips(1)).ok
    assert time.monotonic() - start < 5
    assert samples(address)["onnx_serve_requests_total", "4xx", "loop"] == 1


def test_sigterm_answers_what_was_accepted(program):
    process, address = program(MODELS)
    start = threading.Barrier(9)
    failures, answers = [], [0] * 8

    def ask(number):
        session = requests.Session()
        start.wait()
        while True:
            try:
                response = session.post(address + "/v2/models/lenet5/infer", json=LENET)
            except requests.ConnectionError as error:
                # Nobody listens any more. A request that was sent would have an answer.
                if "refused" not in str(error):
                    failures.append(str(error))
                return
            if response.status_code != 200:
                failures.append(response.text)
            answers[number] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    start.wait()
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.05)
    ready = requests.get(address + "/v2/health/ready", timeout=5)
    assert ready.status_code == 503
    for thread in threads:
        thread.join()
    assert process.wait(20) == 0
    assert failures == [] and min(answers) > 0


def test_sigterm_waits_for_long_runs_and_ends_streams(program, loop):
    os.link(MODELS + "/char_rnn.onnx", loop / "char_rnn.onnx")
    process, address = program(loop)
    answers = {}

    def run():
        answers["run"] = requests.post(address + "/v2/models/loop/infer", json=trips(300_000))

    def write():
        body = {"text_input": "ROMEO:", "parameters": {"max_tokens": 16_000}}
        answers["stream"] = requests.post(
            address + "/v2/models/char_rnn/generate_stream", json=body
        )

    threads = [threading.Thread(target=run), threading.Thread(target=write)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    process.terminate()
    for thread in threads:
        thread.join()
    assert process.wait(20) == 0
    assert answers["run"].json()["outputs"][0]["data"] == [300_000]
    events = answers["stream"].text.strip().split("\n\n")
    last = json.loads(events[-1].removeprefix("data: "))
    assert last["finish_reason"] == "shutdown" and last["tokens"] > 0
