"""Runs models from PyPI packages, and files that other tools write, in onnx-run.

    tools/zoo                  the models of packages.py
    tools/zoo --variants       those models after onnxruntime's optimiser and quantisers
    tools/zoo --exports        ten architectures from PyTorch's exporters, and models of tables
    tools/zoo --large          nine architectures at their real sizes
    tools/zoo --bench          time and memory of the models beside onnxruntime's

The options can be combined. Prints a line for each case and a count for each kind; exits with
code 1 if a case failed. README.md describes the cases and their tolerances.
"""

import argparse
import collections
import fnmatch
import json
import pathlib
import shutil
import sys
import time

import onnx

import download
import references
from inputs import fill, match
from judge import judge
from packages import PACKAGES

# The largest files, in bytes, that the optimiser and the quantisers get.
OPTIMIZER_LIMIT, QUANTIZER_LIMIT = 60e6, 30e6
# The variants of the large architectures.
LARGE_VARIANTS = ["dynamic-s8", "qdq-u8s8", "qdq-s8s8-channels", "qoperator-u8u8", "4-bits"]

RESULTS = ["passed", "steps", "peer", "nearer", "failed"]


class Zoo:
    """The folder with downloads and cases, the options, and the cases left out with the reason."""

    def __init__(self, options):
        self.options, self.folder = options, options.folder
        self.left_out = {}

    def wanted(self, name):
        return any(fnmatch.fnmatch(name, f"*{only}*") for only in self.options.only or ["*"])

    def made(self, name, make):
        """The folder of a case, which `make` writes unless it is there; None if that fails."""
        case = self.folder / "cases" / name
        reason = case / "left_out"
        if self.options.fresh and case.exists():
            shutil.rmtree(case)
        if not (case / "tol").exists() and not reason.exists():
            shutil.rmtree(case, ignore_errors=True)
            case.mkdir(parents=True)
            try:
                make(case)
            except Exception as error:
                shutil.rmtree(case)
                case.mkdir()
                reason.write_text(f"{error}\n")
        if reason.exists():
            self.left_out[name] = reason.read_text().strip()
            return None
        return case

    def packages(self, every=False):
        """Yields name, folder and None for each wanted model in the packages, or for `every`."""
        for package in PACKAGES:
            for path in download.models(package, self.folder):
                name = f"packages/{package.name}/{path.stem}"
                if not (every or self.wanted(name)):
                    continue
                table = match(path.stem, package.models)
                if table is None:
                    self.left_out[name] = "packages.py has no inputs for it"
                    continue

                def make(case):
                    model = onnx.load(path, load_external_data=False)
                    references.write(case, path, fill(model, table, path.stem))

                case = self.made(name, make)
                if case:
                    yield name, case, None

    def exports(self, every=False):
        import exports
        import tables

        makers = {f"exports/{architecture}/{exporter}": (exports.write, architecture, exporter)
                  for architecture in exports.ARCHITECTURES for exporter in exports.EXPORTERS}
        makers |= {f"exports/{model}/sklearn": (tables.write, model) for model in tables.MODELS}
        for name, call in makers.items():
            if every or self.wanted(name):
                case = self.made(name, lambda case: references.isolated(*call, case))
                if case:
                    yield name, case, None

    def large(self, every=False):
        import exports

        for architecture in exports.LARGE:
            name = f"large/{architecture}"
            if every or self.wanted(name):
                case = self.made(name, lambda case: references.isolated(
                    exports.write, architecture, "torchscript", case))
                if case:
                    yield name, case, None

    def variants(self, sources):
        """Yields name, folder and the source's folder for each variant that is wanted."""
        import variants

        seen = set()
        for name, source, _ in sources:
            model = onnx.load(source / "model.onnx", load_external_data=False)
            # Models of a package with the same operators have the same variants.
            structure = (name.rsplit("/", 1)[0], *sorted(node.op_type for node in model.graph.node))
            if structure in seen and name.startswith("packages"):
                continue
            seen.add(structure)
            large = name.startswith("large")
            size = (source / "model.onnx").stat().st_size
            for variant, writer in variants.VARIANTS.items():
                optimizes = variant.startswith("optimized")
                target = f"{variant}/{name}"
                limit = OPTIMIZER_LIMIT if optimizes else QUANTIZER_LIMIT
                if variant not in LARGE_VARIANTS if large else size > limit:
                    continue
                if not self.wanted(target):
                    continue

                def make(case):
                    values = references.read(source, "input")
                    references.isolated(
                        writer, source / "model.onnx", case / "model.onnx", values)
                    references.write(case, case / "model.onnx", values)

                case = self.made(target, make)
                if case:
                    yield target, case, source

    def cases(self):
        options = self.options
        if not (options.variants or options.exports or options.large):
            yield from self.packages()
        if options.exports:
            yield from self.exports()
        if options.large:
            yield from self.large()
        if options.variants:
            if options.exports or not options.large:
                yield from self.variants(self.packages(every=True))
            if options.exports:
                yield from self.variants(self.exports(every=True))
            if options.large:
                yield from self.variants(self.large(every=True))


def kind(name):
    """The kind that a case is counted under."""
    first, second, *_ = name.split("/")
    return first if first in ("packages", "exports", "large") else f"{first} of {second}"


def summarize(rows, zoo):
    print()
    counts = collections.defaultdict(collections.Counter)
    for row in rows:
        counts[kind(row["case"])][row["result"]] += 1
    print(f"{'kind':<36}{'tried':>7}" + "".join(f"{result:>8}" for result in RESULTS))
    for name, count in sorted(counts.items()):
        print(f"{name:<36}{sum(count.values()):>7}"
              + "".join(f"{count[result]:>8}" for result in RESULTS))
    reasons = {name: reason for name, reason in zoo.left_out.items()
               if not reason.startswith("Unchanged")}
    unchanged = len(zoo.left_out) - len(reasons)
    if unchanged:
        print(f"{unchanged} left out: the writer had nothing to change")
    if reasons:
        print(f"{len(reasons)} left out: onnxruntime, or the writer, does not run")
        for name, reason in reasons.items():
            print(f"  {name}: {reason}"[:180])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--onnx-run", default=".build/release/onnx-run", metavar="PATH")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(".venv-zoo/zoo"))
    parser.add_argument("--variants", action="store_true")
    parser.add_argument("--exports", action="store_true")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--bench", action="store_true")
    parser.add_argument("--seconds", type=float, default=0.5, help="of a measurement of --bench")
    parser.add_argument("--only", action="append", metavar="PATTERN",
                        help="only cases whose names contain this; can be repeated")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--fresh", action="store_true", help="write existing cases again")
    options = parser.parse_args()
    zoo = Zoo(options)
    rows = []
    if options.bench:
        import measure

        rows = measure.table(options.onnx_run, zoo.cases(), options.seconds)
    else:
        for name, case, source in zoo.cases():
            started = time.perf_counter()
            row = {"case": name, **judge(options.onnx_run, case, source)}
            row["seconds"] = time.perf_counter() - started
            rows.append(row)
            note = "" if row["result"] == "passed" else f"  {row['message']}"
            if "difference" in row:
                note += f"  [{row['difference']:.1e}]"
            print(f"{row['result']:<8}{name}{note}", flush=True)
        summarize(rows, zoo)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    sys.exit(any(row.get("result") == "failed" for row in rows))


if __name__ == "__main__":
    main()
