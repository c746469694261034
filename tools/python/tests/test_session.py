"""Sessions, in the words of onnxruntime."""

import os
import tempfile
import threading
import warnings

import numpy as np
import swiftonnx as ort
from models import error, identity, model
from onnx import TensorProto, helper, numpy_helper

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def two_outputs():
    return model(
        [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Neg", ["x"], ["z"])],
        [("x", TensorProto.FLOAT, ["N", None, 3])],
        [("y", TensorProto.FLOAT, None), ("z", TensorProto.FLOAT, None)],
        producer_name="tests",
        doc_string="two",
    )


def test_runs_all_outputs_or_those_that_are_named():
    session = ort.InferenceSession(two_outputs(), providers=["CPUExecutionProvider"])
    x = X.reshape(1, 2, 3) - 2
    y, z = session.run(None, {"x": x})
    assert np.array_equal(y, np.maximum(x, 0)) and np.array_equal(z, -x)
    assert np.array_equal(session.run([], {"x": x})[1], -x)
    (only,) = session.run(["z"], {"x": x})
    assert np.array_equal(only, -x)
    z1, y1, z2 = session.run(["z", "y", "z"], {"x": x}, ort.RunOptions())
    assert np.array_equal(z1, z2) and np.array_equal(y1, y)
    named = session.run(output_names=["y"], input_feed={"x": x}, run_options=None)
    assert np.array_equal(named[0], y)


def test_inputs_outputs_and_metadata():
    session = ort.InferenceSession(two_outputs())
    (x,) = session.get_inputs()
    assert (x.name, x.type, x.shape) == ("x", "tensor(float)", ["N", None, 3])
    assert [o.name for o in session.get_outputs()] == ["y", "z"]
    assert session.get_outputs()[0].shape == ["N", None, 3]
    meta = session.get_modelmeta()
    assert (meta.producer_name, meta.graph_name, meta.description) == ("tests", "test", "two")
    assert meta.custom_metadata_map == {} and meta.version == 0
    assert session.get_providers() == ort.get_available_providers() == ["CPUExecutionProvider"]
    assert ort.get_device() == "CPU" and ort.__version__


def test_initializers_that_are_inputs_can_be_replaced():
    weight = numpy_helper.from_array(np.float32([10]), "w")
    session = ort.InferenceSession(
        model(
            [helper.make_node("Add", ["x", "w"], ["y"])],
            [("x", TensorProto.FLOAT, [1]), ("w", TensorProto.FLOAT, [1])],
            [("y", TensorProto.FLOAT, [1])],
            [weight],
        )
    )
    assert [arg.name for arg in session.get_inputs()] == ["x"]
    assert [arg.name for arg in session.get_overridable_initializers()] == ["w"]
    one = np.float32([1])
    assert session.run(None, {"x": one})[0] == 11
    assert session.run(None, {"x": one, "w": one})[0] == 2


def test_models_come_from_files_and_bytes():
    data = two_outputs()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "mödel.onnx")
        with open(path, "wb") as file:
            file.write(data)
        from pathlib import Path

        for source in (path, Path(path), data, bytearray(data), memoryview(data)):
            assert len(ort.InferenceSession(source).get_outputs()) == 2
    error(FileNotFoundError, lambda: ort.InferenceSession("/no/such.onnx"), "No such file")
    error(ort.NoSuchFile, lambda: ort.InferenceSession("/no/such.onnx"))
    error(ort.InvalidGraph, lambda: ort.InferenceSession(b"garbage"), "not an ONNX model")
    error(ort.InvalidGraph, lambda: ort.InferenceSession(b""), "no bytes")
    error(TypeError, lambda: ort.InferenceSession(5), "expected a path")
    node = helper.make_node("Rellu", ["x"], ["y"])
    wrong = model([node], [("x", 1, [1])], [("y", 1, [1])])
    error(ort.NotImplemented, lambda: ort.InferenceSession(wrong), "Rellu")


def test_wrong_inputs_are_explained():
    session = ort.InferenceSession(two_outputs())
    x = X.reshape(1, 2, 3)
    run = session.run
    error(ort.InvalidArgument, lambda: run(None, {"xx": x}), "no 'xx'", "did you mean 'x'")
    error(ValueError, lambda: run(None, {}), "input 'x' is missing")
    error(ValueError, lambda: run(None, {"x": x, "w": x}), "no 'w'")
    error(ValueError, lambda: run(["q"], {"x": x}), "no 'q'")
    wrong = "expected float32[N,?,3], got float64[1,2,3]"
    error(ValueError, lambda: run(None, {"x": x.astype(float)}), wrong)
    error(ValueError, lambda: run(None, {"x": X}), "got float32[2,3]")
    error(ValueError, lambda: run(None, {"x": None}), "expected an array, got None")
    error(ValueError, lambda: run(None, {"x": object()}), "expected an array")
    long = x.astype(np.longdouble)
    error(TypeError, lambda: run(None, {"x": long}), "no element type", "astype")
    error(TypeError, lambda: run(None, {1: x}), "expected a name")
    error(TypeError, lambda: run(None, [x]), "expected a dict")
    error(TypeError, lambda: run("y", {"x": x}), "expected a list of output names")
    error(TypeError, lambda: run(None), "input_feed")
    error(TypeError, lambda: run(None, {"x": x}, None, None), "at most 3")
    error(TypeError, lambda: run(None, {"x": x}, options=1), "'options'")


def test_options_that_cannot_apply_are_refused():
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    options.exact_convolutions = True
    options.memory_limit = 1 << 30
    assert len(ort.InferenceSession(two_outputs(), options).get_outputs()) == 2

    def assign(name, value):
        return lambda: setattr(ort.SessionOptions(), name, value)

    error(AttributeError, assign("intra_op_threads", 1), "did you mean 'intra_op_num_threads'")
    error(ValueError, assign("intra_op_num_threads", -1), "expected an integer")
    error(ValueError, assign("enable_profiling", True), "profile")
    error(ValueError, assign("execution_mode", ort.ExecutionMode.ORT_PARALLEL))
    error(ValueError, lambda: ort.SessionOptions().add_session_config_entry("a", "b"), "'a'")
    error(TypeError, lambda: ort.InferenceSession(two_outputs(), 5), "SessionOptions")
    error(ValueError, lambda: ort.InferenceSession(two_outputs(), providers=["CPU"]), "provider")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ort.InferenceSession(two_outputs(), providers=["CUDAExecutionProvider", "CPUExecutionProvider"])
    assert "CUDAExecutionProvider" in str(caught[0].message)


def test_the_same_script_runs_with_onnxruntime():
    import onnxruntime

    script = """
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(data, sess_options=options, providers=["CPUExecutionProvider"])
inputs = [(i.name, i.type, i.shape) for i in session.get_inputs()]
outputs = [(o.name, o.type, o.shape) for o in session.get_outputs()]
results = session.run([o.name for o in session.get_outputs()], {session.get_inputs()[0].name: x})
meta = session.get_modelmeta()
facts = (inputs, outputs, meta.graph_name, meta.custom_metadata_map, session.get_providers())
"""
    found = []
    for module in (onnxruntime, ort):
        names = {"ort": module, "data": two_outputs_old(), "x": X.reshape(1, 2, 3) - 2}
        exec(script, names)
        found.append((names["facts"], [r.tolist() for r in names["results"]]))
    assert found[0] == found[1], found


def two_outputs_old():
    """As `two_outputs`, in an operator set that older versions of onnxruntime know."""
    from onnx import load_model_from_string

    proto = load_model_from_string(two_outputs())
    proto.opset_import[0].version = 17
    proto.opset_import[1].version = 3
    proto.ir_version = 8
    return proto.SerializeToString()


def test_threads_share_a_session():
    session = ort.InferenceSession(two_outputs())
    failures = []

    def work(number):
        x = np.full((1, number + 1, 3), number, np.float32)
        for _ in range(50):
            y, z = session.run(None, {"x": x})
            if not (np.array_equal(y, x) and np.array_equal(z, -x)):
                failures.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_other_threads_go_on_during_a_run():
    size = 256
    nodes = [helper.make_node("MatMul", [f"a{i}", "x"], [f"a{i + 1}"]) for i in range(40)]
    nodes.insert(0, helper.make_node("Identity", ["x"], ["a0"]))
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    shape = [size, size]
    session = ort.InferenceSession(
        model(nodes, [("x", 1, shape)], [("a40", 1, shape)]), options
    )
    counted = []
    is_done = threading.Event()

    def count():
        while not is_done.is_set():
            counted.append(None)
            is_done.wait(0.0005)

    thread = threading.Thread(target=count)
    thread.start()
    x = np.eye(size, dtype=np.float32)
    for _ in range(5):
        session.run(None, {"x": x})
    is_done.set()
    thread.join()
    assert len(counted) > 3, len(counted)
