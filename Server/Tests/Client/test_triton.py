"""Triton's HTTP client, as its users call it, against a server."""

import os
import shutil
import time

import numpy as np
import onnx
import pytest
import requests
import tritonclient.http as triton
from example_models import TYPES, save, save_add, save_types
from onnx import TensorProto, helper, numpy_helper
from tritonclient.utils import InferenceServerException

# Triton's client sends these two as bytes only.
JSON_TYPES = [name for name in TYPES if name not in ("FP16", "BF16")]


def scale_model(path, factor):
    save(
        path,
        [helper.make_node("Mul", ["x", "f"], ["y"])],
        [("x", TensorProto.FLOAT, ["N"])],
        [("y", TensorProto.FLOAT, ["N"])],
        [numpy_helper.from_array(np.float32(factor), "f")],
    )


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("models"))
    save_types(folder)
    save_add(folder)
    scale_model(f"{folder}/scale/1/model.onnx", 2)
    scale_model(f"{folder}/scale/3/model.onnx", 3)
    with open(f"{folder}/broken.onnx", "w") as file:
        file.write("no model")
    return folder


@pytest.fixture(scope="session")
def address(serve, folder):
    return serve(folder)


@pytest.fixture
def client(address):
    with triton.InferenceServerClient(address.removeprefix("http://"), concurrency=8) as client:
        yield client


def tensor(name, values, datatype=None, binary=True):
    values = np.asarray(values)
    datatype = datatype or triton.np_to_triton_dtype(values.dtype)
    return triton.InferInput(name, list(values.shape), datatype).set_data_from_numpy(
        values, binary_data=binary
    )


def scaled(client, name="scale", version=""):
    result = client.infer(name, [tensor("x", np.float32([1, 2]))], model_version=version)
    return result.as_numpy("y").tolist()


def test_the_server_is_live_and_ready(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    metadata = client.get_server_metadata()
    assert metadata["name"] == "onnx-serve"
    assert "binary_tensor_data" in metadata["extensions"]


def test_models_are_described(client):
    assert client.is_model_ready("add") and client.is_model_ready("add", "1")
    assert not client.is_model_ready("other") and not client.is_model_ready("add", "2")
    assert client.get_model_metadata("add") == {
        "name": "add",
        "versions": ["1"],
        "platform": "onnx",
        "inputs": [{"name": name, "datatype": "FP32", "shape": [-1, 3]} for name in ("a", "b")],
        "outputs": [{"name": name, "datatype": "FP32", "shape": [-1, 3]} for name in ("sum", "diff")],
    }
    config = client.get_model_config("add")
    assert config["max_batch_size"] == 0
    assert config["input"][0] == {"name": "a", "data_type": "TYPE_FP32", "dims": [-1, 3]}


def test_the_index_lists_what_is_ready_and_why_others_are_not(client):
    index = {entry["name"]: entry for entry in client.get_model_repository_index()}
    assert index["add"] == {"name": "add", "version": "1", "state": "READY", "reason": ""}
    assert index["broken"]["state"] == "UNAVAILABLE" and index["broken"]["reason"]


@pytest.mark.parametrize("name", TYPES)
def test_binary_data_of_every_type(client, name):
    dtype, values = TYPES[name]
    x = np.array(values, dtype)
    y = client.infer(name, [tensor("x", x, name)]).as_numpy("y")
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize("name", JSON_TYPES)
def test_json_of_every_type(client, name):
    dtype, values = TYPES[name]
    x = np.array(values, dtype)
    output = triton.InferRequestedOutput("y", binary_data=False)
    y = client.infer(name, [tensor("x", x, name, binary=False)], outputs=[output]).as_numpy("y")
    if name == "BYTES":
        y = np.array([text.encode() for text in y], np.object_)
    np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize("name", ["FP16", "BF16"])
def test_json_of_small_floats(address, name):
    values = [0.5, -2.0, 1.0]
    data = {"name": "x", "datatype": name, "shape": [3], "data": values}
    response = requests.post(f"{address}/v2/models/{name}/infer", json={"inputs": [data]})
    assert response.json()["outputs"][0]["data"] == values


@pytest.mark.parametrize("count", [1, 2, 7])
def test_several_inputs_and_outputs_of_any_batch(client, count):
    a = np.random.rand(count, 3).astype(np.float32)
    b = np.random.rand(count, 3).astype(np.float32)
    outputs = [
        triton.InferRequestedOutput("diff", binary_data=False),
        triton.InferRequestedOutput("sum", binary_data=True),
    ]
    result = client.infer(
        "add", [tensor("a", a), tensor("b", b, binary=False)], outputs=outputs, request_id="r-1"
    )
    assert result.get_response()["id"] == "r-1"
    assert [output["name"] for output in result.get_response()["outputs"]] == ["diff", "sum"]
    np.testing.assert_array_equal(result.as_numpy("sum"), a + b)
    np.testing.assert_array_equal(result.as_numpy("diff"), a - b)


def test_only_the_requested_outputs_are_sent(client):
    x = np.ones((1, 3), np.float32)
    outputs = [triton.InferRequestedOutput("sum")]
    result = client.infer("add", [tensor("a", x), tensor("b", x)], outputs=outputs)
    assert result.as_numpy("diff") is None


def test_empty_tensors(client):
    x = np.zeros((0,), np.float32)
    assert client.infer("FP32", [tensor("x", x)]).as_numpy("y").shape == (0,)


def test_classification(client):
    x = np.float32([[0.5, 2, 1], [9, 8, 7]])
    outputs = [triton.InferRequestedOutput("sum", class_count=2)]
    result = client.infer("add", [tensor("a", x), tensor("b", x * 0)], outputs=outputs)
    assert result.as_numpy("sum").tolist() == [[b"2.0:1", b"1.0:2"], [b"9.0:0", b"8.0:1"]]


def test_the_newest_version_is_the_default(client):
    assert client.get_model_metadata("scale")["versions"] == ["1", "3"]
    assert scaled(client) == [3, 6]
    assert scaled(client, version="1") == [2, 4]
    with pytest.raises(InferenceServerException, match="version '2'"):
        scaled(client, version="2")


def test_many_requests_at_once(client):
    requests = []
    for i in range(50):
        x = np.full((1 + i % 3, 3), i, np.float32)
        requests.append((x, client.async_infer("add", [tensor("a", x), tensor("b", x)])))
    for x, request in requests:
        np.testing.assert_array_equal(request.get_result(timeout=20).as_numpy("sum"), 2 * x)


def test_models_are_unloaded_and_loaded(client):
    client.unload_model("UINT8")
    assert not client.is_model_ready("UINT8")
    with pytest.raises(InferenceServerException, match="no model 'UINT8' is loaded"):
        client.infer("UINT8", [tensor("x", np.uint8([1]))])
    client.load_model("UINT8")
    assert client.is_model_ready("UINT8")
    with pytest.raises(InferenceServerException, match="cannot be loaded"):
        client.load_model("broken")
    with pytest.raises(InferenceServerException, match="no model 'other'"):
        client.load_model("other")
    with pytest.raises(InferenceServerException, match="models come from its folder"):
        client.load_model("add", config="{}")


def wait(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_files_are_watched(client, folder):
    scale_model(f"{folder}/watched.onnx", 2)
    wait(lambda: client.is_model_ready("watched"))
    assert scaled(client, "watched") == [2, 4]
    scale_model(f"{folder}/watched.onnx", 5)
    wait(lambda: scaled(client, "watched") == [5, 10])

    def reason():
        index = client.get_model_repository_index()
        return next(e for e in index if e["name"] == "watched").get("reason")

    with open(f"{folder}/watched.onnx", "w") as file:
        file.write("no model")
    wait(reason)
    assert scaled(client, "watched") == [5, 10]
    os.remove(f"{folder}/watched.onnx")
    wait(lambda: not client.is_model_ready("watched"))


@pytest.mark.parametrize("where", ["{}.onnx", "{}/1/model.onnx"])
def test_external_data_may_arrive_after_its_model(client, folder, tmp_path, where):
    name = "external" + str(len(where))
    model = str(tmp_path / where.format(name))
    scale_model(model, 7)
    onnx.save(
        onnx.load(model),
        model,
        save_as_external_data=True,
        location=os.path.basename(model) + ".data",
        size_threshold=0,
    )
    target = f"{folder}/{where.format(name)}"
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy(model, target)
    wait(lambda: name in [entry["name"] for entry in client.get_model_repository_index()])
    assert not client.is_model_ready(name)
    shutil.copy(model + ".data", target + ".data")
    wait(lambda: client.is_model_ready(name))
    assert scaled(client, name) == [7, 14]


@pytest.mark.parametrize(
    "name, inputs, message",
    [
        ("other", [tensor("x", np.float32([1]))], "no model 'other'"),
        ("FP32", [tensor("z", np.float32([1]))], "has no 'z'"),
        ("FP32", [tensor("x", np.int32([1]))], "expected float32"),
        ("FP32", [tensor("x", np.float32([[1]]))], "expected float32"),
        ("add", [tensor("a", np.zeros((1, 3), np.float32))], "'b' is missing"),
        ("add", [tensor("a", np.zeros((1, 4), np.float32))] * 2, "given twice"),
    ],
)
def test_wrong_inputs_are_refused_with_the_reason(client, name, inputs, message):
    with pytest.raises(InferenceServerException, match=message) as error:
        client.infer(name, inputs)
    assert error.value.status() in ("400", "404")


def test_parameters_are_understood_or_refused(client):
    x = [tensor("x", np.float32([1]))]
    assert client.infer("FP32", x, timeout=5_000_000).as_numpy("y").tolist() == [1]
    for options, message in [
        ({"priority": 1}, "same priority"),
        ({"sequence_id": 3, "sequence_start": True}, "no state is kept"),
        ({"parameters": {"mine": 1}}, "no such parameter"),
        ({"request_compression_algorithm": "gzip"}, "encoding 'gzip'"),
    ]:
        with pytest.raises(InferenceServerException, match=message):
            client.infer("FP32", x, **options)


def test_a_server_with_a_token(serve, folder):
    address = serve(folder, env={"ONNX_SERVE_TOKEN": "secret-token"})
    with triton.InferenceServerClient(address.removeprefix("http://")) as client:
        assert client.is_server_live()
        with pytest.raises(InferenceServerException, match="needs the server's token"):
            client.get_server_metadata()
        headers = {"Authorization": "Bearer secret-token"}
        assert client.get_server_metadata(headers=headers)["name"] == "onnx-serve"
    with requests.Session() as browser:
        assert browser.get(address + "/").status_code == 401
        page = browser.get(address + "/?token=secret-token")
        assert page.status_code == 200 and page.url == address + "/"
        assert browser.get(address + "/v2").status_code == 200


def test_other_sites_are_refused(address):
    for headers in {"Host": "evil.com"}, {"Origin": "http://evil.com"}, {"Origin": "null"}:
        assert requests.get(address + "/v2", headers=headers).status_code == 403
    assert requests.get(address + "/v2", headers={"Origin": address}).status_code == 200
