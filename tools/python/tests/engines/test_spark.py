"""The example for Spark, on Python workers of this machine."""

import runpy
import sys
from pathlib import Path

import pytest
from faults import kill_once, sessions, watch

pytest.importorskip("pyspark")
import score_spark  # noqa: E402
from pyspark.sql import SparkSession  # noqa: E402


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    """Two tasks at once, each tried up to four times."""
    session = (
        SparkSession.builder.master("local[2,4]")
        .config("spark.ui.enabled", False)
        .config("spark.driver.memory", "1g")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.files.maxPartitionBytes", "1m")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", 256)
        .config("spark.local.dir", str(tmp_path_factory.mktemp("local")))
        .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse")))
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


def observed(folder, middle=None):
    def make(model):
        score = score_spark.scorer(model)

        def score_batches(batches):
            watch(folder)

            def watched():
                for batch in batches:
                    kill_once(folder, batch["id"].to_pylist(), middle)
                    yield batch

            yield from score(watched())

        return score_batches

    return make


def test_workers_have_one_session(spark, rows, tmp_path):
    score_spark.score_files(
        spark, rows.model, rows.folder, str(tmp_path / "scored"), observed(tmp_path)
    )
    rows.check(tmp_path / "scored")
    assert sessions(tmp_path) in ([1], [1, 1])


def test_killed_worker_loses_no_row(spark, rows, tmp_path):
    score_spark.score_files(
        spark, rows.model, rows.folder, str(tmp_path / "scored"), observed(tmp_path, rows.middle)
    )
    rows.check(tmp_path / "scored")
    assert (tmp_path / "killed").exists()


def test_function_of_a_column_scores_every_row(spark, rows, tmp_path):
    spark.sparkContext.addFile(rows.model)
    logits = score_spark.udf(Path(rows.model).name)
    scored = spark.read.parquet(rows.folder).select("id", logits("image").alias("logits"))
    scored.write.parquet(str(tmp_path / "scored"))
    rows.check(tmp_path / "scored")


def test_script_scores_every_row(spark, rows, tmp_path, monkeypatch):
    target = str(tmp_path / "scored")
    monkeypatch.setattr(sys, "argv", ["score_spark.py", rows.model, rows.folder, target])
    runpy.run_path(score_spark.__file__, run_name="__main__")
    rows.check(target)


def test_missing_column_is_named(spark, rows, misnamed, tmp_path):
    with pytest.raises(Exception, match="there is no column 'image'"):
        score_spark.score_files(spark, rows.model, misnamed, str(tmp_path / "scored"))
