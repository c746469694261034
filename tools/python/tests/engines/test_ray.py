"""The example for Ray Data, on actors of this machine."""

import runpy
import sys

import pytest
from faults import kill_once, sessions, watch

ray = pytest.importorskip("ray")
import ray.data  # noqa: E402
import score_ray  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def cluster():
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=100 << 20,
        log_to_driver=False,
        _node_ip_address="127.0.0.1",
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield
    ray.shutdown()


def observed(folder, middle=None):
    class Observed(score_ray.Scorer):
        def __init__(self, model):
            watch(folder)
            super().__init__(model)

        def __call__(self, batch):
            kill_once(folder, batch["id"].to_pylist(), middle)
            return super().__call__(batch)

    return Observed


def test_script_scores_every_row(rows, tmp_path, monkeypatch):
    target = str(tmp_path / "scored")
    monkeypatch.setattr(sys, "argv", ["score_ray.py", rows.model, rows.folder, target])
    runpy.run_path(score_ray.__file__, run_name="__main__")
    rows.check(target)


def test_killed_actor_loses_no_row(rows, tmp_path):
    target = str(tmp_path / "scored")
    score_ray.score_files(
        rows.model, rows.folder, target, scorer=observed(tmp_path, rows.middle)
    )
    rows.check(target)
    assert (tmp_path / "killed").exists()
    assert set(sessions(tmp_path)) == {1}


def test_actor_has_one_session_on_its_cpus(rows, tmp_path):
    target = str(tmp_path / "scored")
    score_ray.score_files(rows.model, rows.folder, target, observed(tmp_path), cpus_per_actor=1)
    rows.check(target)
    assert sessions(tmp_path) in ([1], [1, 1])


def test_missing_column_is_named(rows, misnamed, tmp_path):
    with pytest.raises(Exception, match="there is no column 'image'"):
        score_ray.score_files(rows.model, misnamed, str(tmp_path / "scored"))
