"""Compares the text syntax and JSON of `onnx-convert` with the Python packages.

    python tools/compare/text_and_json.py --tool .build/debug/onnx-convert CASES...

Every `.onnx` file below CASES takes these paths and must come out as the same model, except for
what the text syntax cannot hold:

    text written     model -> onnx-convert -> text -> onnx.parser
    text read        model -> onnx.printer -> text -> onnx-convert, beside onnx.parser
    text both ways   model -> onnx-convert -> text -> onnx-convert
    text layout      text of onnx-convert and of onnx.printer, character by character
    JSON written     model -> onnx-convert -> JSON -> json_format
    JSON read        model -> json_format -> JSON -> onnx-convert

Prints the counts and each difference, and exits with code 1 if there is one. A case counts as `n/a`
if the Python packages cannot handle it: the printer writes `...` for some element types, and the
parser drops lists of graphs.
"""

import argparse
import collections
import subprocess
import sys
import tempfile
from pathlib import Path

import onnx
import onnx.parser
import onnx.printer
from google.protobuf import json_format
from onnx import numpy_helper

# Fields that the text syntax cannot express.
LOST = {
    "GraphProto": ["doc_string", "metadata_props", "sparse_initializer", "quantization_annotation"],
    "NodeProto": ["doc_string", "metadata_props", "device_configurations"],
    "ValueInfoProto": ["doc_string", "metadata_props"],
    "TensorProto": ["doc_string", "metadata_props"],
    "AttributeProto": ["doc_string"],
    "FunctionProto": ["metadata_props"],
    "ModelProto": ["training_info", "configuration"],
}
# Further fields that onnx.printer omits.
UNPRINTED = {"FunctionProto": ["attribute_proto", "value_info", "doc_string"]}


def normalised(message, dropped):
    """A copy without `dropped` fields and empty strings, with all tensors in one form."""
    copy = type(message)()
    copy.CopyFrom(message)
    normalise(copy, dropped)
    return copy


def normalise(message, dropped):
    if isinstance(message, onnx.TensorProto):
        tensor = numpy_helper.from_array(numpy_helper.to_array(message), message.name)
        for field in ["doc_string", "metadata_props"]:
            if field in {f.name for f, _ in message.ListFields()}:
                value = getattr(message, field)
                if isinstance(value, str):
                    tensor.doc_string = value
                else:
                    tensor.metadata_props.extend(value)
        message.CopyFrom(tensor)
    for name in dropped.get(message.DESCRIPTOR.name, []):
        message.ClearField(name)
    for field, value in message.ListFields():
        if field.type == field.TYPE_STRING and not field.is_repeated and value == "":
            message.ClearField(field.name)
        elif field.message_type is not None:
            for element in value if field.is_repeated else [value]:
                normalise(element, dropped)
    if isinstance(message, onnx.ValueInfoProto) and not message.type.WhichOneof("value"):
        message.ClearField("type")
    if isinstance(message, onnx.NodeProto):
        kept = [a for a in message.attribute if a.type not in (11, 12)]
        if dropped and len(kept) < len(message.attribute):
            copies = [onnx.AttributeProto.FromString(a.SerializeToString()) for a in kept]
            message.ClearField("attribute")
            message.attribute.extend(copies)


def same(a, b, dropped):
    a, b = (normalised(m, dropped).SerializeToString(deterministic=True) for m in (a, b))
    return a == b


class Check:
    def __init__(self, tool, folder):
        self.tool = tool
        self.folder = Path(folder)
        self.counts = collections.defaultdict(collections.Counter)
        self.failed = False

    def convert(self, source, target):
        done = subprocess.run(
            [self.tool, source, target], capture_output=True, text=True, timeout=600
        )
        if done.returncode != 0:
            raise RuntimeError((done.stderr or done.stdout).strip())

    def note(self, way, path, outcome, detail=""):
        self.counts[way][outcome] += 1
        if outcome == "different":
            self.failed = True
            print(f"{path}: {way}: {detail}", flush=True)

    def compare(self, way, path, read, expected, dropped):
        try:
            found = read()
        except Exception as error:
            return self.note(way, path, "different", str(error)[:500])
        outcome = "same" if same(found, expected, dropped) else "different"
        self.note(way, path, outcome, "not the same model")

    def case(self, path):
        model = onnx.load(path)
        text, back = self.folder / "a.onnxtxt", self.folder / "b.onnx"
        try:
            self.convert(path, text)
        except Exception as error:
            return self.note("text written", path, "different", str(error)[:500])
        written = text.read_bytes().decode()
        self.convert(text, back)
        self.compare("text both ways", path, lambda: onnx.load(back), model, LOST)
        if has_lists(model):
            self.note("text written", path, "n/a")
        else:
            self.compare(
                "text written", path, lambda: onnx.parser.parse_model(written), model, LOST
            )
        self.printed(path, model, written)
        self.json(path, model)

    def printed(self, path, model, written):
        theirs = onnx.printer.to_text(model)
        try:
            expected = onnx.parser.parse_model(theirs)
            normalised(expected, LOST)
        except Exception:
            self.note("text read", path, "n/a")
            self.note("text layout", path, "n/a")
            return
        self.note("text layout", path, "same" if written == theirs else "other")
        if written != theirs:
            print(f"{path}: text layout: {first_difference(written, theirs)}")
        text, back = self.folder / "c.onnxtxt", self.folder / "d.onnx"
        text.write_bytes(theirs.encode())

        def read():
            self.convert(text, back)
            return onnx.load(back)

        self.compare("text read", path, read, expected, LOST)

    def json(self, path, model):
        mine, theirs = self.folder / "a.json", self.folder / "b.json"
        back = self.folder / "e.onnx"
        self.convert(path, mine)
        self.compare(
            "JSON written", path, lambda: json_format.Parse(mine.read_text(), onnx.ModelProto()),
            model, {},
        )
        theirs.write_text(json_format.MessageToJson(model))

        def read():
            self.convert(theirs, back)
            return onnx.load(back)

        self.compare("JSON read", path, read, model, {})


def first_difference(a, b):
    for x, y in zip(a.splitlines(), b.splitlines()):
        if x != y:
            at = next((i for i, (p, q) in enumerate(zip(x, y)) if p != q), min(len(x), len(y)))
            return f"{x[max(at - 20, 0) : at + 60]!r} for {y[max(at - 20, 0) : at + 60]!r}"
    return f"{len(a)} characters for {len(b)}"


def has_lists(message):
    """Whether an attribute holds a list that onnx.parser cannot read."""
    if isinstance(message, onnx.AttributeProto) and (message.graphs or message.tensors
                                                     or message.type_protos):
        return True
    return any(
        has_lists(element)
        for field, value in message.ListFields()
        if field.message_type is not None
        for element in (value if field.is_repeated else [value])
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", default=".build/debug/onnx-convert")
    parser.add_argument("folders", nargs="+", type=Path, metavar="CASES")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        check = Check(options.tool, folder)
        for root in options.folders:
            for path in sorted(root.rglob("*.onnx")):
                check.case(path)
    for way, counts in check.counts.items():
        print(f"{way}: " + ", ".join(f"{count} {name}" for name, count in sorted(counts.items())))
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
