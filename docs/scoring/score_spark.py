"""Scores Parquet files with Spark: spark-submit score_spark.py MODEL INPUT OUTPUT"""

import os
import sys

import pandas as pd
import pyarrow as pa
from pyspark import SparkFiles, TaskContext
from pyspark.sql import SparkSession
from pyspark.sql.functions import pandas_udf

from swiftonnx.arrow import column, score, worker_session


def session_of(model):
    """The session of the Python worker. Its threads are the CPUs of a task, spark.task.cpus."""
    return worker_session(SparkFiles.get(model), threads=TaskContext.get().cpus())


def scorer(model):
    """A function for mapInArrow, which goes over the batches of a partition."""

    def score_batches(batches):
        session = session_of(model)
        for batch in batches:
            yield score(session, batch, keep=["id"], fixed_size=False)

    return score_batches


def udf(model):
    """The same as a function of a column; rows go through pandas, which copies them."""

    @pandas_udf("array<float>")
    def logits(images: pd.Series) -> pd.Series:
        batch = pa.table({"image": pa.array(images, pa.list_(pa.float32()))})
        return score(session_of(model), batch)["logits"].to_pandas()

    return logits


def score_files(spark, model, source, target, make=scorer):
    spark.sparkContext.addFile(model)  # each executor fetches the file once
    rows = spark.read.parquet(source)
    scored = rows.mapInArrow(make(os.path.basename(model)), "id long, logits array<float>")
    scored.write.parquet(target)


if __name__ == "__main__":
    score_files(SparkSession.builder.getOrCreate(), *sys.argv[1:])
