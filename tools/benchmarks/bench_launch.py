"""Runs a command several times and prints the seconds and peak resident bytes of each run as JSON.

    python -I -S tools/benchmarks/bench_launch.py COUNT COMMAND…

It imports as little as possible, because the peak that the system reports for a process includes
that of the process that spawned it.
"""

import os
import sys
import time


def launch(command):
    quiet = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, quiet, stream) for stream in (0, 1, 2)]
    start = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - start
    os.close(quiet)
    if status:
        sys.exit(f"{' '.join(command)} exited with {os.waitstatus_to_exitcode(status)}")
    return [seconds, usage.ru_maxrss * 1024]


if __name__ == "__main__":
    print([launch(sys.argv[2:]) for _ in range(int(sys.argv[1]))])
