"""Runs cases in onnx-run and compares failures with onnxruntime in other ways."""

import json
import os
import pathlib
import subprocess
import tempfile

import numpy as np
import onnx

import nodes
import references


def environment():
    """The environment without the variables that select another CPU's kernels."""
    return {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}


def test(tool, case, seconds):
    """(passed, message) of `onnx-run test`."""
    with tempfile.TemporaryDirectory() as folder:
        report = f"{folder}/report.json"
        try:
            result = subprocess.run(
                [tool, "test", str(case), "--json", report, "--timeout", str(seconds)],
                capture_output=True, text=True, env=environment(), timeout=seconds + 30)
        except subprocess.TimeoutExpired:
            return False, f"no answer after {seconds + 30} s"
        if result.returncode < 0:
            return False, f"onnx-run ended by signal {-result.returncode}"
        try:
            row = json.loads(pathlib.Path(report).read_text())[0]
        except (OSError, ValueError, IndexError):
            lines = result.stderr.strip().splitlines() or ["no report"]
            return False, lines[-1]
        return row["passed"], row.get("message") or ""


def outputs(tool, case, values, seconds):
    """onnx-run's outputs by name, or None if it does not run the model."""
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/inputs.npz", **values)
        command = [tool, "run", str(case / "model.onnx"), "--input", f"{folder}/inputs.npz",
                   "--output-dir", f"{folder}/out", "--output-format", "npz", "--top", "0"]
        try:
            subprocess.run(command, capture_output=True, check=True, env=environment(),
                           timeout=seconds)
            return dict(np.load(f"{folder}/out/outputs.npz"))
        except (subprocess.SubprocessError, OSError):
            return None


def difference(found, expected):
    """The largest difference in any output, relative to that output's largest finite value."""
    worst = 0.0
    for name, right in expected.items():
        if name not in found or found[name].shape != right.shape:
            return float("inf")
        a, b = found[name].astype(np.float64), right.astype(np.float64)
        finite = np.isfinite(b)
        if not np.array_equal(np.isfinite(a), finite):
            return float("inf")
        largest = np.abs(b[finite]).max(initial=0)
        apart = np.abs(a - b)[finite].max(initial=0)
        worst = max(worst, apart / largest if largest else apart)
    return float(worst)


def agree_in_pieces(tool, case, values, seconds, every):
    """Whether onnx-run agrees with onnxruntime in every piece of a model that rounds.

    With `every`, for float16, a piece is a node, and no value may overflow.
    """
    model, inputs, expected, pieces = nodes.cut(case / "model.onnx", values, every)
    if not pieces:
        return False
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(model, f"{folder}/model.onnx")
        if every:
            if not all(np.all(np.isfinite(array)) for array in inputs.values()
                       if array.dtype.kind == "f"):
                return False
            found = references.isolated(
                references.evaluate, f"{folder}/model.onnx", inputs, False)
            expected = dict(zip(expected, map(np.asarray, found)))
        found = outputs(tool, pathlib.Path(folder), inputs, seconds)
    return found is not None and nodes.agree(found, expected)


def judge(tool, case, source=None, seconds=120):
    """A row about a case: `result` is `passed`, `steps`, `peer`, `nearer` or `failed`.

    The results that are no failures, though the outputs differ by more than the tolerance:

    - `steps`: every piece between two quantisations, or every node of float16, agrees, to one step,
      given the same numbers.
    - `peer`: onnxruntime disagrees with itself. onnx-run's outputs are within the tolerance of
      those without optimisations or with eight threads, or at most twice as far from one of the
      three as these are apart.
    - `nearer`: the outputs are nearer to those of `source`, the case of the model in float32, than
      onnxruntime's are (for float16 only).
    """
    passed, message = test(tool, case, seconds)
    row = {"result": "passed" if passed else "failed", "message": message}
    if passed:
        return row
    values, expected = references.read(case, "input"), references.read(case, "output")
    found = outputs(tool, case, values, seconds)
    if found is None:
        return row
    row["difference"] = difference(found, expected)
    tolerance = (case / "tol").read_text().strip()
    try:
        others = [dict(zip(expected, map(np.asarray, references.isolated(
            references.evaluate, case / "model.onnx", values, optimized, threads))))
            for optimized, threads in ((False, 1), (True, 8))]
        nearest = min(difference(found, other) for other in others)
        row["difference_others"] = nearest
        row["onnxruntime_itself"] = max(difference(other, expected) for other in others)
        bound = sum(map(float, tolerance.split()[:2]))
        if tolerance != references.FLOAT and agree_in_pieces(
                tool, case, values, seconds, tolerance == references.HALF):
            row["result"] = "steps"
        elif (nearest <= bound
              or min(nearest, row["difference"]) <= 2 * row["onnxruntime_itself"]):
            row["result"] = "peer"
    except references.Failed as error:
        row["message"] += f"; onnxruntime fails with other options: {error}"
    if row["result"] == "failed" and tolerance == references.HALF and source:
        right = dict(zip(expected, references.read(source, "output").values()))
        row["difference_source"] = difference(found, right)
        row["onnxruntime_source"] = difference(expected, right)
        if row["difference_source"] < row["onnxruntime_source"]:
            row["result"] = "nearer"
    return row
