"""Compares the operators of `com.microsoft` with onnxruntime.

    python tools/compare/contrib_operators.py [--tool .build/release/onnx-run] [--only NAME] [--keep FOLDER]

Every case is a model of one node, with the inputs as graph inputs and again with those that are
weights as initializers. onnxruntime computes the expected outputs, `onnx-run test` compares. The
table lists each operator with the number of cases that pass. The modules of the folder `contrib_cases`
hold the cases. Exit code 1 if a case fails.
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys
import tempfile

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from contrib_cases import attention, fused, quantized, text  # noqa: E402

FAMILIES = [fused, quantized, attention, text]


def model_of(case, constants):
    """The model of a case with these positions as initializers."""
    names = ["" if x is None else f"x{i}" for i, x in enumerate(case.inputs)]
    while names and not names[-1]:
        names.pop()
    wanted = [1] * case.outputs if isinstance(case.outputs, int) else case.outputs
    results = [f"y{i}" if is_wanted else "" for i, is_wanted in enumerate(wanted)]
    node = helper.make_node(
        case.operator, names, results, domain=case.domain, **case.attributes)
    tensors = {
        name: numpy_helper.from_array(x, name)
        for name, x in zip(names, case.inputs) if name}
    graph = helper.make_graph(
        [node], "case",
        [helper.make_tensor_value_info(name, tensors[name].data_type, tensors[name].dims)
         for i, name in enumerate(names) if name and i not in constants],
        [helper.make_tensor_value_info(name, case.types[i], None) if i in case.types
         else onnx.ValueInfoProto(name=name) for i, name in enumerate(results) if name],
        [tensors[name] for i, name in enumerate(names) if name and i in constants])
    imports = {"": case.opset, "com.microsoft": 1, "com.microsoft.nchwc": 1}
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid(*entry) for entry in imports.items()],
        ir_version=10)
    return model, [name for i, name in enumerate(names) if name and i not in constants], tensors


def expected(model, names, tensors, shared={}):
    """onnxruntime's outputs, its optimiser off; `shared` as in `Case`."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 8
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    narrow = {o.name for o in session.get_outputs() if o.type == "tensor(bfloat16)"}
    if narrow:
        # NumPy has no bfloat16: onnxruntime widens such outputs.
        model = onnx.ModelProto.FromString(model.SerializeToString())
        for output in model.graph.output:
            if output.name in narrow:
                wide = output.name + "_wide"
                model.graph.node.append(
                    helper.make_node("Cast", [output.name], [wide], to=TensorProto.FLOAT))
                output.CopyFrom(onnx.ValueInfoProto(name=wide))
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]
    if any(tensors[name].data_type == TensorProto.STRING for name in names):
        # OrtValues of strings cannot be made from arrays.
        arrays = {name: numpy_helper.to_array(tensors[name]) for name in names}
        return list(zip(outputs, session.run(outputs, arrays)))
    feeds = {
        name: onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(
            numpy_helper.to_array(tensors[name]).view(np.uint16), tensors[name].data_type)
        if tensors[name].data_type in (TensorProto.BFLOAT16,) else
        onnxruntime.OrtValue.ortvalue_from_numpy(numpy_helper.to_array(tensors[name]).copy())
        for name in names}
    if shared:
        bound = session.io_binding()
        for name, value in feeds.items():
            bound.bind_ortvalue_input(name, value)
        for index, output in enumerate(session.get_outputs()):
            if index in shared:
                bound.bind_ortvalue_output(output.name, feeds[f"x{shared[index]}"])
            else:
                bound.bind_output(output.name)
        session.run_with_iobinding(bound)
        return [(output.name, value.numpy().copy()) for output, value in
                zip(session.get_outputs(), bound.get_outputs())]
    values = zip(outputs, session.run_with_ort_values(outputs, feeds))
    return [
        (name[:-5], value.numpy().astype(ml_dtypes.bfloat16)) if name[:-5] in narrow
        else (name, value.numpy()) for name, value in values]


def write(folder, case, constants):
    """Writes a case; the reason as text where onnxruntime does not run it."""
    model, names, tensors = model_of(case, constants)
    try:
        outputs = expected(model, names, tensors, case.shared)
    except Exception as error:  # noqa: BLE001: onnxruntime's own exceptions share no base class.
        return str(error).splitlines()[0]
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    for output, (_, value) in zip(model.graph.output, outputs):
        output.CopyFrom(helper.make_tensor_value_info(
            output.name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape))
    onnx.save(model, folder / "model.onnx")
    for index, name in enumerate(names):
        onnx.save_tensor(tensors[name], data / f"input_{index}.pb")
    for index, (name, value) in enumerate(outputs):
        onnx.save_tensor(numpy_helper.from_array(value, name), data / f"output_{index}.pb")
    if case.step:
        (folder / "tol").write_text(f"0 {case.step}")
    else:
        (folder / "tol").write_text(f"0 {case.tolerance} max")
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", default=".build/release/onnx-run")
    parser.add_argument("--only", help="the operators whose names contain this text")
    parser.add_argument("--keep", type=pathlib.Path, help="write the cases here and keep them")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = options.keep or pathlib.Path(temporary)
        tried, refused, reasons = collections.Counter(), collections.Counter(), {}
        number = 0
        for family in FAMILIES:
            for case in family.cases(np.random.default_rng(options.seed)):
                if options.only and options.only not in case.operator:
                    continue
                for constants in {(), tuple(case.constants)}:
                    number += 1
                    name = f"{case.operator}_{number}"
                    reason = write(root / name, case, constants)
                    if reason is None:
                        tried[case.operator] += 1
                    else:
                        refused[case.operator] += 1
                        reasons.setdefault(case.operator, reason)
        report = root / "report.json"
        subprocess.run(
            [options.tool, "test", str(root), "--json", str(report)],
            stdout=subprocess.DEVNULL, check=False)
        results = json.loads(report.read_text()) if tried else []
        passed = collections.Counter()
        for result in results:
            name = pathlib.Path(result["case"]).name
            if result["passed"]:
                passed[name.rsplit("_", 1)[0]] += 1
            else:
                print(f"{name}: {result['message']}")
        print(f"| {'operator':<34} | cases | pass | refused by onnxruntime |\n|---|---|---|---|")
        for operator in sorted(set(tried) | set(refused)):
            print(f"| {operator:<34} | {tried[operator]:>5} | {passed[operator]:>4} "
                  f"| {refused[operator]} {reasons.get(operator, '')[:70]} |")
        print(f"{sum(passed.values())} of {sum(tried.values())} cases pass")
        sys.exit(0 if passed == tried else 1)


if __name__ == "__main__":
    main()
