"""Runs the standard's own test runner, `onnx.backend.test.BackendTest`, on this library.

    python tools/python/tests/backend_test.py [--include PATTERN] [--list FILE]

Prints the number of passing cases of each kind, and every case that fails. Exits with code 1 if a
case fails that is not listed in KNOWN. The models of known networks come from the onnx package; the
runner writes their inputs below ONNX_HOME.
"""

import argparse
import re
import sys
import unittest
import warnings

import onnx
import swiftonnx.backend as backend
from onnx.backend.test import BackendTest

KNOWN = {
    "test_loop16_seq_none_cpu": "the runner's own comparison fails on the expected output",
    **{
        f"test_bernoulli{suffix}_cpu": "the case expects the draws of NumPy's generator"
        for suffix in ["", "_double", "_double_expanded", "_expanded", "_seed", "_seed_expanded"]
    },
}


class Result(unittest.TestResult):
    """Counts passing cases and keeps one line for each failure."""

    def __init__(self):
        super().__init__()
        self.passed = []
        self.failed = {}

    def addSuccess(self, test):
        self.passed.append(test.id().rsplit(".", 1)[-1])

    def _add(self, test, error):
        lines = str(error[1]).strip().splitlines() or [error[0].__name__]
        self.failed[test.id().rsplit(".", 1)[-1]] = " ".join(lines[:6])

    def addFailure(self, test, error):
        self._add(test, error)

    def addError(self, test, error):
        self._add(test, error)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--include", default="", help="run only the cases matching this")
    parser.add_argument("--list", type=argparse.FileType("w"), help="write passing cases here")
    options = parser.parse_args()
    warnings.simplefilter("ignore")

    print(f"onnx {onnx.__version__}, BackendTest")
    runner = BackendTest(backend, __name__)
    unexpected = 0
    for name, case in runner.test_cases.items():
        kind = name.removeprefix("OnnxBackend").removesuffix("ModelTest")
        tests = [
            test
            for test in unittest.defaultTestLoader.loadTestsFromTestCase(case)
            if test.id().endswith("_cpu") and re.search(options.include, test.id())
        ]
        result = Result()
        unittest.TestSuite(tests).run(result)
        print(f"{kind}: {len(result.passed)} of {len(tests)} passed", flush=True)
        for test, reason in sorted(result.failed.items()):
            note = f" (known: {KNOWN[test]})" if test in KNOWN else ""
            unexpected += test not in KNOWN
            print(f"  {test}: {reason}{note}", flush=True)
        for test in result.passed:
            if options.list:
                print(test, file=options.list)
            if test in KNOWN:
                unexpected += 1
                print(f"  {test}: passes, but is listed as failing", flush=True)
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
