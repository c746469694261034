"""What must not end the interpreter."""

import threading

import numpy as np
import swiftonnx as ort
from models import error, identity, model
from onnx import helper
from swiftonnx import _native


def test_damaged_models_are_errors():
    data = identity()
    random = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(data)
        for _ in range(int(random.integers(1, 4))):
            damaged[random.integers(len(damaged))] = random.integers(256)
        try:
            ort.InferenceSession(damaged[: random.integers(len(damaged) + 1)])
        except ort.Error:
            pass


def test_objects_without_a_model_are_errors():
    session = ort.InferenceSession.__new__(ort.InferenceSession)
    error(RuntimeError, lambda: session.run(None, {}), "no model")
    error(RuntimeError, lambda: session._bind((), ()), "no model")
    error(RuntimeError, lambda: session._set_names((), ()), "no model")
    raw = _native.Session()
    error(RuntimeError, lambda: raw.run(None, {}), "no model")
    trainer = ort.Trainer.__new__(ort.Trainer)
    error(RuntimeError, trainer._model, "no model")
    error(RuntimeError, lambda: trainer._train({}, 0.1), "no model")
    error(ort.Error, lambda: session._load_trained(trainer))
    error(TypeError, lambda: session._load_trained(5))
    loaded = ort.InferenceSession(identity())
    error(RuntimeError, lambda: loaded.__init__(identity()), "a model already")
    assert loaded.run(None, {"x": np.ones(1, np.float32)})[0] == 1


def test_huge_shapes_are_errors():
    nodes = [helper.make_node("ConstantOfShape", ["s"], ["y"])]
    session = ort.InferenceSession(model(nodes, [("s", 7, [2])], [("y", 1, None)]))
    for sizes in ([1 << 40, 1 << 40], [1 << 20, 1 << 20], [-1, 5]):
        error(ort.Error, lambda sizes=sizes: session.run(None, {"s": np.array(sizes)}))
    wide = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), [1 << 50], [0])
    error(MemoryError, lambda: ort.InferenceSession(identity()).run(None, {"x": wide}))


def test_deep_values_are_errors():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(1, None))
    session = ort.InferenceSession(identity(kind))
    error((RecursionError, ValueError, TypeError), lambda: session.run(None, {"x": deep}))
    error(RecursionError, lambda: _run_raw(session, deep))
    cycle = []
    cycle.append(cycle)
    error(RecursionError, lambda: _run_raw(session, cycle))
    while deep:
        deep = deep[0]


def _run_raw(session, value):
    """Runs on a value that nothing has converted."""
    session._convert = lambda index, given: given
    try:
        return session.run(None, {"x": value})
    finally:
        del session._convert


def test_wrong_conversions_are_errors():
    session = ort.InferenceSession(identity(helper.make_sequence_type_proto(
        helper.make_tensor_type_proto(1, None))))
    for value in (5, object(), {1: object()}, {"a": 1, 2: 3}, b"\xff", [None, {}], ("a", "b")):
        try:
            _run_raw(session, value)
        except (TypeError, ValueError, RuntimeError):
            continue


def test_arrays_that_change_during_a_run_crash_nothing():
    # Indices and conditions are checked and then used; NonZero and TopK read their input twice.
    shape = [1 << 12]
    weights = helper.make_tensor("w", 1, [8], list(range(8)))
    nodes = [
        helper.make_node("Gather", ["w", "i"], ["a"]),
        helper.make_node("NonZero", ["x"], ["b"]),
        helper.make_node("Compress", ["x", "c"], ["d"]),
        helper.make_node("NonZero", ["c"], ["e"]),
        helper.make_node("Unique", ["x"], ["f"]),
    ]
    session = ort.InferenceSession(
        model(
            nodes,
            [("i", 7, shape), ("x", 1, shape), ("c", 9, shape)],
            [("a", 1, None), ("b", 7, None), ("d", 1, None), ("e", 7, None), ("f", 1, None)],
            [weights],
        )
    )
    i, x, c = np.zeros(shape, np.int64), np.zeros(shape, np.float32), np.zeros(shape, bool)
    is_done = threading.Event()

    def change():
        value = 0
        while not is_done.is_set():
            value = (value + 1) % 7
            i[:] = value if value < 5 else 1 << 40
            x[:] = value % 3
            c[:] = value % 2

    thread = threading.Thread(target=change)
    thread.start()
    for _ in range(300):
        try:
            session.run(None, {"i": i, "x": x, "c": c})
        except ort.Error:
            pass
    is_done.set()
    thread.join()


def test_a_feed_that_changes_while_it_is_read_crashes_nothing():
    feed = {}

    class Growing:
        def __dlpack__(self):
            feed.clear()
            feed.update({f"k{n}": None for n in range(100)})
            return np.ones(3, np.float32).__dlpack__()

    session = ort.InferenceSession(identity())
    feed["x"] = Growing()
    try:
        session.run(None, feed)
    except (ort.Error, RuntimeError, ValueError):
        pass


def test_one_thread_at_a_time_uses_a_trainer():
    from test_training import LABELS, X, network

    trainer = ort.Trainer(network())
    results = []

    def work():
        for _ in range(20):
            try:
                results.append(trainer.step({"x": X, "labels": LABELS}).loss)
            except RuntimeError as busy:
                assert "another thread" in str(busy)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results
