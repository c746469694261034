"""Tests of the Python package, without a test framework.

    python tools/python/tests/run_tests.py [PATTERN]

Runs the functions named `test_…` of this folder's modules whose names contain PATTERN, prints those
that fail, and ends with `N passed, N failed`. A test that needs a package that is missing is skipped.
"""

import importlib
import sys
import time
import traceback
from pathlib import Path

MODULES = ["test_session", "test_values", "test_bound", "test_training", "test_robustness"]



def main():
    pattern = sys.argv[1] if len(sys.argv) > 1 else ""
    sys.path.insert(0, str(Path(__file__).parent))
    passed, failed, skipped = 0, 0, 0
    start = time.perf_counter()
    for module in map(importlib.import_module, MODULES):
        for name, test in list(vars(module).items()):
            if not name.startswith("test_") or pattern not in f"{module.__name__}.{name}":
                continue
            try:
                test()
                passed += 1
            except ImportError as error:
                skipped += 1
                print(f"{module.__name__}.{name}: skipped: {error}")
            except Exception:
                failed += 1
                print(f"{module.__name__}.{name}: failed")
                traceback.print_exc()
    seconds = time.perf_counter() - start
    print(f"{passed} passed, {failed} failed, {skipped} skipped, {seconds:.1f} s")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
