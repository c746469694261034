"""Scores tables with `onnx-run score`, kills some runs, and compares each row with onnxruntime."""

import gzip
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import numpy as np
import onnx
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq
from onnx import TensorProto, helper

TOOL = os.environ["ONNX_RUN"]
rng = np.random.default_rng(7)
tests = []


def test(function):
    tests.append(function)
    return function


def run(*arguments, **options):
    return subprocess.run(
        [TOOL, "score", *map(str, arguments)], capture_output=True, text=True, timeout=120, **options
    )


def score(*arguments, **options):
    result = run(*arguments, **options)
    assert result.returncode == 0, result.stderr
    return result.stdout


def refused(text, *arguments, **options):
    result = run(*arguments, **options)
    assert result.returncode == 2, (result.returncode, result.stdout, result.stderr)
    assert result.stderr.startswith("onnx-run: ") and result.stderr.count("\n") == 1, result.stderr
    assert text in result.stderr, result.stderr


def save(folder, nodes, inputs, outputs, initializers=()):
    graph = helper.make_graph(nodes, "test", inputs, outputs, list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = folder / "model.onnx"
    onnx.save(model, path)
    return path


def linear(folder, width=4, batch="N"):
    """scores = softmax(x · w), total = sum of x."""
    w = np.linspace(-1, 1, width * 3, dtype=np.float32).reshape(width, 3)
    return save(
        folder,
        [
            helper.make_node("MatMul", ["x", "w"], ["h"]),
            helper.make_node("Softmax", ["h"], ["scores"], axis=1),
            helper.make_node("ReduceSum", ["x", "axes"], ["total"], keepdims=0),
        ],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, width])],
        [
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, 3]),
            helper.make_tensor_value_info("total", TensorProto.FLOAT, [batch]),
        ],
        [
            helper.make_tensor("w", TensorProto.FLOAT, w.shape, w.tobytes(), raw=True),
            helper.make_tensor("axes", TensorProto.INT64, [1], [1]),
        ],
    )


def expected(model, x):
    return onnxruntime.InferenceSession(str(model)).run(None, {"x": x})


def check(got_scores, got_total, model, x):
    scores, total = expected(model, x)
    np.testing.assert_allclose(np.array(got_scores), scores, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.array(got_total), total, rtol=1e-4, atol=1e-5)


def parquet(folder):
    """All rows of a folder's parts, in their order, read as one table."""
    return pq.read_table(folder)


def features(table, count=None):
    return table.slice(0, count).to_pydict()


@test
def parquet_rows_keep_their_order_columns_and_types(folder):
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


@test
def parquet_columns_of_other_types_and_layouts(folder):
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


def kill_and_resume(folder, source, command, ending, read):
    """Kills runs again and again until one ends, and checks that each has gone on."""
    out = folder / "killed"
    kills = 0
    wait = 0.15
    while True:
        process = subprocess.Popen(
            [TOOL, "score", *map(str, command), "--output", str(out)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            output, errors = process.communicate(timeout=wait)
            assert process.returncode == 0, errors
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
            wait *= 1.25
            assert kills < 40
    assert kills > 0, "the run was too short to be killed"
    assert not list(out.glob("*.tmp")), list(out.iterdir())
    whole = folder / "whole"
    score(*command, "--output", whole)
    names = sorted(file.name for file in whole.glob(f"*.{ending}"))
    assert names == sorted(file.name for file in out.glob(f"*.{ending}"))
    for name in names:
        assert read(out / name) == read(whole / name), name
    print(f"    {kills} kills, {len(names)} parts", flush=True)
    return out


@test
def killed_parquet_run_loses_and_doubles_nothing(folder):
    model = linear(folder)
    count = 300_000
    x = rng.normal(size=(count, 4)).astype(np.float32)
    table = pa.table({"id": pa.array(range(count)), "x": pa.array(list(x))})
    pq.write_table(table, folder / "rows.parquet", row_group_size=20_000)
    command = [model, folder / "rows.parquet", "--part-rows", 5000, "--batch", 16]
    out = kill_and_resume(folder, None, command, "parquet", lambda p: pq.read_table(p).to_pydict())
    result = parquet(out)
    assert result["id"].to_pylist() == list(range(count))
    check(result["scores"].to_pylist(), result["total"].to_pylist(), model, x)
    part = out / "rows-00003.parquet"
    before = {file: file.stat().st_mtime_ns for file in out.glob("*.parquet")}
    part.unlink()
    assert "59 parts" in score(*command, "--output", out)
    changed = [file for file, stamp in before.items() if file.stat().st_mtime_ns != stamp]
    assert changed == [part], changed


@test
def killed_csv_and_json_runs_lose_and_double_nothing(folder):
    model = linear(folder)
    count = 120_000
    x = rng.normal(size=(count, 4)).astype(np.float32)
    with gzip.open(folder / "rows.csv.gz", "wt", compresslevel=1) as file:
        file.write("id,x_0,x_1,x_2,x_3\n")
        for index, row in enumerate(x.tolist()):
            file.write(f"{index},{row[0]!r},{row[1]!r},{row[2]!r},{row[3]!r}\n")
    with open(folder / "rows.jsonl", "w") as file:
        for index, row in enumerate(x.tolist()):
            file.write(json.dumps({"id": {"n": index, "t": "a\n\"é"}, "x": row}) + "\n")
    for source, ending in [("rows.csv.gz", "csv"), ("rows.jsonl", "jsonl")]:
        place = folder / ending
        place.mkdir()
        command = [model, folder / source, "--part-rows", 3000, "--batch", 16]
        out = kill_and_resume(place, None, command, ending, lambda p: p.read_bytes())
        files = sorted(out.glob(f"*.{ending}"))
        if ending == "csv":
            rows = [line.split(",") for file in files for line in file.read_text().split("\n")[1:-1]]
            assert [int(row[0]) for row in rows] == list(range(count))
            numbers = np.array([[float(cell) for cell in row[1:]] for row in rows])
            check(numbers[:, :3], numbers[:, 3], model, x)
        else:
            rows = [json.loads(line) for file in files for line in file.open()]
            assert [row["id"] for row in rows] == [{"n": i, "t": 'a\n"é'} for i in range(count)]
            check([row["scores"] for row in rows], [row["total"] for row in rows], model, x)


@test
def rows_of_different_lengths(folder):
    model = save(
        folder, [helper.make_node("Mul", ["x", "x"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", "S"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", "S"])])
    rows = [rng.integers(0, 9, size=n).astype(float).tolist() for n in [3, 3, 5, 1, 1, 1, 2] * 50]
    pq.write_table(pa.table({"x": pa.array(rows, pa.list_(pa.float32()))}), folder / "a.parquet")
    score(model, folder / "a.parquet", "--output", folder / "out")
    assert parquet(folder / "out")["y"].to_pylist() == [[v * v for v in row] for row in rows]


@test
def texts_and_whole_numbers(folder):
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


@test
def a_fixed_batch_is_padded(folder):
    model = linear(folder, batch=8)
    x = rng.normal(size=(21, 4)).astype(np.float32)
    pq.write_table(pa.table({"x": pa.array(list(x))}), folder / "a.parquet")
    score(model, folder / "a.parquet", "--output", folder / "out")
    padded = np.concatenate([x, x[:3]])
    want = np.concatenate([expected(model, padded[i:i + 8])[0] for i in (0, 8, 16)])[:21]
    got = np.array(parquet(folder / "out")["scores"].to_pylist())
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)


@test
def rows_that_depend_on_each_other_are_computed_alone(folder):
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


@test
def wrong_inputs_are_one_sentence(folder):
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


@test
def a_full_disk_leaves_no_part(folder):
    model = linear(folder)
    x = rng.normal(size=(50_000, 4)).astype(np.float32)
    pq.write_table(pa.table({"x": pa.array(list(x))}), folder / "a.parquet")
    limited = ["sh", "-c", 'ulimit -f 20; exec "$@"', "sh", TOOL, "score", str(model),
               str(folder / "a.parquet"), "--output", str(folder / "out")]
    result = subprocess.run(limited, capture_output=True, text=True)
    assert result.returncode == 2 and result.stderr.count("\n") == 1, result.stderr
    assert [file.name for file in (folder / "out").iterdir()] == ["_manifest.txt"]


def main():
    failed = 0
    for function in tests:
        with tempfile.TemporaryDirectory() as folder:
            start = time.monotonic()
            try:
                function(pathlib.Path(folder))
                print(f"ok    {function.__name__} ({time.monotonic() - start:.1f} s)", flush=True)
            except Exception:
                failed += 1
                traceback.print_exc()
                print(f"FAIL  {function.__name__}", flush=True)
    print(f"{len(tests) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
