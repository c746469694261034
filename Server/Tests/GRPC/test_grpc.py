"""Triton's gRPC client, as its users call it, against a server that is built with the trait GRPC."""

import os
import signal
import socket
import subprocess
import threading
import time

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from example_models import TYPES, save_add, save_loop, save_types
from servers import BINARY, free_port
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

# The fields of typed contents. The other types have none.
FIELDS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("models"))
    save_types(folder)
    save_add(folder)
    save_loop(folder)
    return folder


@pytest.fixture(scope="session")
def program(folder):
    """Starts a server: `program(*flags)` returns its process and the address of its gRPC."""
    processes = []

    def start(*flags, env=None):
        port = free_port()
        process = subprocess.Popen(
            [BINARY, folder, "--port", "0", "--grpc-port", str(port), *flags],
            env={**os.environ, **(env or {})},
        )
        processes.append(process)
        address = f"127.0.0.1:{port}"
        end = time.monotonic() + 30
        with triton.InferenceServerClient(address) as client:
            while True:
                assert process.poll() is None, "onnx-serve ended"
                try:
                    assert client.is_server_live()
                    return process, address
                except InferenceServerException:
                    assert time.monotonic() < end
                    time.sleep(0.1)

    yield start
    for process in processes:
        process.terminate()
    assert all(process.wait(20) == 0 for process in processes)


@pytest.fixture(scope="session")
def address(program):
    return program("--max-elements", "100000", "--max-body", "1000000", "--threads", "1")[1]


@pytest.fixture
def client(address):
    with triton.InferenceServerClient(address) as client:
        yield client


@pytest.fixture
def stub(address):
    with grpc.insecure_channel(address) as channel:
        yield service_pb2_grpc.GRPCInferenceServiceStub(channel)


def tensor(name, values, datatype=None):
    values = np.asarray(values)
    datatype = datatype or np_to_triton_dtype(values.dtype)
    return triton.InferInput(name, list(values.shape), datatype).set_data_from_numpy(values)


def message(name, values, shape=None, field=None, **members):
    """A request with typed contents for the input `x`."""
    request = service_pb2.ModelInferRequest(model_name=name, **members)
    contents = request.inputs.add(
        name="x", datatype=name, shape=[len(values)] if shape is None else shape
    ).contents
    getattr(contents, field or FIELDS[name]).extend(values)
    return request


def refused(call, code, text):
    with pytest.raises(grpc.RpcError) as error:
        call()
    assert error.value.code() == code and text in error.value.details()


def test_the_server_is_live_and_ready(client):
    assert client.is_server_live() and client.is_server_ready()
    metadata = client.get_server_metadata()
    assert metadata.name == "onnx-serve" and "model_repository" in metadata.extensions


def test_models_are_described(client):
    assert client.is_model_ready("add") and client.is_model_ready("add", "1")
    assert not client.is_model_ready("other") and not client.is_model_ready("add", "2")
    metadata = client.get_model_metadata("add", as_json=True)
    assert metadata["versions"] == ["1"] and metadata["platform"] == "onnx"
    assert metadata["inputs"] == [
        {"name": name, "datatype": "FP32", "shape": ["-1", "3"]} for name in ("a", "b")
    ]
    assert [output["name"] for output in metadata["outputs"]] == ["sum", "diff"]


def test_models_are_listed_unloaded_and_loaded(client):
    index = {entry.name: entry for entry in client.get_model_repository_index().models}
    assert index["add"].state == "READY" and index["add"].version == "1"
    client.unload_model("UINT8")
    assert not client.is_model_ready("UINT8")
    with pytest.raises(InferenceServerException, match="no model 'UINT8' is loaded"):
        client.infer("UINT8", [tensor("x", np.uint8([1]))])
    client.load_model("UINT8")
    assert client.is_model_ready("UINT8")
    with pytest.raises(InferenceServerException, match="models come from its folder"):
        client.load_model("add", config="{}")


@pytest.mark.parametrize("name", TYPES)
def test_raw_contents_of_every_type(client, name):
    dtype, values = TYPES[name]
    x = np.array(values, dtype)
    y = client.infer(name, [tensor("x", x, name)]).as_numpy("y")
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize("name", FIELDS)
def test_typed_contents_of_every_type(stub, name):
    dtype, values = TYPES[name]
    response = stub.ModelInfer(message(name, values))
    (output,) = response.outputs
    assert (output.name, output.datatype, output.shape) == ("y", name, [3])
    assert not response.raw_output_contents
    answer = np.array(list(getattr(output.contents, FIELDS[name])), dtype)
    np.testing.assert_array_equal(answer, np.array(values, dtype))


def test_outputs_are_raw_if_a_parameter_says_so(stub):
    request = message("FP32", [1, 2])
    request.parameters["binary_data_output"].bool_param = True
    response = stub.ModelInfer(request)
    assert response.raw_output_contents == [np.float32([1, 2]).tobytes()]


@pytest.mark.parametrize("count", [0, 1, 7])
def test_several_inputs_and_outputs_of_any_batch(client, count):
    a = np.random.rand(count, 3).astype(np.float32)
    b = np.random.rand(count, 3).astype(np.float32)
    outputs = [triton.InferRequestedOutput("diff"), triton.InferRequestedOutput("sum")]
    inputs = [tensor("a", a), tensor("b", b)]
    result = client.infer("add", inputs, outputs=outputs, request_id="r-1")
    response = result.get_response()
    assert (response.id, response.model_name, response.model_version) == ("r-1", "add", "1")
    assert [output.name for output in response.outputs] == ["diff", "sum"]
    np.testing.assert_array_equal(result.as_numpy("sum"), a + b)
    np.testing.assert_array_equal(result.as_numpy("diff"), a - b)


def test_classification(client):
    x = np.float32([[0.5, 2, 1], [9, 8, 7]])
    outputs = [triton.InferRequestedOutput("sum", class_count=2)]
    result = client.infer("add", [tensor("a", x), tensor("b", x * 0)], outputs=outputs)
    assert result.as_numpy("sum").tolist() == [[b"2.0:1", b"1.0:2"], [b"9.0:0", b"8.0:1"]]


def test_wrong_requests_are_refused_with_the_reason(stub):
    wrong = grpc.StatusCode.INVALID_ARGUMENT

    def infer(*arguments, **members):
        return lambda: stub.ModelInfer(message(*arguments, **members))

    other = message("FP32", [1])
    other.model_name = "other"
    refused(lambda: stub.ModelInfer(other), grpc.StatusCode.NOT_FOUND, "no model 'other'")
    refused(infer("FP32", [1, 2], [3]), wrong, "fp32_contents has 2 elements")
    refused(infer("FP32", [1], [-1]), wrong, "the shape has the size -1")
    refused(infer("FP32", [1], [1] * 65), wrong, "more than 64 dimensions")
    refused(infer("INT8", [300]), wrong, "300 is out of range for INT8")
    refused(infer("BYTES", [b"\xff"]), wrong, "not valid UTF-8")
    refused(infer("FP16", [1], field="fp32_contents"), wrong, "no typed contents")
    refused(infer("FP32", [1], raw_input_contents=[b"1234"]), wrong, "exclude each other")
    refused(infer("FP32", [1], raw_input_contents=[b""] * 2), wrong, "there are 1 inputs")
    huge = infer("FP32", [], [2**62, 2**62])
    refused(huge, grpc.StatusCode.RESOURCE_EXHAUSTED, "more than 100000 elements")
    for key, text in [("mine", "no such parameter"), ("priority", "same priority")]:
        request = message("FP32", [1])
        request.parameters[key].int64_param = 1
        refused(lambda: stub.ModelInfer(request), wrong, text)
    request = service_pb2.ModelInferRequest(model_name="FP32", raw_input_contents=[b"12345"])
    request.inputs.add(name="x", datatype="FP32", shape=[1])
    refused(lambda: stub.ModelInfer(request), wrong, "FP32 of shape [1] takes 4 bytes")
    refused(
        lambda: stub.RepositoryIndex(service_pb2.RepositoryIndexRequest(repository_name="mine")),
        grpc.StatusCode.NOT_FOUND,
        "no repository 'mine'",
    )


def test_what_the_protocol_does_not_have_is_refused(stub):
    request = service_pb2.ModelStatisticsRequest()
    refused(lambda: stub.ModelStatistics(request), grpc.StatusCode.UNIMPLEMENTED, "")


def test_a_message_beyond_the_limit_is_refused(stub):
    request = service_pb2.ModelInferRequest(
        model_name="FP32", raw_input_contents=[bytes(1_200_000)]
    )
    refused(
        lambda: stub.ModelInfer(request),
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "more than 1000000 bytes",
    )
    assert stub.ServerLive(service_pb2.ServerLiveRequest()).live


def test_a_message_that_does_not_arrive_is_refused(program):
    _, address = program("--transfer-timeout", "0.5")
    end = threading.Event()
    with grpc.insecure_channel(address) as channel:
        infer = channel.stream_unary("/inference.GRPCInferenceService/ModelInfer")
        refused(
            lambda: infer(iter(end.wait, True)),
            grpc.StatusCode.DEADLINE_EXCEEDED,
            "the request did not arrive within 0.5 seconds",
        )
    end.set()


def test_a_connection_beyond_the_limit_is_closed(program):
    _, address = program("--max-connections", "1")
    # Channels share a connection otherwise.
    options = [("grpc.use_local_subchannel_pool", 1)]
    request = service_pb2.ServerLiveRequest()
    with grpc.insecure_channel(address, options) as first:
        live = service_pb2_grpc.GRPCInferenceServiceStub(first).ServerLive
        assert live(request, wait_for_ready=True, timeout=20).live
        with grpc.insecure_channel(address, options) as second:
            surplus = service_pb2_grpc.GRPCInferenceServiceStub(second).ServerLive
            refused(lambda: surplus(request), grpc.StatusCode.UNAVAILABLE, "")
        assert live(request).live


def test_a_silent_connection_is_closed(program):
    _, address = program("--idle-timeout", "0.5")
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        while connection.recv(1000):
            pass


def test_a_deadline_of_the_call_ends_the_run(client, stub):
    request = message("INT64", [90_000_000], [])
    request.model_name = "loop"
    refused(
        lambda: stub.ModelInfer(request, timeout=0.5), grpc.StatusCode.DEADLINE_EXCEEDED, ""
    )
    # The only thread is free again.
    start = time.monotonic()
    request.inputs[0].contents.int64_contents[0] = 3
    assert stub.ModelInfer(request).outputs[0].contents.int64_contents == [3]
    assert time.monotonic() - start < 10


def test_a_long_run_outlasts_the_limit_of_idle_connections(program):
    _, address = program("--idle-timeout", "0.2")
    request = message("INT64", [90_000_000], [])
    request.model_name = "loop"
    request.parameters["timeout"].int64_param = 1_500_000
    with grpc.insecure_channel(address) as channel:
        call = lambda: service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request)
        refused(call, grpc.StatusCode.DEADLINE_EXCEEDED, "took longer than it may")


def test_a_timeout_of_the_request_ends_the_run(stub):
    request = message("INT64", [90_000_000], [])
    request.model_name = "loop"
    request.parameters["timeout"].int64_param = 300_000
    call = lambda: stub.ModelInfer(request)
    refused(call, grpc.StatusCode.DEADLINE_EXCEEDED, "took longer than it may")


def test_many_calls_at_once(client):
    answers = []
    for i in range(50):
        x = np.full((1 + i % 3, 3), i, np.float32)
        answers.append((x, client.async_infer("add", [tensor("a", x), tensor("b", x)], lambda *_: 0)))
    x = np.ones((1, 3), np.float32)
    result = client.infer("add", [tensor("a", x), tensor("b", x)])
    np.testing.assert_array_equal(result.as_numpy("sum"), 2 * x)


def test_a_server_with_a_token(program):
    _, address = program(env={"ONNX_SERVE_TOKEN": "secret-token"})
    with triton.InferenceServerClient(address) as client:
        assert client.is_server_live()
        for headers in (None, {"authorization": "Bearer other-token"}):
            with pytest.raises(InferenceServerException, match="needs the server's token") as error:
                client.get_server_metadata(headers=headers)
            assert error.value.status() == "StatusCode.UNAUTHENTICATED"
        headers = {"authorization": "Bearer secret-token"}
        assert client.get_server_metadata(headers=headers).name == "onnx-serve"


def test_sigterm_answers_what_was_accepted(program):
    process, address = program()
    request = message("INT64", [100_000], [])
    request.model_name = "loop"
    answers = []
    with grpc.insecure_channel(address) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        thread = threading.Thread(target=lambda: answers.append(stub.ModelInfer(request)))
        thread.start()
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        thread.join()
    assert answers[0].outputs[0].contents.int64_contents == [100_000]
    assert process.wait(20) == 0


def test_a_port_that_is_taken_is_named(program, address, folder):
    port = address.split(":")[1]
    process = subprocess.run(
        [BINARY, folder, "--port", "0", "--grpc-port", port], capture_output=True, timeout=30
    )
    assert process.returncode != 0
    assert f"cannot listen on 127.0.0.1, port {port}" in process.stderr.decode()
