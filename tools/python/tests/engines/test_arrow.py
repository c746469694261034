"""Arrow columns as tensors, and arrays as columns, without copies."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
import swiftonnx
from onnx import TensorProto, helper
from swiftonnx.arrow import column, score, tensor, tensors, worker_session

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def session(nodes, inputs, outputs):
    info = helper.make_tensor_value_info
    infos = [[info(*value) for value in values] for values in (inputs, outputs)]
    graph = helper.make_graph([helper.make_node(*node) for node in nodes], "test", *infos)
    opsets = [helper.make_opsetid("", 21)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return swiftonnx.InferenceSession(model)


@pytest.fixture(scope="module")
def relu():
    return session([("Relu", ["x"], ["y"])], [("x", FLOAT, ["N", 2, 3])], [("y", FLOAT, None)])


def address(array, index=-1):
    return array.buffers()[index].address


NUMBERS = np.arange(24, dtype=np.float32)


@pytest.mark.parametrize(
    "array",
    [
        pa.array(NUMBERS),
        pa.FixedSizeListArray.from_arrays(NUMBERS, 6),
        pa.FixedSizeListArray.from_arrays(pa.FixedSizeListArray.from_arrays(NUMBERS, 3), 2),
        pa.ListArray.from_arrays(pa.array([0, 6, 12, 18, 24], pa.int32()), NUMBERS),
        pa.LargeListArray.from_arrays(pa.array([0, 12, 24]), NUMBERS),
        pa.FixedShapeTensorArray.from_numpy_ndarray(NUMBERS.reshape(4, 2, 3)),
        pa.chunked_array([pa.FixedSizeListArray.from_arrays(NUMBERS, 6)]),
    ],
    ids=lambda array: str(array.type),
)
def test_tensors_are_views_of_columns(array):
    memory = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    whole = tensor(array)
    assert whole.ctypes.data == address(memory)
    assert whole.reshape(-1).tolist() == NUMBERS.tolist()
    part = tensor(array[1:])
    assert part.ctypes.data == address(memory) + whole[:1].nbytes
    assert part.tolist() == whole[1:].tolist()
    assert tensor(array[:0]).size == 0


@pytest.mark.parametrize("fixed_size", [True, False])
@pytest.mark.parametrize("shape", [[6], [3, 2], [1, 3, 2], [2, 0], [0, 4]])
@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "uint8"])
def test_columns_are_over_the_memory_of_arrays(shape, dtype, fixed_size):
    array = np.arange(np.prod(shape)).astype(dtype).reshape(shape)
    made = column(array, fixed_size)
    made.validate(full=True)
    assert made.to_pylist() == array.tolist()
    if array.size:
        assert address(made) == array.ctypes.data


def test_other_elements_are_copied_right():
    for values in (np.array([[True, False], [False, True]]), np.array([["a"], ["b"]], object)):
        assert tensor(column(values)).tolist() == values.tolist()
    halves = [pa.FixedSizeListArray.from_arrays(part, 6) for part in np.split(NUMBERS, 2)]
    assert tensor(pa.chunked_array(halves)).tolist() == NUMBERS.reshape(4, 6).tolist()


def test_dictionaries_are_decoded():
    for values in (["a", "b", "a"], [1.5, 2.5, 1.5]):
        assert tensor(pa.array(values).dictionary_encode()[1:]).tolist() == values[1:]
    codes = pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array(["a", None]))
    with pytest.raises(swiftonnx.InvalidArgument, match="row 1 is null"):
        tensor(codes)


def test_lists_of_no_rows_have_the_shape_of_the_input(relu):
    for type_ in (pa.list_(pa.float32()), pa.list_(pa.list_(pa.float32()))):
        table = pa.table({"x": pa.array([], type_)})
        assert tensors(relu, table)["x"].shape == (0, 2, 3)
        assert score(relu, table).num_rows == 0
        assert score(relu, pa.table({"x": pa.chunked_array([], type_)})).num_rows == 0
    with pytest.raises(swiftonnx.InvalidArgument, match="so a row needs 6 elements, got 5"):
        tensors(relu, pa.table({"x": pa.array([], pa.list_(pa.float32(), 5))}))


def test_no_texts_are_texts():
    assert column(np.array([], object)).type == pa.string()
    assert column(np.empty((0, 2), object)).type == pa.list_(pa.string(), 2)


def test_scores_keep_columns_and_take_the_shape_of_the_input(relu):
    images = column(NUMBERS.reshape(4, 6) - 12)
    for kind in (pa.Table, pa.RecordBatch):
        batch = kind.from_arrays([pa.array([7, 5, 3, 1]), images], names=["id", "pixels"])
        feed = tensors(relu, batch, {"x": "pixels"})
        assert feed["x"].shape == (4, 2, 3) and feed["x"].ctypes.data == address(images)
        scored = score(relu, batch, {"x": "pixels"}, keep=["id"])
        assert isinstance(scored, kind) and scored.schema.names == ["id", "y"]
        assert scored["id"].to_pylist() == [7, 5, 3, 1]
        expected = np.maximum(NUMBERS - 12, 0).reshape(4, 2, 3).tolist()
        assert scored["y"].to_pylist() == expected
        assert score(relu, batch[:0], {"x": "pixels"}).num_rows == 0


def test_rows_of_tokens_give_the_symbolic_size():
    shape = ["N", "length"]
    add = session(
        [("Add", ["ids", "mask"], ["y"])], [("ids", INT64, shape), ("mask", INT64, shape)],
        [("y", INT64, shape)],
    )
    batch = pa.table({"ids": [[1, 2, 3], [4, 5, 6]], "mask": [[1, 1, 1], [1, 1, 0]]})
    assert score(add, batch)["y"].to_pylist() == [[2, 3, 4], [5, 6, 6]]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"xx": [1.0]}, "there is no column 'x' for the input 'x'; did you mean 'xx'?"),
        ({"x": [[1.0, 2.0], [1.0]]}, "column 'x': a list in row 1 has 1 elements, and the first"),
        ({"x": [[1.0] * 5]}, r"column 'x': the input 'x' is \[N,2,3\], so a row needs 6 .* got 5"),
        ({"x": [[1.0] * 6, None]}, "column 'x': row 1 is null"),
        ({"x": [[1.0] * 6, [1.0] * 5 + [None]]}, "column 'x': row 1 holds null"),
        ({"x": pa.array([[1.0] * 6])}, r"column 'x': .* is a tensor\(float\), got double"),
        ({"x": [{"a": 1}]}, "column 'x': struct<a: int64> is neither numbers nor strings"),
    ],
)
def test_wrong_columns_are_named(relu, columns, message):
    floats = pa.list_(pa.float32())
    table = pa.table(
        {
            name: pa.array(values, floats)
            if isinstance(values, list) and isinstance(values[0], list) else values
            for name, values in columns.items()
        }
    )
    with pytest.raises(swiftonnx.InvalidArgument, match=message):
        score(relu, table)


def test_wrong_names_are_explained(relu):
    batch = pa.table({"x": column(NUMBERS.reshape(4, 6)), "y": [1, 2, 3, 4]})
    for arguments, message in [
        ({"columns": {"z": "x"}}, "the model has no input 'z'"),
        ({"keep": ["idd"]}, "there is no column 'idd'"),
        ({"keep": ["y"]}, "the column 'y' to keep has the name of an output"),
    ]:
        with pytest.raises(swiftonnx.InvalidArgument, match=message):
            score(relu, batch, **arguments)
    total = session([("ReduceSum", ["x"], ["y"])], [("x", FLOAT, ["N"])], [("y", FLOAT, None)])
    with pytest.raises(swiftonnx.InvalidArgument, match="output 'y': expected an element for each"):
        score(total, pa.table({"x": NUMBERS}))


def test_worker_loads_a_model_once(rows, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(open(rows.model, "rb").read())
    first = worker_session(str(path), threads=1)
    assert worker_session(path, threads=1) is first
    assert worker_session(path, threads=2) is not first
    assert first.get_session_options().intra_op_num_threads == 1
    data = path.read_bytes()
    assert worker_session(data, threads=1) is worker_session(memoryview(data), threads=1)
    with pytest.raises(swiftonnx.NoSuchFile):
        worker_session(tmp_path / "none.onnx", threads=1)


# The largest memory of a process before and after a run on 128 MB.
PEAK = """
import sys
import numpy as np, onnx, swiftonnx
from onnx import helper

def peak():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) << 10

class Pack:
    def __init__(self, array): self.array = array
    def __dlpack__(self, **options): return self.array.__dlpack__()

n = 1 << 25
info = [helper.make_tensor_value_info(*v) for v in (("x", 1, ["N"]), ("y", 1, None))]
graph = helper.make_graph([helper.make_node("ReduceMax", ["x"], ["y"])], "max", info[:1], info[1:])
opsets = [helper.make_opsetid("", 21)]
session = swiftonnx.InferenceSession(helper.make_model(graph, opset_imports=opsets, ir_version=10))
x = np.ones(2 * n, np.float32)
given = {"numpy": x[:n], "dlpack": Pack(x[:n]), "strided": x[::2]}[sys.argv[1]]
session.run(None, {"x": x[:10]})
before = peak()
session.run(None, {"x": given})
print(peak() - before)
"""


@pytest.mark.parametrize(("kind", "copies"), [("numpy", 0), ("dlpack", 0), ("strided", 1)])
def test_session_reads_inputs_in_place(kind, copies):
    grown = subprocess.run([sys.executable, "-c", PEAK, kind], check=True, capture_output=True)
    assert round(int(grown.stdout) / (1 << 27), 1) == copies
