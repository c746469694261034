"""Scores tables with `onnx-run score`, and compares each row with onnxruntime."""

import os
import subprocess

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from onnx import TensorProto, helper
from scoring import TOOL, check, expected, linear, parquet, refused, save, score

rng = np.random.default_rng(7)


def test_parquet_rows_keep_their_order_columns_and_types(folder):
    model = linear(folder)
    x = rng.normal(size=(5000, 4)).astype(np.float32)
    texts = ["é" * (i % 40) if i % 7 else None for i in range(5000)]
    table = pa.table(
        {
            "id": pa.array(range(5000), pa.int64()),
            "text": pa.array(texts).dictionary_encode(),
            "when": pa.array([1_700_000_000_000 + i for i in range(5000)], pa.timestamp("ms")),
            "tags": pa.array([list(range(i % 3)) for i in range(5000)]),
            "x": pa.array(list(x)),
        }
    )
    source = folder / "it's [a] *.parquet"
    pq.write_table(table, source, row_group_size=700)
    score(model, source, "--output", folder / "out", "--part-rows", 1234)
    assert len(list((folder / "out").glob("*.parquet"))) == 5
    result = parquet(folder / "out")
    assert result.column_names == ["id", "text", "when", "tags", "scores", "total"]
    for name in ["id", "when", "tags"]:
        assert result[name].to_pylist() == table[name].to_pylist(), name
    assert result["text"].to_pylist() == texts
    check(result["scores"].to_pylist(), result["total"].to_pylist(), model, x)


def test_parquet_columns_of_other_types_and_layouts(folder):
    model = linear(folder)
    x = rng.integers(-50, 50, size=(3000, 4))
    for name, column in {
        "fixed": pa.array(list(x.astype(np.float32)), pa.list_(pa.float32(), 4)),
        "double": pa.array(list(x.astype(np.float64))),
        "int": pa.array(list(x), pa.list_(pa.int32())),
        "nested": pa.array([row.reshape(2, 2).tolist() for row in x.astype(np.float32)],
                           pa.list_(pa.list_(pa.float32()))),
    }.items():
        pq.write_table(pa.table({"x": column}), folder / f"{name}.parquet")
        score(model, folder / f"{name}.parquet", "--output", folder / name)
        result = parquet(folder / name)
        check(result["scores"].to_pylist(), result["total"].to_pylist(), model, x.astype(np.float32))
    scalars = pa.table({"key": pa.array(range(3000)), **{c: x[:, i] for i, c in enumerate("abcd")}})
    pq.write_table(scalars, folder / "scalars.parquet")
    score(model, folder / "scalars.parquet", "--output", folder / "named", "--column", "x=d,c,b,a")
    check(parquet(folder / "named")["scores"].to_pylist(),
          parquet(folder / "named")["total"].to_pylist(), model,
          x[:, ::-1].astype(np.float32).copy())
    score(model, folder / "scalars.parquet", "--output", folder / "order", "--keep", "key")
    result = parquet(folder / "order")
    assert result["key"].to_pylist() == list(range(3000))
    check(result["scores"].to_pylist(), result["total"].to_pylist(), model, x.astype(np.float32))


def test_rows_of_different_lengths(folder):
    model = save(
        folder, [helper.make_node("Mul", ["x", "x"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", "S"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", "S"])])
    rows = [rng.integers(0, 9, size=n).astype(float).tolist() for n in [3, 3, 5, 1, 1, 1, 2] * 50]
    pq.write_table(pa.table({"x": pa.array(rows, pa.list_(pa.float32()))}), folder / "a.parquet")
    score(model, folder / "a.parquet", "--output", folder / "out")
    assert parquet(folder / "out")["y"].to_pylist() == [[v * v for v in row] for row in rows]


def test_texts_and_whole_numbers(folder):
    model = save(
        folder,
        [helper.make_node("Identity", ["t"], ["u"]), helper.make_node("Add", ["n", "n"], ["m"])],
        [helper.make_tensor_value_info("t", TensorProto.STRING, ["N"]),
         helper.make_tensor_value_info("n", TensorProto.INT64, ["N"])],
        [helper.make_tensor_value_info("u", TensorProto.STRING, ["N"]),
         helper.make_tensor_value_info("m", TensorProto.INT64, ["N"])])
    texts = ["", "short", "a long text " * 3000, "ü" * 6, "twelve bytes", "thirteen byte"] * 20
    numbers = [2**40 + i for i in range(len(texts))]
    pq.write_table(pa.table({"t": texts, "n": numbers}), folder / "a.parquet")
    score(model, folder / "a.parquet", "--output", folder / "out")
    result = parquet(folder / "out")
    assert result["u"].to_pylist() == texts
    assert result["m"].to_pylist() == [2 * n for n in numbers]


def test_a_fixed_batch_is_padded(folder):
    model = linear(folder, batch=8)
    x = rng.normal(size=(21, 4)).astype(np.float32)
    pq.write_table(pa.table({"x": pa.array(list(x))}), folder / "a.parquet")
    score(model, folder / "a.parquet", "--output", folder / "out")
    padded = np.concatenate([x, x[:3]])
    want = np.concatenate([expected(model, padded[i:i + 8])[0] for i in (0, 8, 16)])[:21]
    got = np.array(parquet(folder / "out")["scores"].to_pylist())
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)


def test_rows_that_depend_on_each_other_are_computed_alone(folder):
    model = save(
        folder,
        [helper.make_node("ReduceMean", ["x"], ["m"], axes=[0], keepdims=1),
         helper.make_node("Sub", ["x", "m"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])])
    pq.write_table(pa.table({"x": [[1.0, 2.0], [3.0, 5.0], [0.0, 1.0]]}), folder / "a.parquet")
    score(model, folder / "a.parquet", "--output", folder / "out")
    assert parquet(folder / "out")["y"].to_pylist() == [[0, 0]] * 3
    refused("depends on the other rows", model, folder / "a.parquet", "--output", folder / "b",
            "--batch", 3)


def test_wrong_inputs_are_one_sentence(folder):
    model = linear(folder)
    out = ["--output", folder / "out"]
    good = pa.table({"x": pa.array([[1.0, 2, 3, 4]] * 9, pa.list_(pa.float32()))})
    pq.write_table(good, folder / "good.parquet")
    cut = (folder / "good.parquet").read_bytes()
    (folder / "cut.parquet").write_bytes(cut[: len(cut) // 2])
    refused("cut.parquet", model, folder / "cut.parquet", *out)
    pq.write_table(pa.table({"x": [[1.0, 2, 3, 4], None]}), folder / "null.parquet")
    refused("row 2, column 'x': expected float32, found NULL", model, folder / "null.parquet", *out,
            "--overwrite")
    pq.write_table(pa.table({"x": [[1.0, 2, 3, 4], [1.0, None, 3, 4]]}), folder / "hole.parquet")
    refused("row 2, column 'x'", model, folder / "hole.parquet", *out, "--overwrite")
    pq.write_table(pa.table({"x": [[1.0, 2, 3, 4], [1.0]]}), folder / "short.parquet")
    refused("row 2, column 'x': 1 values", model, folder / "short.parquet", *out, "--overwrite")
    pq.write_table(pa.table({"x": ["a"]}), folder / "text.parquet")
    refused("holds no float32", model, folder / "text.parquet", *out, "--overwrite")
    pq.write_table(pa.table({"a": [1], "b": [2]}), folder / "names.parquet")
    refused("no column is named 'x'", model, folder / "names.parquet", *out, "--overwrite")
    assert not list((folder / "out").glob("*.parquet")) and not list((folder / "out").glob("*.tmp"))
    score(model, folder / "good.parquet", *out, "--overwrite")
    refused("other settings", model, folder / "good.parquet", *out, "--only-outputs")
    pq.write_table(good.slice(0, 3), folder / "good.parquet")
    refused("changed since", model, folder / "good.parquet", *out)
    score(model, folder / "good.parquet", *out, "--overwrite")
    assert parquet(folder / "out").num_rows == 3
    refused("pip install duckdb", model, folder / "good.parquet", "--output", folder / "none",
            env={**os.environ, "ONNX_DUCKDB": str(folder / "none.so")})


def test_a_full_disk_leaves_no_part(folder):
    model = linear(folder)
    x = rng.normal(size=(50_000, 4)).astype(np.float32)
    pq.write_table(pa.table({"x": pa.array(list(x))}), folder / "a.parquet")
    limited = ["sh", "-c", 'ulimit -f 20; exec "$@"', "sh", TOOL, "score", str(model),
               str(folder / "a.parquet"), "--output", str(folder / "out")]
    result = subprocess.run(limited, capture_output=True, text=True)
    assert result.returncode == 2 and result.stderr.count("\n") == 1, result.stderr
    assert [file.name for file in (folder / "out").iterdir()] == ["_manifest.txt"]
