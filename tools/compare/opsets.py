"""Checks converted models with the standard's checker, and compares with its version converter.

    ONNX_OPSETS=all ONNX_CONVERTED=FOLDER swift test --filter ModelOperatorSetCasesTests
    python tools/compare/opsets.py FOLDER .build/cases/node [STEP]

Every model in FOLDER, named CASE-DOMAIN-VERSION.onnx, must pass onnx.checker with type checks if
the unconverted case passes. With STEP, only every STEP-th model is checked. onnx.version_converter
converts the same cases, and its results are checked and counted in the same way.
"""
import argparse
import collections
import pathlib

import onnx
from onnx import version_converter


def problem(model):
    """The first line of the checker's message about a model, or None."""
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:
        return next((line for line in str(error).splitlines() if line.strip()), "wrong")
    return None


def main():
    parser = argparse.ArgumentParser(description="Checks models that the opset tests converted.")
    parser.add_argument("folder", type=pathlib.Path, help="the folder given as ONNX_CONVERTED")
    parser.add_argument("cases", type=pathlib.Path, help="the unconverted cases")
    parser.add_argument("step", type=int, nargs="?", default=1, help="check every STEP-th model")
    options = parser.parse_args()
    folder, cases, step = options.folder, options.cases, options.step
    counts = collections.Counter()
    reasons = collections.Counter()
    before = {}
    for path in sorted(folder.glob("*.onnx"))[::step]:
        case, domain, version = path.stem.rsplit("-", 2)
        if case not in before:
            model = onnx.load(cases / case / "model.onnx")
            before[case] = (model, problem(model))
        original, wrong = before[case]
        if wrong:
            counts["cases wrong before"] += 1
            continue
        counts["ours"] += 1
        found = problem(onnx.load(path))
        if found:
            counts["ours wrong"] += 1
            reasons[found[:150]] += 1
            print(f"{path.name}: {found[:300]}")
        if domain != "ai.onnx":
            continue
        try:
            converted = version_converter.convert_version(original, int(version))
        except Exception:
            counts["version_converter refuses"] += 1
            continue
        counts["version_converter wrong" if problem(converted) else "version_converter right"] += 1
    # Conversions that are refused here but accepted by onnx.version_converter.
    refused = folder / "refused.txt"
    for line in refused.read_text().splitlines()[::step] if refused.exists() else []:
        label = line.split(": ")[0]
        case, versions = label.split(" ")
        model = onnx.load(cases / case / "model.onnx")
        if model.opset_import[0].domain not in ("", "ai.onnx") or problem(model):
            continue
        counts["refused"] += 1
        try:
            converted = version_converter.convert_version(model, int(versions.split("->")[1]))
        except Exception:
            counts["refused by both"] += 1
            continue
        if problem(converted):
            counts["refused here, wrong there"] += 1
        else:
            counts["refused here, right there"] += 1
            print(f"only version_converter: {line[:250]}")
    for name, count in counts.items():
        print(f"{name}: {count}")


if __name__ == "__main__":
    main()
