"""The example for Dask, on worker processes of this machine."""

import subprocess
import sys

import pandas
import pyarrow.parquet as pq
import pytest
from faults import kill_once, sessions, watch

distributed = pytest.importorskip("distributed")
import score_dask  # noqa: E402


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", memory_limit="2GiB"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def observed(folder, middle=None):
    def partition(rows):
        kill_once(folder, rows["id"].to_list(), middle)
        return score_dask.score_partition(rows)

    return partition


class Watch(distributed.WorkerPlugin):
    name = "watch"

    def __init__(self, folder):
        self.folder = folder

    def setup(self, worker):
        watch(self.folder)


def test_script_scores_every_row(rows, tmp_path):
    target = str(tmp_path / "scored")
    subprocess.run(
        [sys.executable, score_dask.__file__, rows.model, rows.folder, target], check=True
    )
    rows.check(target)
    assert len(pandas.read_parquet(target)) == len(pq.read_table(target))


def test_worker_has_one_session_and_its_death_loses_no_row(client, rows, tmp_path):
    client.register_plugin(Watch(tmp_path))
    score_dask.score_files(client, rows.model, rows.folder, str(tmp_path / "1"), observed(tmp_path))
    rows.check(tmp_path / "1")
    score_dask.score_files(
        client, rows.model, rows.folder, str(tmp_path / "2"), observed(tmp_path, rows.middle)
    )
    rows.check(tmp_path / "2")
    assert (tmp_path / "killed").exists()
    client.wait_for_workers(2)
    # Two workers, and the one in place of the killed one.
    assert sessions(tmp_path) == [1, 1, 1]


def test_missing_column_is_named(client, rows, misnamed, tmp_path):
    with pytest.raises(ValueError, match="there is no column 'image'"):
        score_dask.score_files(client, rows.model, misnamed, str(tmp_path / "scored"))
