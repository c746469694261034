"""What tests do inside a worker: note the sessions that it makes, and kill it once."""

import os
import signal
from pathlib import Path

import swiftonnx.arrow


def watch(folder):
    """Writes the process and the threads of each session that this process makes to `folder`."""

    class Session(swiftonnx.InferenceSession):
        def __init__(self, model, options):
            super().__init__(model, options)
            with open(folder / "sessions", "a") as file:
                file.write(f"{os.getpid()} {options.intra_op_num_threads}\n")

    swiftonnx.arrow.InferenceSession = Session


def kill_once(folder, ids, middle):
    """Kills this process at the batch that holds the id `middle`, the first time."""
    if middle in ids:
        try:
            (folder / "killed").touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)


def sessions(folder):
    """The threads of each session that was made; no process made two."""
    lines = [line.split() for line in Path(folder, "sessions").read_text().splitlines()]
    processes = [process for process, _ in lines]
    assert len(set(processes)) == len(processes)
    return [int(threads) for _, threads in lines]
