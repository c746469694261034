"""Scores Parquet files with Ray Data: python score_ray.py MODEL INPUT OUTPUT"""

import sys

import ray

from swiftonnx.arrow import score, worker_session


class Scorer:
    """An actor that holds the session. Its threads are the CPUs that Ray gives to the actor."""

    def __init__(self, model):
        cpus = ray.get_runtime_context().get_assigned_resources()["CPU"]
        self.session = worker_session(ray.get(model), threads=int(cpus))

    def __call__(self, batch):
        return score(self.session, batch, keep=["id"])


def score_files(model, source, target, scorer=Scorer, cpus_per_actor=1):
    # One copy of the model in the object store of each machine, which its actors share.
    with open(model, "rb") as file:
        model = ray.put(file.read())
    # Actors may take all CPUs, so the tasks that read and write ask for none. One actor to begin
    # with leaves a CPU for the task that lists the files.
    actors = int(ray.cluster_resources()["CPU"] // cpus_per_actor)
    ray.data.read_parquet(source, num_cpus=0).map_batches(
        scorer,
        fn_constructor_args=[model],
        batch_format="pyarrow",
        batch_size=256,
        num_cpus=cpus_per_actor,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=actors),
    ).write_parquet(target, ray_remote_args={"num_cpus": 0})


if __name__ == "__main__":
    score_files(*sys.argv[1:])
