"""Rows a second in Ray Data, Dask and Spark, of swiftonnx and onnxruntime.

    python tools/benchmarks/engines.py --mnist FOLDER [--minilm MODEL TOKENIZER TEXT]
                                       [--engines ray dask spark] [--rounds N]

Every worker runs one session of one thread, and there are as many workers as cores. The rows are in
Parquet files: those of MNIST's training set, or sentences of 64 tokens for all-MiniLM-L6-v2, which
`engines_minilm.py` writes. The two libraries and a function without a model, which is the time of
the engine itself, take turns; the table has the medians of the rounds. Needs the packages of
`engines_requirements.txt`.
"""

import argparse
import gzip
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import swiftonnx
from swiftonnx.arrow import column

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
os.environ["PYTHONPATH"] = str(HERE)
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_worker_niceness"] = "0"  # Ray's default is 15, below everything else that runs
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
os.environ["PYSPARK_PYTHON"] = sys.executable
from engines_worker import score_batch  # noqa: E402

CORES = len(os.sched_getaffinity(0))
KINDS = ["no model", "swiftonnx", "onnxruntime"]
FILES = 16


class Work:
    """A model, and a folder of files with its rows."""

    def __init__(self, name, model, batch, columns, folder):
        self.name, self.model, self.batch = name, str(model), batch
        output = swiftonnx.InferenceSession(self.model).get_outputs()[0]
        self.output, self.width = output.name, output.shape[1]
        self.folder = Path(folder) / name
        self.folder.mkdir()
        table = pa.table(columns)
        self.rows = table.num_rows // (FILES * batch) * FILES * batch
        share = self.rows // FILES
        for index in range(FILES):
            part = table.slice(index * share, share)
            pq.write_table(part, self.folder / f"{index}.parquet", compression="none")


def lenet(folder, data):
    with gzip.open(data / "train-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16)
    images = (images.reshape(-1, 784) / np.float32(255)).astype(np.float32)
    columns = {"id": np.arange(len(images)), "image": column(images)}
    return Work("LeNet-5", ROOT / "models/lenet5.onnx", 256, columns, folder)


def minilm(folder, model, tokenizer, text, rows=512):
    from tokenizers import Tokenizer

    tokens = Tokenizer.from_file(tokenizer)
    tokens.enable_truncation(64)
    tokens.enable_padding(length=64)
    sentences = text.read_text("latin-1").splitlines()[:rows]
    encoded = tokens.encode_batch(sentences)
    columns = {
        "id": np.arange(len(encoded)),
        "input_ids": column(np.array([one.ids for one in encoded])),
        "attention_mask": column(np.array([one.attention_mask for one in encoded])),
    }
    return Work("MiniLM-L6", model, 32, columns, folder)


class Ray:
    """Times all blocks but the first quarter, since each run starts its actors anew.

    The rows are in the object store: read_parquet joins small files to one block, for one actor.
    """

    name = "Ray Data"

    def __enter__(self):
        import ray.data

        ray.init(
            num_cpus=CORES,
            include_dashboard=False,
            object_store_memory=1 << 30,
            log_to_driver=False,
            _node_ip_address="127.0.0.1",
        )
        ray.data.DataContext.get_current().enable_progress_bars = False
        self.inputs = {}
        self.ray = ray
        return self

    def __exit__(self, *_):
        self.ray.shutdown()

    def seconds(self, work, kind):
        class Scorer:
            def __call__(self, batch):
                return score_batch(kind, work.model, batch)

        if work.name not in self.inputs:
            tables = [pq.read_table(file) for file in sorted(work.folder.iterdir())]
            self.inputs[work.name] = self.ray.data.from_arrow(tables)
        scored = self.inputs[work.name].map_batches(
            Scorer,
            batch_format="pyarrow",
            batch_size=work.batch,
            num_cpus=1,
            compute=self.ray.data.ActorPoolStrategy(min_size=1, max_size=CORES),
        )
        counts, times = [], []
        for bundle in scored.iter_internal_ref_bundles():
            counts.append(bundle.num_rows())
            times.append(time.perf_counter())
        assert sum(counts) == work.rows
        # The actors start during the first quarter of the blocks.
        first = len(counts) // 4
        return (times[-1] - times[first]) * work.rows / sum(counts[first + 1 :])


class Dask:
    name = "Dask"

    def __enter__(self):
        from distributed import Client, LocalCluster

        self.cluster = LocalCluster(
            n_workers=CORES, threads_per_worker=1, dashboard_address="127.0.0.1:0"
        )
        self.client = Client(self.cluster)
        return self

    def __exit__(self, *_):
        self.client.close()
        self.cluster.close()

    def seconds(self, work, kind):
        import dask.dataframe as dd
        import pandas as pd

        def partition(rows):
            table = pa.Table.from_pandas(rows, preserve_index=False)
            parts = [score_batch(kind, work.model, b) for b in table.to_batches(work.batch)]
            scored = pa.Table.from_batches(parts)
            return scored.to_pandas(types_mapper=pd.ArrowDtype)

        rows = dd.read_parquet(work.folder, dtype_backend="pyarrow")
        types = {"id": pa.int64(), work.output: pa.list_(pa.float32(), work.width)}
        meta = pa.schema(types).empty_table().to_pandas(types_mapper=pd.ArrowDtype)
        scored = rows.map_partitions(partition, meta=meta)
        start = time.perf_counter()
        count = len(scored.persist())
        elapsed = time.perf_counter() - start
        assert count == work.rows
        return elapsed


class Spark:
    name = "Spark"

    def __enter__(self):
        from pyspark.sql import SparkSession

        self.spark = (
            SparkSession.builder.master(f"local[{CORES}]")
            .config("spark.ui.enabled", False)
            .config("spark.driver.memory", "2g")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.sql.files.maxPartitionBytes", "64m")
            .getOrCreate()
        )
        self.spark.sparkContext.setLogLevel("OFF")
        return self

    def __exit__(self, *_):
        self.spark.stop()

    def seconds(self, work, kind):
        self.spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", work.batch)

        def score_batches(batches):
            for batch in batches:
                yield score_batch(kind, work.model, batch, fixed_size=False)

        scored = self.spark.read.parquet(str(work.folder)).mapInArrow(
            score_batches, f"id long, {work.output} array<float>"
        )
        start = time.perf_counter()
        scored.write.format("noop").mode("overwrite").save()
        return time.perf_counter() - start


ENGINES = {"ray": Ray, "dask": Dask, "spark": Spark}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--mnist", type=Path, required=True, help="the folder of MNIST's files")
    parser.add_argument("--minilm", nargs=3, metavar=("MODEL", "TOKENIZER", "TEXT"))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        works = [lenet(folder, options.mnist)]
        if options.minilm:
            model, tokenizer, text = options.minilm
            works.append(minilm(folder, Path(model).resolve(), tokenizer, Path(text)))
        kinds = " | ".join(f"{kind:>11}" for kind in KINDS)
        print(f"rows a second         |    rows | {kinds} | ratio")
        for name in options.engines:
            with ENGINES[name]() as engine:
                for work in works:
                    print(row(engine, work, options.rounds), flush=True)


def row(engine, work, rounds):
    """A row of the table: the medians, and how much faster swiftonnx is than onnxruntime."""
    times = {kind: [] for kind in KINDS}
    for index in range(rounds + 1):
        for kind in KINDS:
            seconds = engine.seconds(work, kind)
            if index:  # the first round warms the workers
                times[kind].append(seconds)
    rates = [work.rows / statistics.median(times[kind]) for kind in KINDS]
    cells = " | ".join(f"{rate:11,.0f}" for rate in rates)
    label = f"{engine.name}, {work.name}"
    return f"{label:21} | {work.rows:7,} | {cells} | {rates[1] / rates[2]:5.2f}"


if __name__ == "__main__":
    main()
