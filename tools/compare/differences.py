"""Prints how far onnx-run is from the expected outputs, for each model in a folder of cases.

    python tools/compare/differences.py CASES [--tool .build/release/onnx-run]

Cases of one model (`MODEL_EXPORTER_opsetN`) share a line with the largest absolute difference in
any output and the largest difference relative to the largest expected value.
"""

import argparse
import collections
import pathlib
import subprocess
import tempfile

import numpy as np
import onnx
from onnx import numpy_helper


def load(path):
    return numpy_helper.to_array(onnx.load_tensor(path))


def differences(tool, case):
    model = onnx.load(case / "model.onnx", load_external_data=False)
    held = {tensor.name for tensor in model.graph.initializer}
    names = [value.name for value in model.graph.input if value.name not in held]
    for data in sorted(case.glob("test_data_set_*")):
        with tempfile.TemporaryDirectory() as folder:
            arguments = [tool, str(case / "model.onnx"), "--output-dir", folder]
            arguments += ["--output-format", "pb", "--top", "0"]
            for index, name in enumerate(names):
                arguments += ["--input", f"{name}={data}/input_{index}.pb"]
            subprocess.run(
                arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for index in range(len(model.graph.output)):
                expected = load(data / f"output_{index}.pb").astype(np.float64)
                found = load(f"{folder}/output_{index}.pb").astype(np.float64)
                largest = max(np.abs(expected).max(initial=0), 1e-30)
                worst = np.abs(found - expected).max(initial=0)
                yield worst, worst / largest


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", type=pathlib.Path)
    parser.add_argument("--tool", default=".build/release/onnx-run")
    options = parser.parse_args()
    results = collections.defaultdict(list)
    counts = collections.Counter()
    for case in sorted(path.parent for path in options.cases.glob("*/model.onnx")):
        model = case.name.split("_torchscript")[0].split("_dynamo")[0]
        results[model] += differences(options.tool, case)
        counts[model] += 1
    print(f"{'model':<20}{'exports':>8}{'absolute':>12}{'relative':>12}")
    for model, values in results.items():
        absolute, relative = (max(column) for column in zip(*values))
        print(f"{model:<20}{counts[model]:>8}{absolute:>12.1e}{relative:>12.1e}")


if __name__ == "__main__":
    main()
