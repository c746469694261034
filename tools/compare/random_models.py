"""Runs random models of one node here, in onnx's reference evaluator and in onnxruntime.

    SWIFTONNX_LIBRARY=.build/release/libONNXC.so python tools/compare/random_models.py \\
        [--seed 1] [--first 0] [--count 10000] [--seconds 600] [--only Conv,Pad] [--show NUMBER] \\
        [--json FILE]

The models have every version of every operator without graph attributes, ranks 0 to 8, empty
dimensions, extreme attributes, NaN and infinities, and all element types. A case is its seed and
number: `--show NUMBER` prints one, with all results. Each implementation runs in a process of its own,
which is replaced when it crashes or hangs. Differences are sorted by operator; those that
known_differences.txt explains are counted only. Exits with 1 if others are left.
"""

import argparse
import collections
import json
import os
import pathlib
import pickle
import re
import select
import subprocess
import sys
import threading
import time
import warnings

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
PEERS = ["here", "reference", "onnxruntime"]
TOLERANCE = {"float64": 1e-5, "float32": 1e-3, "float16": 2e-2}


def runner(peer):
    """A function from a case to the list of its outputs."""
    if peer == "here":
        sys.path.insert(0, str(HERE.parent / "python"))
        from swiftonnx import values
        from swiftonnx.session import Session

        def run(case):
            session = Session(case.model.SerializeToString(), threads=1)
            arguments = []
            for info in case.model.graph.input:
                kind = values.kind_of(info)
                message = values.message(case.feeds[info.name], kind)
                arguments.append((info.name, kind, message.SerializeToString()))
            return [values.value(data, kind) for _, kind, data in session.run(arguments)]

    elif peer == "reference":
        import onnx.reference

        def run(case):
            return onnx.reference.ReferenceEvaluator(case.model).run(None, case.feeds)

    else:
        import onnxruntime

        onnxruntime.set_default_logger_severity(4)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1

        def run(case):
            session = onnxruntime.InferenceSession(
                case.model.SerializeToString(), options, providers=["CPUExecutionProvider"])
            return session.run(None, case.feeds)

    return run


def work(peer):
    """Serves requests on standard input: a seed, a number and the operators to choose from."""
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    import random_cases

    run = runner(peer)
    while True:
        try:
            seed, number, only = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        case = random_cases.make(seed, number, only)
        try:
            reply = ("none", "") if case is None else ("ok", [plain(v) for v in run(case)])
        except Exception as error:
            text = str(error).replace("\n", " ")
            absent = re.search(
                r"NOT_IMPLEMENTED|No corresponding Numpy|No Op registered|Unsupported|not support|"
                r"under development|is till opset", text)
            if peer == "reference":
                absent = "No implementation" in text or isinstance(error, NotImplementedError)
            reply = ("absent" if absent else "error", f"{type(error).__name__}: {text}"[:400])
        pickle.dump(reply, out)
        out.flush()


def plain(value):
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return np.asarray(value) if not isinstance(value, dict) else value


def brief(value):
    if not isinstance(value, np.ndarray):
        return str(value)[:200]
    text = np.array2string(value.ravel()[:12], separator=",").replace("\n", "")
    return f"{value.dtype}{list(value.shape)} {text}"


class Peer:
    """An implementation in a process of its own."""

    def __init__(self, name):
        self.name, self.process = name, None

    def ask(self, request, seconds=20):
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, __file__, "--worker", self.name], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            self.process.stdin.write(pickle.dumps(request))
            self.process.stdin.flush()
            ready, _, _ = select.select([self.process.stdout], [], [], seconds)
            if ready:
                return pickle.load(self.process.stdout)
            verdict = ("crash", f"no answer in {seconds} s")
        except (EOFError, OSError, pickle.UnpicklingError):
            try:
                verdict = ("crash", f"ended with {self.process.wait(5)}")
            except subprocess.TimeoutExpired:
                verdict = ("crash", "an answer that is cut short")
        self.process.kill()
        self.process.wait()
        self.process = None
        return verdict


def difference(ours, theirs):
    """A description of the first difference between two lists of outputs, or `None`."""
    if len(ours) != len(theirs):
        return f"{len(ours)} outputs, not {len(theirs)}"
    for index, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if isinstance(a, list) or isinstance(b, list):
            if type(a) is not type(b):
                return "kind"
            found = difference(a, b)
        else:
            found = array_difference(a, b)
        if found:
            return f"output {index} {found}" if index else found
    return None


def array_difference(a, b):
    if isinstance(a, dict) or isinstance(b, dict):
        return None if a == b else "map"
    if a.shape != b.shape:
        return f"shape {list(a.shape)}, not {list(b.shape)}"
    if a.dtype.kind in "OUS" or b.dtype.kind in "OUS":
        return None if [str(v) for v in a.ravel()] == [str(v) for v in b.ravel()] else "text"
    if a.dtype != b.dtype:
        return f"type {a.dtype}, not {b.dtype}"
    if a.dtype.kind in "iub":
        if (a == b).all():
            return None
        at = np.argwhere(np.asarray(a != b).ravel())[0, 0]
        return f"value [{at}] {a.ravel()[at]}, not {b.ravel()[at]}"
    relative = TOLERANCE.get(a.dtype.name, 0.1)
    if a.dtype.kind == "c":
        a, b = a.view(np.float64), b.view(np.float64)
    x, y = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    finite = np.abs(y[np.isfinite(y)]).max(initial=0)
    absolute = relative * (1e-2 * min(finite, 1e30) + 1e-6)
    close = np.isclose(x, y, relative, absolute, equal_nan=True)
    if close.all():
        return None
    at = np.argwhere(~close)[0, 0]
    return f"value [{at}] {x[at]:.6g}, not {y[at]:.6g}"


def verdict(results):
    """The kind of a difference and its description, or `None` where there is none to speak of."""
    (kind, ours), reference, onnxruntime = (results[peer] for peer in PEERS)
    good = {
        name: result[1]
        for name, result in (("reference", reference), ("onnxruntime", onnxruntime))
        if result[0] == "ok"
    }
    if kind == "crash":
        return "crash", ours
    if kind == "ok":
        wrong = {name: difference(ours, theirs) for name, theirs in good.items()}
        wrong = {name: text for name, text in wrong.items() if text}
        if wrong:
            agrees = [name for name in good if name not in wrong]
            verb = f"agrees with {agrees[0]}" if agrees else "wrong"
            if not agrees and len(good) == 1:
                verb = f"not as {next(iter(good))}"
            return verb, "; ".join(f"{name}: {text}" for name, text in wrong.items())
        if not good and reference[0] == onnxruntime[0] == "error":
            return "accepted", onnxruntime[1]
        return None
    if "onnxruntime" in good:
        return ("refused" if "reference" in good else "refused, onnxruntime runs"), ours
    if "reference" in good and onnxruntime[0] == "absent":
        return "refused, reference runs", ours
    return None


def known():
    """The differences that the standard decides: operator, verdict, pattern, sentence."""
    lines = (HERE / "known_differences.txt").read_text().splitlines()
    return [
        [part.strip() for part in line.split(" | ", 3)]
        for line in lines if line.strip() and not line.startswith("#")
    ]


def explains(entry, operator, kind, text):
    return (
        re.fullmatch(entry[0], operator) and re.fullmatch(entry[1], kind)
        and re.search(entry[2], text)
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--only", default="")
    parser.add_argument("--show", type=int)
    parser.add_argument("--all", action="store_true", help="print known and minor differences too")
    parser.add_argument("--json")
    parser.add_argument("--worker", choices=PEERS)
    options = parser.parse_args()
    if options.worker:
        return work(options.worker)
    import random_cases

    only = tuple(name for name in options.only.split(",") if name)
    peers = {name: Peer(name) for name in PEERS}
    if options.show is not None:
        print(random_cases.make(options.seed, options.show, only))
        for name, peer in peers.items():
            kind, value = peer.ask((options.seed, options.show, only))
            print(f"{name}: {kind} {value if kind != 'ok' else ' '.join(map(brief, value))}")
        return 0
    entries, started = known(), time.time()
    found = collections.defaultdict(list)
    explained, outcomes = collections.Counter(), collections.Counter()
    last = options.first + options.count
    done = 0
    for start in range(options.first, last, 200):
        if time.time() - started > options.seconds:
            break
        numbers = range(start, min(start + 200, last))
        done += len(numbers)
        results = {name: [] for name in PEERS}

        def answer(name):
            for number in numbers:
                results[name].append(peers[name].ask((options.seed, number, only)))

        threads = [threading.Thread(target=answer, args=(name,)) for name in PEERS]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for index, number in enumerate(numbers):
            row = {name: results[name][index] for name in PEERS}
            outcomes.update(f"{name} {row[name][0]}" for name in PEERS)
            judged = verdict(row)
            if judged is None:
                continue
            operator = random_cases.make(options.seed, number, only).operator
            entry = next((e for e in entries if explains(e, operator, *judged)), None)
            if entry:
                explained[" | ".join(entry[:3])] += 1
            if options.all or not entry:
                found[operator, judged[0]].append((number, judged[1]))
    for (operator, kind), cases in sorted(found.items()):
        print(f"{operator}: {kind}, {len(cases)} cases")
        for number, text in cases[:3]:
            print(f"    {number}: {text[:200]}")
    print(f"{done} cases in {time.time() - started:.0f} s, seed {options.seed}")
    print(", ".join(f"{name} {count}" for name, count in sorted(outcomes.items())))
    print(f"explained by known_differences.txt: {sum(explained.values())}")
    left = sum(len(c) for (_, kind), c in found.items() if kind != "accepted")
    print(f"left: {left}, and {sum(len(c) for c in found.values()) - left} accepted here only")
    if options.json:
        table = [
            {"operator": operator, "kind": kind, "number": number, "text": text}
            for (operator, kind), cases in sorted(found.items()) for number, text in cases
        ]
        pathlib.Path(options.json).write_text(json.dumps(table, indent=1))
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
