"""Kills runs of `onnx-run score` in the middle: no row is lost or doubled."""

import gzip
import json
import signal
import subprocess

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scoring import TOOL, check, linear, parquet, score

rng = np.random.default_rng(7)


def kill_and_resume(folder, command, ending, read):
    """Kills runs again and again until one ends, and checks that each has gone on."""
    out = folder / "killed"
    kills = 0
    wait = 0.15
    while True:
        process = subprocess.Popen(
            [TOOL, "score", *map(str, command), "--output", str(out)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            _, errors = process.communicate(timeout=wait)
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
    return out


def test_killed_parquet_run_loses_and_doubles_nothing(folder):
    model = linear(folder)
    count = 300_000
    x = rng.normal(size=(count, 4)).astype(np.float32)
    table = pa.table({"id": pa.array(range(count)), "x": pa.array(list(x))})
    pq.write_table(table, folder / "rows.parquet", row_group_size=20_000)
    command = [model, folder / "rows.parquet", "--part-rows", 5000, "--batch", 16]
    out = kill_and_resume(folder, command, "parquet", lambda p: pq.read_table(p).to_pydict())
    result = parquet(out)
    assert result["id"].to_pylist() == list(range(count))
    check(result["scores"].to_pylist(), result["total"].to_pylist(), model, x)
    part = out / "rows-00003.parquet"
    before = {file: file.stat().st_mtime_ns for file in out.glob("*.parquet")}
    part.unlink()
    assert "59 parts" in score(*command, "--output", out)
    changed = [file for file, stamp in before.items() if file.stat().st_mtime_ns != stamp]
    assert changed == [part], changed


def test_killed_csv_and_json_runs_lose_and_double_nothing(folder):
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
        out = kill_and_resume(place, command, ending, lambda p: p.read_bytes())
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
