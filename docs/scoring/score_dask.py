"""Scores Parquet files with Dask: python score_dask.py MODEL INPUT OUTPUT"""

import sys

import dask.dataframe as dd
import pandas as pd
import pyarrow as pa
from dask.distributed import Client, LocalCluster, WorkerPlugin, get_worker

from swiftonnx.arrow import score, worker_session

SCHEMA = pa.schema({"id": pa.int64(), "logits": pa.list_(pa.float32(), 10)})


class Model(WorkerPlugin):
    """Gives each worker the model once, also one that starts later.

    A worker with T threads runs T partitions at once in one session, so each run has one thread.
    """

    name = "model"

    def __init__(self, model):
        self.model = model

    def setup(self, worker):
        self.session = worker_session(self.model, threads=1)


def frame(table):
    """A table as pandas has it. Lists are objects: the name of their Arrow type, which would go into the
    Parquet file, is one that pandas cannot read."""
    return table.to_pandas(
        types_mapper=lambda kind: None if pa.types.is_nested(kind) else pd.ArrowDtype(kind)
    )


def score_partition(rows):
    session = get_worker().plugins["model"].session
    batches = pa.Table.from_pandas(rows, preserve_index=False).to_batches(max_chunksize=256)
    scored = [score(session, batch, keep=["id"]) for batch in batches]
    return frame(pa.Table.from_batches(scored, SCHEMA))


def score_files(client, model, source, target, partition=score_partition):
    with open(model, "rb") as file:
        client.register_plugin(Model(file.read()))
    rows = dd.read_parquet(source, dtype_backend="pyarrow", split_row_groups=True)
    scored = rows.map_partitions(partition, meta=frame(SCHEMA.empty_table()))
    scored.to_parquet(target, write_index=False, schema=SCHEMA)


if __name__ == "__main__":
    with LocalCluster(threads_per_worker=1) as cluster, Client(cluster) as client:
        score_files(client, *sys.argv[1:])
