"""Writes the test cases of the onnx package as folders.

    python tools/generate/write_node_cases.py --output DIR

    DIR/node/NAME/              one case for each operator example of the standard
    DIR/simple/NAME/            copied unchanged
    DIR/pytorch-converted/NAME/
    DIR/pytorch-operator/NAME/
    DIR/light/NAME/             known networks with constant weights

Each folder holds `model.onnx`, `test_data_set_N/{input,output}_M.pb`, and, for `node` and `light`,
a file `tol` with the relative and the absolute tolerance of the case.
"""

import argparse
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import Message
from onnx import numpy_helper
from onnx.backend.test.loader import DATA_DIR, load_model_tests

COPIED_KINDS = ["simple", "pytorch-converted", "pytorch-operator"]


def value_proto(value, info):
    """The value as the protobuf message of the type that `info` declares."""
    if isinstance(value, Message):
        return value
    kind = info.type.WhichOneof("value")
    if kind == "sequence_type":
        return numpy_helper.from_list(value, info.name)
    if kind == "optional_type":
        return numpy_helper.from_optional(value, info.name)
    if kind == "map_type":
        return numpy_helper.from_dict(value, info.name)
    assert kind == "tensor_type", kind
    return numpy_helper.from_array(np.asarray(value), info.name)


def write_values(folder, prefix, values, infos):
    for index, (value, info) in enumerate(zip(values, infos, strict=True)):
        path = folder / f"{prefix}_{index}.pb"
        path.write_bytes(value_proto(value, info).SerializeToString())


def empty_folder(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def write_tolerance(folder, relative, absolute):
    (folder / "tol").write_text(f"{relative:g} {absolute:g}\n")


def write_node_cases(output):
    cases = load_model_tests(kind="node")
    for case in cases:
        folder = output / case.name
        empty_folder(folder)
        (folder / "model.onnx").write_bytes(case.model.SerializeToString())
        write_tolerance(folder, case.rtol, case.atol)
        for index, (inputs, outputs) in enumerate(case.data_sets):
            data = folder / f"test_data_set_{index}"
            data.mkdir()
            write_values(data, "input", inputs, case.model.graph.input)
            write_values(data, "output", outputs, case.model.graph.output)
    return len(cases)


def copy_cases(kind, output):
    sources = [path.parent for path in sorted((Path(DATA_DIR) / kind).glob("*/model.onnx"))]
    for source in sources:
        folder = output / source.name
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(source, folder)
    return len(sources)


def ramp(info):
    """The input that the standard's own runner uses: 0, 1/n, 2/n … in the input's shape."""
    shape = [dim.dim_value or 1 for dim in info.type.tensor_type.shape.dim]
    count = np.prod(shape)
    return (np.arange(count).reshape(shape) / count).astype(np.float32)


def write_light_cases(output):
    light = Path(DATA_DIR) / "light"
    tolerances = {}
    for path in (Path(DATA_DIR) / "real").glob("*/data.json"):
        data = json.loads(path.read_text())
        tolerances[Path(data["url"]).stem] = data["rtol"], data["atol"]
    models = sorted(light.glob("*.onnx"))
    for path in models:
        folder = output / path.stem.removeprefix("light_")
        data = folder / "test_data_set_0"
        empty_folder(data)
        shutil.copy(path, folder / "model.onnx")
        write_tolerance(folder, *tolerances[path.stem])
        graph = onnx.load(path).graph
        constants = {tensor.name for tensor in graph.initializer}
        inputs = [info for info in graph.input if info.name not in constants]
        write_values(data, "input", [ramp(info) for info in inputs], inputs)
        shutil.copy(light / f"{path.stem}_output_0.pb", data / "output_0.pb")
    return len(models)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    output = parser.parse_args().output
    warnings.simplefilter("ignore", RuntimeWarning)

    print(f"node: {write_node_cases(output / 'node')} cases")
    for kind in COPIED_KINDS:
        print(f"{kind}: {copy_cases(kind, output / kind)} cases")
    print(f"light: {write_light_cases(output / 'light')} cases")


if __name__ == "__main__":
    main()
