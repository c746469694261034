"""Parquet files of rows for LeNet-5, and their scores row by row."""

import os
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import swiftonnx
from swiftonnx.arrow import column

ROOT = Path(__file__).resolve().parents[4]
PATHS = [str(ROOT / "docs/scoring"), str(Path(__file__).parent)]
ROWS, FILES = 3000, 4

# The workers import the examples and `faults`, too.
sys.path[:0] = PATHS
os.environ["PYTHONPATH"] = os.pathsep.join(PATHS)
# Nothing reports to anybody or listens beyond this machine.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
os.environ["PYSPARK_PYTHON"] = sys.executable


class Rows:
    """A folder of Parquet files with the columns `id` and `image`, and the scores of each row."""

    def __init__(self, folder):
        self.model = str(ROOT / "models/lenet5.onnx")
        self.folder = str(folder)
        generator = np.random.default_rng(7)
        images = generator.random((ROWS, 784), dtype=np.float32)
        ids = generator.permutation(10 * ROWS)[:ROWS].astype(np.int64)
        self.middle = int(ids[ROWS // 2])
        for index, part in enumerate(np.array_split(np.arange(ROWS), FILES)):
            table = pa.table({"id": column(ids[part]), "image": column(images[part])})
            pq.write_table(table, folder / f"{index}.parquet", row_group_size=256)
        session = swiftonnx.InferenceSession(self.model)
        self.scores = {
            int(id_): session.run(None, {"image": image.reshape(1, 1, 28, 28)})[0][0].tolist()
            for id_, image in zip(ids, images, strict=True)
        }

    def check(self, target):
        """Every row is in the output once, with the bits of its own run."""
        scored = pq.read_table(target).to_pydict()
        assert len(scored["id"]) == ROWS
        assert dict(zip(scored["id"], scored["logits"], strict=True)) == self.scores


@pytest.fixture(scope="session")
def rows(tmp_path_factory):
    return Rows(tmp_path_factory.mktemp("rows"))


@pytest.fixture(scope="session")
def misnamed(rows, tmp_path_factory):
    """A file whose images are in the column `picture`."""
    folder = tmp_path_factory.mktemp("misnamed")
    table = pq.read_table(Path(rows.folder) / "0.parquet").rename_columns(["id", "picture"])
    pq.write_table(table, folder / "0.parquet")
    return str(folder)
