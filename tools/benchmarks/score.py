"""Rows a second of `onnx-run score` beside a loop of onnxruntime and pyarrow, on the same Parquet file.

    .venv-score/bin/python tools/benchmarks/score.py [ROWS of LeNet] [MINILM.onnx ROWS]

Both read the file, run the model at the batch size that onnx-run finds, and write Parquet. The time of
onnx-run is that of the whole process, that of Python without its start and imports; each is the best of
three.
"""

import os
import re
import subprocess
import sys
import tempfile
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

LOOP = """
import sys, time, numpy as np, onnxruntime, pyarrow as pa, pyarrow.parquet as pq
start = time.perf_counter()
model, source, target, batch, threads, output = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(threads)
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
output = output or session.get_outputs()[0].name
inputs = session.get_inputs()
ids, results = [], []
for rows in pq.ParquetFile(source).iter_batches(int(batch)):
    given = {}
    for info in inputs:
        values = rows[info.name].flatten().to_numpy()
        given[info.name] = values.reshape([len(rows)] + [
            n if isinstance(n, int) else -1 for n in info.shape[1:]])
    results.append(session.run([output], given)[0])
    ids.append(rows["id"])
result = np.concatenate(results)
lists = pa.FixedSizeListArray.from_arrays(
    pa.array(result.reshape(-1)), result[0].size).cast(pa.list_(pa.float32()))
pq.write_table(pa.table({"id": pa.chunked_array(ids), "output": lists}), target)
print(time.perf_counter() - start)
"""


def best(command):
    runs = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True,
                              env={"VIRTUAL_ENV": sys.prefix, **os.environ})
        if done.returncode:
            sys.exit(f"{command[0]} ended with status {done.returncode}")
        runs.append((time.perf_counter() - start, done.stdout))
    return min(runs)


def measure(name, model, table, folder, output=""):
    source = f"{folder}/rows.parquet"
    pq.write_table(table, source, row_group_size=10_000)
    for threads in (1, 2):
        command = [os.environ.get("ONNX_RUN", ".build/release/onnx-run"), "score", model, source,
                   "--output", f"{folder}/out", "--overwrite", "--threads", str(threads)]
        if output:
            command += ["--value", output]
        ours, text = best(command)
        batch = re.search(r"batch (\d+)", text).group(1)
        _, text = best([sys.executable, "-c", LOOP, model, source, f"{folder}/theirs.parquet",
                          batch, str(threads), output])
        theirs = float(text)
        print(f"{name:8} {threads:7} {batch:>6} {len(table) / ours:14,.0f} "
              f"{len(table) / theirs:14,.0f} {theirs / ours:7.2f}", flush=True)


def main():
    rng = np.random.default_rng(1)
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 60_000
    print("model    threads  batch      onnx-run    onnxruntime   ratio   (rows/s)")
    with tempfile.TemporaryDirectory() as folder:
        pixels = rng.random(rows * 784, dtype=np.float32)
        image = pa.FixedSizeListArray.from_arrays(pa.array(pixels), 784)
        measure("LeNet", "models/lenet5.onnx",
                pa.table({"id": np.arange(rows), "image": image}), folder)
        if len(sys.argv) > 3:
            count = int(sys.argv[3])
            columns = {"id": np.arange(count)}
            import onnxruntime
            session = onnxruntime.InferenceSession(sys.argv[2])
            for info in session.get_inputs():
                values = rng.integers(1000, 20_000, size=(count, 64))
                if "mask" in info.name:
                    values = np.ones_like(values)
                if "type" in info.name:
                    values = np.zeros_like(values)
                columns[info.name] = pa.FixedSizeListArray.from_arrays(
                    pa.array(values.reshape(-1)), 64)
            measure("MiniLM", sys.argv[2], pa.table(columns), folder,
                    session.get_outputs()[0].name)


main()
