"""Compares the ONNX models in two folders field by field.

    python tools/compare/roundtrip.py A B

Every `*.onnx` below A is compared with the file at the same relative path below B. An unset field
equals one set to its default value, unless `--presence` is given. Tensors are equal if their values
are, whether these are in `raw_data`, in a typed field or in another file. Prints the first field
that differs in each model, and exits with code 1 if there is one.
"""

import argparse
import sys
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, numpy_helper
from onnx.external_data_helper import uses_external_data

VALUE_FIELDS = {"float_data", "int32_data", "string_data", "int64_data", "double_data",
                "uint64_data", "raw_data", "external_data", "data_location"}


class Comparison:
    def __init__(self, folders, presence):
        self.folders = folders
        self.presence = presence

    def difference(self, a, b, path=""):
        """The path of the first field that differs between two messages, or None."""
        skipped = ()
        if isinstance(a, TensorProto):
            skipped = VALUE_FIELDS
            if (a.data_type, a.dims) == (b.data_type, b.dims) and not self.same_values(a, b):
                return f"{path} ({a.name}): values"
        for field in a.DESCRIPTOR.fields:
            if field.name in skipped:
                continue
            found = self.field_difference(field, a, b, f"{path}.{field.name}".lstrip("."))
            if found:
                return found
        return None

    def field_difference(self, field, a, b, path):
        x, y = getattr(a, field.name), getattr(b, field.name)
        if field.is_repeated:
            if len(x) != len(y):
                return f"{path}: {len(x)} and {len(y)} elements"
            if field.message_type is None:
                return None if x == y else f"{path}: {short(x)} and {short(y)}"
            pairs = enumerate(zip(x, y))
            return next(filter(None, (self.difference(p, q, f"{path}[{i}]")
                                      for i, (p, q) in pairs)), None)
        told = field.message_type or field.containing_oneof or self.presence
        if told and a.HasField(field.name) != b.HasField(field.name):
            return f"{path}: only in {'A' if a.HasField(field.name) else 'B'}"
        if field.message_type:
            return self.difference(x, y, path) if a.HasField(field.name) else None
        # A float attribute that is NaN equals itself here.
        return None if x == y or (x != x and y != y) else f"{path}: {short(x)} and {short(y)}"

    def same_values(self, a, b):
        if a.data_type == TensorProto.STRING:
            return a.string_data == b.string_data
        if all(x.HasField("raw_data") and not uses_external_data(x) for x in (a, b)):
            return a.raw_data == b.raw_data
        try:
            x, y = (numpy_helper.to_array(tensor, str(folder)).tobytes()
                    for tensor, folder in zip((a, b), self.folders))
        except (TypeError, ValueError):
            # onnx cannot read this tensor: it is equal if every field is.
            x, y = ({field: getattr(tensor, field) for field in VALUE_FIELDS}
                    for tensor in (a, b))
        return x == y


def short(value):
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "…"


def compare(a, b, presence):
    if not b.exists():
        return "no such file in B"
    models = []
    for path, side in [(a, "A"), (b, "B")]:
        try:
            models.append(onnx.load(path, load_external_data=False))
        except DecodeError as error:
            return f"{side} cannot be parsed: {error}"
    return Comparison((a.parent, b.parent), presence).difference(*models)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("a", metavar="A", type=Path)
    parser.add_argument("b", metavar="B", type=Path)
    parser.add_argument("--presence", action="store_true",
                        help="distinguish unset fields from fields set to their default value")
    options = parser.parse_args()

    paths = sorted(options.a.rglob("*.onnx"))
    equal = 0
    for path in paths:
        place = path.relative_to(options.a)
        found = compare(path, options.b / place, options.presence)
        if found:
            print(f"{place}: {found}")
        equal += found is None
    print(f"{len(paths)} models compared, {equal} equal")
    sys.exit(equal != len(paths))


if __name__ == "__main__":
    main()
