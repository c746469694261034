"""Scores Parquet files with names and contents that could lead `onnx-run score` astray."""

import subprocess
import time

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
from onnx import TensorProto, helper
from scoring import TOOL, check, linear, refused, save, score

rng = np.random.default_rng(7)


def parquet(folder):
    """All rows of a folder's parts, each read for itself: not every name is one for Arrow's datasets."""
    return pa.concat_tables([pq.read_table(file) for file in sorted(folder.glob("*.parquet"))])


def test_names_of_columns_and_files_are_no_sql(folder):
    model = linear(folder)
    x = rng.normal(size=(50, 4)).astype(np.float32)
    # A quote before a combining mark is one character for Swift.
    names = ['a"\u0301 FROM read_csv(\'/etc/passwd\') --', "b'; DROP TABLE results; --", "c\nd%s{}"]
    table = pa.table({"x": pa.array(list(x)), **{name: range(50) for name in names}})
    for number, name in enumerate(["q'\u0301.parquet", "*\u0301[a]?.parquet", "%s\n;--.parquet"]):
        pq.write_table(table, folder / name)
        out = folder / f"it's'\u0301 {number}"
        score(model, folder / name, "--output", out)
        result = parquet(out)
        assert result.column_names == [*names, "scores", "total"]
        assert all(result[name].to_pylist() == list(range(50)) for name in names)
        check(result["scores"].to_pylist(), result["total"].to_pylist(), model, x)
    # DuckDB would take it for the home folder.
    score(model, folder / name, "--output", "~", cwd=folder)
    assert parquet(folder / "~").num_rows == 50


def test_an_output_keeps_its_name(folder):
    table = pa.table({"x": pa.array([[1.0] * 4] * 3, pa.list_(pa.float32())), "Total": [1, 2, 3]})
    pq.write_table(table, folder / "a.parquet")
    refused("two columns would be named 'total', but for upper and lower case", linear(folder),
            folder / "a.parquet", "--output", folder / "out")


def test_lists_of_texts_are_read_within_their_part(folder):
    model = save(
        folder, [helper.make_node("Identity", ["t"], ["u"])],
        [helper.make_tensor_value_info("t", TensorProto.STRING, ["N", "S"])],
        [helper.make_tensor_value_info("u", TensorProto.STRING, ["N", "S"])])
    texts = [["a" * (i % 30), None] if i < 500 else [f"{i}" * 9, "é"] for i in range(1000)]
    pq.write_table(pa.table({"t": texts}), folder / "a.parquet")
    refused("row 1, column 't': expected string, found NULL", model, folder / "a.parquet",
            "--output", folder / "out", "--part-rows", 500)
    pq.write_table(pa.table({"t": [[t or "" for t in row] for row in texts]}), folder / "a.parquet")
    command = [model, folder / "a.parquet", "--output", folder / "out", "--part-rows", 500]
    score(*command, "--overwrite")
    (folder / "out/a-00000.parquet").unlink()
    score(*command)
    assert parquet(folder / "out")["u"].to_pylist() == [[t or "" for t in row] for row in texts]


def test_rows_that_change_their_rank_are_refused(folder):
    info = helper.make_tensor_value_info("b", TensorProto.FLOAT, None)
    branches = [
        helper.make_graph([helper.make_node(operator, inputs, ["b"])], operator, [], [info])
        for operator, inputs in [("Squeeze", ["x", "one"]), ("Identity", ["x"])]]
    model = save(
        folder,
        [helper.make_node("Shape", ["x"], ["s"], start=1),
         helper.make_node("Equal", ["s", "one"], ["c"]),
         helper.make_node("If", ["c"], ["y"], then_branch=branches[0], else_branch=branches[1])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", "S"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [helper.make_tensor("one", TensorProto.INT64, [1], [1])])
    rows = [[1.0, 2.0]] * 4 + [[3.0]] * 4
    pq.write_table(pa.table({"x": pa.array(rows, pa.list_(pa.float32()))}), folder / "a.parquet")
    refused("'y' has rows of 0 dimensions and had 1 before", model, folder / "a.parquet",
            "--output", folder / "out", "--batch", 4)


def test_a_file_that_changes_in_the_middle_is_noticed(folder):
    model = linear(folder)
    source = folder / "rows.csv"
    source.write_text("x_0,x_1,x_2,x_3\n" + "1,2,3,4\n" * 400_000)
    command = [TOOL, "score", str(model), str(source), "--output", str(folder / "out"),
               "--part-rows", "10000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list(folder.glob("out/*.csv")):
        time.sleep(0.01)
    with source.open("a") as file:
        file.write("1,2,3,4\n")
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 2 and "it changed while it was read" in errors, (output, errors)


def test_a_list_that_is_null_does_not_vanish(folder):
    rows = [[[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], None, [3.0, 4.0]]]
    pq.write_table(pa.table({"x": rows}), folder / "a.parquet")
    refused("row 2, column 'x': expected float32, found NULL", linear(folder), folder / "a.parquet",
            "--output", folder / "out")
    deep = 1.0
    for _ in range(7):
        deep = [deep] * 4
    pq.write_table(pa.table({"x": [deep]}), folder / "deep.parquet")
    refused("holds lists 7 deep", linear(folder), folder / "deep.parquet",
            "--output", folder / "out")


def test_other_weights_are_another_model(folder):
    model = linear(folder, width=64)
    (folder / "a.csv").write_text(",".join(f"x_{i}" for i in range(64)) + "\n" + "1," * 63 + "1\n")
    whole = onnx.load(model)
    onnx.save(whole, model, save_as_external_data=True, location="weights", size_threshold=0)
    command = [model, folder / "a.csv", "--output", folder / "out"]
    score(*command)
    assert "1 part with 1 row was there" in score(*command)
    weights = bytearray((folder / "weights").read_bytes())
    weights[3] ^= 1
    (folder / "weights").write_bytes(weights)
    refused("the results are of other settings: 'model: ", *command)
