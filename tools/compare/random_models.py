"""Compares random models of one node with onnx's reference evaluator and onnxruntime.

    python tools/compare/random_models.py --count 10000 [--seed 1] [--only Conv] [--keep FOLDER]

Every run takes an operator version of the standard, element types that its schema allows, shapes of
rank 0 to 8 with empty dimensions, random or extreme attributes, and contents with zeros, infinities
and NaN; some inputs are constants of the model. The peers run in processes of their own, because they
crash and hang on some models. A model that one of them runs becomes a test case for `onnx-run test`;
the result must agree with at least one. Differences are printed by operator, those of models that both
peers run first, and those that `random_models_decided.txt` lists with their reasons apart from others. Exit code 1 if there are
others.
"""

import argparse
import collections
import json
import multiprocessing
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import onnx
from onnx import helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from random_nodes import random_case  # noqa: E402

DECIDED = pathlib.Path(__file__).with_name("random_models_decided.txt")


def run_reference(data, feeds):
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(onnx.load_model_from_string(data)).run(None, feeds)


def run_onnxruntime(data, feeds):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


PEERS = {"reference": run_reference, "onnxruntime": run_onnxruntime}


def serve(name, pipe):
    """Answers requests (model, feeds) with the outputs, or with a text where the peer refuses."""
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    while True:
        data, feeds = pipe.recv()
        try:
            answer = PEERS[name](data, feeds)
        except Exception as error:  # noqa: BLE001: the peers raise exceptions of any kind.
            answer = str(error)[:300]
        try:
            pipe.send(answer)
        except Exception as error:  # noqa: BLE001
            pipe.send(str(error)[:300])


class Peer:
    """A process that runs models in one implementation, and is replaced when it crashes or hangs."""

    def __init__(self, name):
        self.name = name
        self.process = None

    def ask(self, data, feeds, seconds=10):
        if self.process is None or not self.process.is_alive():
            self.pipe, other = multiprocessing.Pipe()
            self.process = multiprocessing.Process(
                target=serve, args=(self.name, other), daemon=True)
            self.process.start()
            other.close()
        try:
            self.pipe.send((data, feeds))
            if self.pipe.poll(seconds):
                return self.pipe.recv()
        except (EOFError, OSError):
            pass
        self.process.kill()
        self.process.join()
        self.process = None
        return "crashed or took too long"


def proto_of(value, info_name):
    if isinstance(value, list):
        return numpy_helper.from_list([np.asarray(x) for x in value], info_name)
    return numpy_helper.from_array(np.asarray(value), info_name)


def tolerance(outputs):
    arrays = [np.asarray(x) for x in outputs for x in (x if isinstance(x, list) else [x])]
    kinds = {x.dtype.name for x in arrays}
    if kinds & {"float16", "bfloat16"}:
        return "2e-2 1e-2 max"
    if kinds & {"float32", "float64", "complex64", "complex128"}:
        return "1e-4 1e-5 max"
    return "0 0"


def write_case(folder, model, feeds, outputs):
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model)
    for index, (name, value) in enumerate(feeds.items()):
        (data / f"input_{index}.pb").write_bytes(proto_of(value, name).SerializeToString())
    for index, value in enumerate(outputs):
        (data / f"output_{index}.pb").write_bytes(proto_of(value, f"y{index}").SerializeToString())
    (folder / "tol").write_text(tolerance(outputs))


def declared(model, outputs):
    """The model with the types of its outputs."""
    model = onnx.load_model_from_string(model)
    for info, value in zip(model.graph.output, outputs):
        if isinstance(value, list):
            element = np.asarray(value[0]).dtype if value else np.dtype(np.float32)
            inner = helper.make_tensor_type_proto(
                helper.np_dtype_to_tensor_dtype(element), None)
            info.type.CopyFrom(helper.make_sequence_type_proto(inner))
        else:
            value = np.asarray(value)
            info.type.CopyFrom(helper.make_tensor_type_proto(
                helper.np_dtype_to_tensor_dtype(value.dtype), None))
    return model.SerializeToString()


def read_decided():
    """Reasons by (operator, pattern of the message)."""
    entries = []
    for line in DECIDED.read_text().splitlines():
        if line and not line.startswith("#"):
            operator, pattern, reason = (part.strip() for part in line.split("|", 2))
            entries.append((operator, re.compile(pattern), reason))
    return entries


KINDS = {
    "both": "both peers run the model, and neither agrees",
    "onnxruntime": "onnxruntime alone runs the model",
    "values": "the reference evaluator alone runs the model, with another result",
    "refused": "the reference evaluator alone runs the model, which is refused here",
}


def kind_of(messages):
    if len(messages) == 2:
        return "both"
    if "onnxruntime" in messages:
        return "onnxruntime"
    return "values" if messages["reference"].startswith("test_data_set") else "refused"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", default=".build/release/onnx-run")
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="operators whose names match this expression")
    parser.add_argument("--batch", type=int, default=2000)
    parser.add_argument("--keep", type=pathlib.Path, help="keep the cases that differ here")
    parser.add_argument("--show", type=int, default=3, help="differences shown for an operator")
    options = parser.parse_args()

    peers = [Peer(name) for name in PEERS]
    decided = read_decided()
    counts = collections.Counter()
    found = collections.defaultdict(list)
    excused = collections.Counter()
    number = 0
    while number < options.count:
        with tempfile.TemporaryDirectory() as temporary:
            root = pathlib.Path(temporary)
            for _ in range(min(options.batch, options.count - number)):
                random = np.random.default_rng([options.seed, number])
                case = random_case(random, options.only)
                counts["runs"] += 1
                answers = [peer.ask(case.model, case.feeds) for peer in peers]
                name = f"{case.label}__{number}"
                number += 1
                results = {}
                for peer, answer in zip(peers, answers):
                    if isinstance(answer, str) or any(x is None for x in answer):
                        continue
                    try:
                        model = declared(case.model, answer)
                        write_case(root / f"{name}__{peer.name}", model, case.feeds, answer)
                        results[peer.name] = answer
                    except Exception:  # noqa: BLE001: a type that NumPy has no name for.
                        shutil.rmtree(root / f"{name}__{peer.name}", ignore_errors=True)
                counts["models that a peer runs"] += bool(results)
            report = root / "report.json"
            subprocess.run(
                [options.tool, "test", str(root), "--json", str(report)],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            verdicts = collections.defaultdict(dict)
            for result in json.loads(report.read_text()) if report.exists() else []:
                name, peer = pathlib.Path(result["case"]).name.rsplit("__", 1)
                verdicts[name][peer] = None if result["passed"] else result["message"]
            for name, messages in verdicts.items():
                if None in messages.values():
                    counts["agreeing"] += 1
                    continue
                operator = name.split("_v")[0]
                text = " / ".join(f"{peer}: {message}" for peer, message in messages.items())
                reason = next(
                    (reason for known, pattern, reason in decided
                     if known in ("*", operator) and pattern.search(text)), None)
                if reason:
                    excused[f"{operator}: {reason}"] += 1
                    continue
                found[kind_of(messages), operator].append((name, text))
                if options.keep:
                    for peer in messages:
                        case = f"{name}__{peer}"
                        shutil.copytree(root / case, options.keep / case, dirs_exist_ok=True)
        print(f"{number} of {options.count} runs, {sum(map(len, found.values()))} differences",
              file=sys.stderr, flush=True)
    for key, value in counts.items():
        print(f"{key}: {value}")
    for key, value in sorted(excused.items()):
        print(f"decided, {value} times: {key}")
    for kind, description in KINDS.items():
        entries = {operator: list for (key, operator), list in found.items() if key == kind}
        print(f"\n## {description}: {sum(map(len, entries.values()))}")
        for operator in sorted(entries, key=lambda key: -len(entries[key])):
            print(f"{operator}: {len(entries[operator])}")
            for name, text in entries[operator][:options.show]:
                print(f"  {name}: {text}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
