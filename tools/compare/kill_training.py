"""Kills trainings at random moments, resumes them, and compares the files they write.

    python tools/compare/kill_training.py [--kills 100] [--tool .build/release/onnx-train]
        [--every 5] [--seed 0] [KIND [OPTION …]]

KIND and its options are those of `onnx-train new`; the default is `parity --epochs 2`. The training
first runs once without interruption on one thread. Then it is started again and again, on one or
two threads, and killed with SIGKILL after a random time, until it has been killed KILLS times; a
training that finishes first starts over. Exits with code 1 if a resume fails, or if the model or
its learning curves are not bit for bit those of the first run. A kill during a write leaves an
unfinished file with the suffix `.tmp`; these are counted.
"""

import argparse
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time


def start(options, folder, *more):
    arguments = [options.tool, "new", *options.arguments, "--output", folder / "model.onnx"]
    with open(folder / "messages", "w") as messages:
        return subprocess.Popen(
            list(map(str, [*arguments, *more])), stdout=messages, stderr=messages)


def finish(process, folder):
    if process.wait() != 0:
        sys.exit(f"exit code {process.returncode}:\n{(folder / 'messages').read_text()}")


def results(folder):
    """{name: contents} of the files that the training wrote."""
    files = [folder / "model.onnx", *folder.glob("*.csv")]
    return {file.name: file.read_bytes() for file in files}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--tool", default=".build/release/onnx-train")
    parser.add_argument("--every", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="KIND ...")
    options = parser.parse_args()
    options.arguments = options.arguments or ["parity", "--epochs", "2"]
    for name in "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE":
        os.environ.pop(name, None)
    rng = random.Random(options.seed)

    with tempfile.TemporaryDirectory() as name:
        plain, killed = pathlib.Path(name, "plain"), pathlib.Path(name, "killed")
        plain.mkdir()
        began = time.monotonic()
        finish(start(options, plain, "--threads", 1), plain)
        seconds = time.monotonic() - began
        expected = results(plain)
        print(f"{' '.join(options.arguments)}: {seconds:.1f} s without interruption", flush=True)

        kills = resumes = finished = unfinished = 0
        checkpoint = killed / "checkpoint.onnx"
        while kills < options.kills or killed.exists():
            if not killed.exists():
                killed.mkdir()
            more = ["--checkpoint", checkpoint, "--checkpoint-every", options.every,
                    "--threads", rng.choice([1, 2])]
            if checkpoint.exists():
                more.append("--resume")
                resumes += 1
            process = start(options, killed, *more)
            if kills < options.kills:
                try:
                    process.wait(rng.uniform(0, 0.3 + 4 * seconds / options.kills))
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                    kills += 1
                    continue
            finish(process, killed)
            finished += 1
            found = results(killed)
            different = [file for file in expected if found.get(file) != expected[file]]
            if different:
                sys.exit(f"different after {kills} kills: {', '.join(different)}")
            unfinished += len(list(killed.glob("*.tmp")))
            shutil.rmtree(killed)
        print(f"{kills} kills, {unfinished} of them while writing, {resumes} resumes, {finished} "
              f"trainings finished: {', '.join(sorted(expected))} are bit for bit equal")


if __name__ == "__main__":
    main()
