"""Converts models of single operators to other types and checks the results.

    python tools/compare/narrowed_nodes.py ONNX_CONVERT ONNX_RUN [--to TYPE…] [FOLDER…]

Each FOLDER holds cases of the standard (default: .build/cases/node, which tools/test writes). Every
model with a float32 input is converted with --to float16 and bfloat16. The result must pass
onnx.checker with full_check, run in onnx-run, and give the expected outputs within the precision of
the type; if onnxruntime has kernels for it, it must run there too. Prints each failure, and counts.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnx.checker
import onnxruntime
from onnx import numpy_helper

# Outputs that are random or are compared otherwise.
RANDOM = ("bernoulli", "random", "multinomial", "dropout")
# Cases that cannot pass, by the beginnings of their names, with the reasons.
KNOWN = {
    "test_softmax_large_number": "inputs of 10000 and more lose their last digits",
    "test_logsoftmax_large_number": "inputs of 10000 and more lose their last digits",
    "test_reduce_prod_default_axes_keepdims_example": "12! is beyond float16; a trial would tell",
    "test_upsample_nearest": "scales of a run have no place in version 22",
    "test_attention_4d_": "onnxruntime's own function body mixes bfloat16 with float32",
}


def takes_float32(model):
    return any(
        info.type.tensor_type.elem_type == onnx.TensorProto.FLOAT for info in model.graph.input)


def load(path, type_proto):
    data = path.read_bytes()
    if type_proto.HasField("tensor_type"):
        return numpy_helper.to_array(onnx.TensorProto.FromString(data))
    return None


def in_onnxruntime(path, inputs):
    """Whether onnxruntime loads and runs the model; a sentence if it finds the model invalid."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"])
        session.run(None, inputs)
        return True, None
    except Exception as error:
        text = str(error)
        missing = ["NOT_IMPLEMENTED", "not implemented", "Could not find an implementation",
                   "under development", "ai.onnx.preview", "opset", "Unsupported model IR"]
        return False, None if any(word in text for word in missing) else text[:300]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("convert", metavar="ONNX_CONVERT", help="the built onnx-convert")
    parser.add_argument("tool", metavar="ONNX_RUN", help="the built onnx-run")
    parser.add_argument("folders", metavar="FOLDER", nargs="*", type=pathlib.Path)
    parser.add_argument("--to", action="append", help="a type of onnx-convert --to")
    options = parser.parse_args()
    folders = options.folders or [pathlib.Path(".build/cases/node")]
    counts = {"converted": 0, "changed": 0, "ran in onnxruntime": 0, "known": 0,
              "failed": 0}
    with tempfile.TemporaryDirectory() as name:
        out = pathlib.Path(name) / "model.onnx"
        for case in sorted(path for folder in folders for path in folder.iterdir()):
            source = case / "model.onnx"
            data = case / "test_data_set_0"
            if not source.exists() or not data.exists():
                continue
            model = onnx.load(source)
            if not takes_float32(model):
                continue
            inputs, whole = {}, True
            for index, info in enumerate(model.graph.input):
                file = data / f"input_{index}.pb"
                value = load(file, info.type) if file.exists() else None
                whole = whole and value is not None
                inputs[info.name] = value
            before = in_onnxruntime(source, inputs)[0] if whole else False
            for type_name in options.to or ["float16", "bfloat16"]:
                def fail(text):
                    if any(case.name.startswith(name) for name in KNOWN):
                        counts["known"] += 1
                        return
                    counts["failed"] += 1
                    print(f"{case.name} {type_name}: {text}", flush=True)

                done = subprocess.run(
                    [options.convert, str(source), str(out), "--to", type_name, "--no-trial"],
                    capture_output=True, text=True)
                if done.returncode:
                    fail(done.stderr.strip())
                    continue
                counts["converted"] += 1
                changed = onnx.load(out)
                counts["changed"] += any(node.op_type == "Cast" and any(
                    a.i in (10, 16) for a in node.attribute if a.name == "to")
                    for node in changed.graph.node)
                try:
                    onnx.checker.check_model(changed, full_check=True)
                except Exception as error:
                    fail(f"onnx.checker: {str(error)[:300]}")
                    continue
                if whole:
                    numpy.savez(pathlib.Path(name) / "in.npz", **inputs)
                ran = subprocess.run(
                    [options.tool, "test", str(copy(case, out, type_name))],
                    capture_output=True, text=True)
                if ran.returncode and not any(word in case.name for word in RANDOM):
                    fail((ran.stdout + ran.stderr).strip()[:400])
                if whole and before:
                    runs, problem = in_onnxruntime(out, inputs)
                    counts["ran in onnxruntime"] += runs
                    if problem:
                        fail(f"onnxruntime: {problem}")
    print(", ".join(f"{count} {what}" for what, count in counts.items()))
    return 1 if counts["failed"] else 0


def copy(case, model, type_name):
    """A folder with the case's data and another model, with a tolerance for the type."""
    folder = model.parent / "case"
    folder.mkdir(exist_ok=True)
    (folder / "model.onnx").write_bytes(model.read_bytes())
    share = 0.01 if type_name == "float16" else 0.08
    (folder / "tol").write_text(f"{share} {share} max")
    link = folder / "test_data_set_0"
    if link.is_symlink():
        link.unlink()
    link.symlink_to((case / "test_data_set_0").resolve())
    return folder


if __name__ == "__main__":
    sys.exit(main())
