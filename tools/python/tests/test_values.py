"""Arrays and other values, in and out."""

import array
import gc
import sys

import numpy as np
import swiftonnx as ort
from models import error, identity, model
from onnx import TensorProto, helper

FLOATS = helper.make_tensor_type_proto(TensorProto.FLOAT, None)


def passed(value, type_=TensorProto.FLOAT, shape=("N",)):
    """A value that a model has passed on."""
    return ort.InferenceSession(identity(type_, shape)).run(None, {"x": value})[0]


def test_every_dtype_of_numpy_passes():
    for name in [
        "float32", "float64", "float16", "int8", "int16", "int32", "int64", "uint8", "uint16",
        "uint32", "uint64", "bool", "complex64", "complex128", "longlong", "ulonglong",
    ]:
        x = np.array([0, 1, 1], name)
        number = helper.np_dtype_to_tensor_dtype(x.astype(x.dtype.str).dtype)
        y = passed(x, number)
        assert y.dtype == x.dtype and np.array_equal(x, y), name


def test_dtypes_of_ml_dtypes_pass():
    import ml_dtypes

    for name, number in [
        ("bfloat16", 16), ("float8_e4m3fn", 17), ("float8_e4m3fnuz", 18), ("float8_e5m2", 19),
        ("float8_e5m2fnuz", 20), ("uint4", 21), ("int4", 22), ("float4_e2m1fn", 23),
    ]:
        x = np.array([1, 2, 0]).astype(getattr(ml_dtypes, name))
        y = passed(x, number)
        assert y.dtype == x.dtype and (x == y).all(), name


def test_strings_pass():
    words = ["a", "ßü", "", "long " * 20]
    for x in (
        words,
        np.array(words),
        np.array(words, object),
        np.array([word.encode() for word in words]),
        np.array(words, np.dtypes.StringDType()),
    ):
        y = passed(x, TensorProto.STRING)
        assert y.dtype == object and y.tolist() == words
    number = np.array(["a", 2], object)
    error(TypeError, lambda: passed(number, TensorProto.STRING), "element 1 is 2")


def test_every_layout_passes():
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    unaligned = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float32).reshape(3, 4)
    fixed = x.copy()
    fixed.flags.writeable = False
    for view in (
        x.T, x[::2], x[:, ::-1], np.asfortranarray(x), x.astype(">f4"), unaligned, fixed, x[:0],
        np.lib.stride_tricks.as_strided(x, (3, 4), (0, 4)),
    ):
        assert np.array_equal(passed(view, shape=["N", "M"]), view)
    assert np.array_equal(passed(np.float32(3), shape=[]), 3)
    assert passed(x[0, 0], shape=[]).shape == ()
    bits = np.array([0, 1, 2, 255], np.uint8).view(bool)
    assert passed(bits, TensorProto.BOOL).view(np.uint8).tolist() == [0, 1, 1, 1]


def test_numbers_lists_and_buffers_become_arrays():
    assert np.array_equal(passed([1, 2.5]), np.float32([1, 2.5]))
    assert passed([1, 2], TensorProto.INT64).dtype == np.int64
    assert passed(2, shape=[]) == 2
    assert np.array_equal(passed(array.array("f", [1, 2])), [1, 2])
    assert np.array_equal(passed(memoryview(np.ones(2, np.float32))), [1, 1])
    error(ort.InvalidArgument, lambda: passed(["a"]), "input 'x'", "'a'")
    error(ort.InvalidArgument, lambda: passed([[1], [2, 3]]), "input 'x'")


def test_outputs_have_memory_of_their_own():
    x = np.ones(1 << 16, np.float32)
    y = passed(x)
    x[:] = 2
    assert (y == 1).all() and y.flags.writeable and not np.shares_memory(x, y)
    constant = helper.make_tensor("value", 1, [2], [1, 2])
    session = ort.InferenceSession(
        model(
            [
                helper.make_node("Constant", [], ["c"], value=constant),
                helper.make_node("Relu", ["x"], ["y"]),
                helper.make_node("Flatten", ["y"], ["z"]),
            ],
            [("x", 1, [4])],
            [("c", 1, [2]), ("y", 1, [4]), ("z", 1, [4, 1])],
        )
    )
    given = {"x": np.ones(4, np.float32)}
    c, y, z = session.run(None, given)
    c[:] = 9
    y[:] = 9
    assert (z == 1).all()
    again = session.run(None, given)
    assert again[0].tolist() == [1, 2] and (again[1] == 1).all()
    # An output outlives its session.
    del session
    gc.collect()
    assert (y == 9).all()


def test_arrays_are_dropped_after_a_run():
    session = ort.InferenceSession(identity())
    x = np.ones(1 << 12, np.float32)
    before = sys.getrefcount(x)
    for _ in range(5):
        y = session.run(None, {"x": x})[0]
        error(ValueError, lambda: session.run(None, {"x": x, "z": x}))
    assert sys.getrefcount(x) == before
    base = y.base
    assert sys.getrefcount(base) == 3


def test_sequences_pass():
    type_ = helper.make_sequence_type_proto(FLOATS)
    one, two = np.ones(2, np.float32), np.zeros((1, 1), np.float32)
    y = passed([one, two], type_)
    assert isinstance(y, list) and [e.shape for e in y] == [(2,), (1, 1)]
    assert passed([], type_) == []
    assert not np.shares_memory(y[0], one)
    assert passed(([1, 2], 3), type_)[1] == 3
    error(ort.InvalidArgument, lambda: passed(one, type_), "expected a list for seq")


def test_maps_pass():
    number = helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    for key in (TensorProto.INT64, TensorProto.STRING):
        type_ = helper.make_map_type_proto(key, number)
        value = {3: 0.5, 7: 1} if key == TensorProto.INT64 else {"a": 0.5, "ß": 1}
        assert passed(value, type_) == value
    error(ort.InvalidArgument, lambda: passed([1], type_), "expected a dict for map")
    zip_map = helper.make_node(
        "ZipMap", ["x"], ["y"], domain="ai.onnx.ml", classlabels_strings=["a", "b"]
    )
    rows = helper.make_sequence_type_proto(helper.make_map_type_proto(TensorProto.STRING, number))
    session = ort.InferenceSession(model([zip_map], [("x", 1, ["N", 2])], [("y", rows)], ml=1))
    assert session.get_outputs()[0].type == "seq(map(string,tensor(float)))"
    x = np.float32([[1, 2], [3, 4]])
    assert session.run(None, {"x": x}) == [[{"a": 1, "b": 2}, {"a": 3, "b": 4}]]


def test_optionals_pass():
    type_ = helper.make_optional_type_proto(FLOATS)
    assert passed(None, type_) is None
    assert np.array_equal(passed(np.ones(2, np.float32), type_), [1, 1])
    nested = helper.make_optional_type_proto(helper.make_sequence_type_proto(FLOATS))
    assert passed([[1.5]], nested)[0] == 1.5


def test_sparse_tensors_are_messages():
    from onnx import SparseTensorProto

    type_ = helper.make_sparse_tensor_type_proto(TensorProto.FLOAT, [4])
    sparse = SparseTensorProto(
        values=helper.make_tensor("v", 1, [1], [5]),
        indices=helper.make_tensor("i", 7, [1], [2]),
        dims=[4],
    )
    y = SparseTensorProto.FromString(passed(sparse.SerializeToString(), type_))
    assert y.dims == [4]
    error(ort.Error, lambda: passed(b"garbage", type_))


def test_tensors_of_pytorch_pass():
    import torch

    assert np.array_equal(passed(torch.ones(3)), [1, 1, 1])
    turned = torch.arange(6.0).reshape(2, 3).T
    assert np.array_equal(passed(turned, shape=["N", "M"]), turned.numpy())
    assert passed(torch.ones(3, dtype=torch.int64), TensorProto.INT64).dtype == np.int64
    assert float(passed(torch.ones(1, dtype=torch.bfloat16), TensorProto.BFLOAT16)[0]) == 1
    y = passed(torch.ones(3))
    shared = torch.from_dlpack(y)
    shared[0] = 5
    assert y[0] == 5
    gradient = torch.ones(3, requires_grad=True)
    error(BufferError, lambda: passed(gradient), "detach")


def test_dlpack_of_numpy_passes_without_numpy():
    class Foreign:
        def __init__(self, array):
            self.array = array

        def __dlpack__(self):
            return self.array.__dlpack__()

        def __dlpack_device__(self):
            return (1, 0)

    x = np.arange(4, dtype=np.float32)
    before = sys.getrefcount(x)
    assert np.array_equal(passed(Foreign(x)), x)
    assert np.array_equal(passed(Foreign(x[::2])), x[::2])
    assert sys.getrefcount(x) == before
