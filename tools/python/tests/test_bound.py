"""Sessions bound to fixed arrays."""

import gc
import sys
import threading

import numpy as np
import swiftonnx as ort
from models import error, identity, model
from onnx import helper


def two_outputs(shape=("N",)):
    return ort.InferenceSession(
        model(
            [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Neg", ["x"], ["z"])],
            [("x", 1, shape)],
            [("y", 1, shape), ("z", 1, shape)],
        )
    )


def test_runs_read_inputs_and_write_outputs_in_place():
    x = np.zeros(3, np.float32)
    bound = two_outputs().bind({"x": x})
    y, z = bound.outputs
    for value in (1, -2):
        x[:] = value
        assert bound.run() is bound.run()
        assert (y == max(value, 0)).all() and (z == -value).all()
    assert y.flags.writeable


def test_outputs_go_to_arrays_of_the_caller():
    x = np.float32([1, -1])
    z = np.zeros(2, np.float32)
    session = two_outputs()
    assert session.bind({"x": x}, {"z": z}).run()[0] is z
    assert z.tolist() == [-1, 1]
    z2, y2 = session.bind({"x": x}, ["z", "y"]).run()
    assert z2.tolist() == [-1, 1] and y2.tolist() == [1, 0]
    z3, y3 = session.bind({"x": x}, {"z": None, "y": z}).run()
    assert y3 is z and z3.tolist() == [-1, 1]


def test_views_and_integers_are_right():
    x = np.array([1, 2], np.int64)
    bound = ort.InferenceSession(identity(7)).bind({"x": x})
    (y,) = bound.run()
    x[:] = 5
    assert y.tolist() == [1, 2]
    assert bound.run()[0].tolist() == [5, 5]
    weights = helper.make_tensor("w", 1, [3], [1, 2, 3])
    gather = model(
        [helper.make_node("Gather", ["w", "x"], ["y"])], [("x", 7, [2])], [("y", 1, [2])], [weights]
    )
    x[:] = [2, 0]
    bound = ort.InferenceSession(gather).bind({"x": x})
    assert bound.run()[0].tolist() == [3, 1]
    x[:] = 7
    error(ort.Fail, bound.run, "Gather")
    x[:] = 1
    assert bound.run()[0].tolist() == [2, 2]


def test_arrays_outlive_the_bound_session():
    x = np.ones(1 << 14, np.float32)
    before = sys.getrefcount(x)
    bound = two_outputs().bind({"x": x})
    (y, z) = bound.run()
    del bound
    gc.collect()
    assert (y == 1).all() and (z == -1).all()
    del y, z
    gc.collect()
    assert sys.getrefcount(x) == before


def test_wrong_buffers_are_explained():
    session = two_outputs([2])
    x = np.zeros(2, np.float32)
    error(ValueError, lambda: session.bind({"xx": x}), "no 'xx'", "did you mean 'x'")
    error(ValueError, lambda: session.bind({}), "input 'x' is missing")
    error(ValueError, lambda: session.bind({"x": x}, ["w"]), "no 'w'")
    error(ValueError, lambda: session.bind({"x": x}, []), "at least one output")
    error(ValueError, lambda: session.bind({"x": x[::-1]}), "contiguous")
    error(ValueError, lambda: session.bind({"x": np.zeros(3, np.float32)}), "got float32[3]")
    error(TypeError, lambda: session.bind({"x": [1, 2]}), "memory of arrays")
    wrong = np.zeros(3, np.float32)
    error(RuntimeError, lambda: session.bind({"x": x}, {"y": wrong}), "expected a buffer of float32[2]")
    fixed = np.zeros(2, np.float32)
    fixed.flags.writeable = False
    error(ValueError, lambda: session.bind({"x": x}, {"y": fixed}), "writeable")
    assert session.bind({"x": fixed}).run()
    non_zero = model([helper.make_node("NonZero", ["x"], ["y"])], [("x", 1, [2])], [("y", 7, None)])
    error(RuntimeError, lambda: ort.InferenceSession(non_zero).bind({"x": x}), "no fixed size")
    error(TypeError, type(session.bind({"x": x})))


def test_one_thread_at_a_time_runs_a_bound_session():
    shape = [256, 256]
    nodes = [helper.make_node("MatMul", ["x", "x"], ["y"])]
    session = ort.InferenceSession(model(nodes, [("x", 1, shape)], [("y", 1, shape)]))
    bound = session.bind({"x": np.eye(256, dtype=np.float32)})
    results = []

    def work():
        for _ in range(20):
            try:
                bound.run()
                results.append(None)
            except ort.Busy as busy:
                results.append(str(busy))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert None in results and set(results) <= {
        None, "the bound session is already running; bind one session for each thread"
    }
