"""Writes the signature of every version of every standard operator, for Tests/OpsTests.

    python tools/generate/schema_history.py > Tests/OpsTests/SchemaHistory.txt

A line `TN = TYPE,…` names a list of types. A line for a version of an operator is

    DOMAIN NAME VERSION INPUTS OUTPUTS ATTRIBUTES

with `-` for an empty list. INPUTS and OUTPUTS are lists of types. `?` follows an optional one, `*`
a last one that may be omitted or repeated, `+` a last one that may be repeated. An attribute is
NAME:TYPE, followed by `!` if it is required and by =DEFAULT (lists separated by `/`) if it has a
default. A version that removes an operator has `removed` instead of INPUTS and ends there.
"""

import onnx.defs
from onnx import helper
from onnx.defs import OpSchema

NUMBERS = {"float": "float32", "double": "float64"}
OPTIONAL = OpSchema.FormalParameterOption.Optional
VARIADIC = OpSchema.FormalParameterOption.Variadic
lists = {}


def plain(text):
    """`tensor(float)` as `float32`, `seq(tensor(float))` as `seq(float32)`."""
    if text.startswith("tensor("):
        return plain(text[7:-1])
    for kind in ["seq", "optional", "sparse_tensor"]:
        if text.startswith(kind + "("):
            return f"{kind}({plain(text[len(kind) + 1:-1])})"
    if text.startswith("map("):
        key, value = text[4:-1].split(",", 1)
        return f"map({plain(key.strip())}:{plain(value.strip())})"
    return NUMBERS.get(text, text)


def parameters(schema, formal, least):
    constraints = {c.type_param_str: c.allowed_type_strs for c in schema.type_constraints}
    words = []
    for index, parameter in enumerate(formal):
        types = constraints.get(parameter.type_str, [parameter.type_str])
        joined = "|".join(sorted({plain(t) for t in types})).replace(",", ":").replace("|", ",")
        word = lists.setdefault(joined, f"T{len(lists)}")
        if parameter.option == VARIADIC:
            word += "+" if least > index else "*"
        elif parameter.option == OPTIONAL or index >= least:
            word += "?"
        words.append(word)
    return ",".join(words) or "-"


def default(attribute):
    if not attribute.default_value.name:
        return ""
    value = helper.get_attribute_value(attribute.default_value)
    values = value if isinstance(value, list) else [value]
    return "=" + "/".join(
        v.decode() if isinstance(v, bytes) else f"{v:.9g}" if isinstance(v, float) else str(v)
        for v in values)


def attributes(schema):
    words = (
        f"{name}:{attribute.type.name.lower()}{'!' if attribute.required else ''}"
        + default(attribute)
        for name, attribute in sorted(schema.attributes.items()))
    return ",".join(words) or "-"


lines = []
for schema in sorted(
        onnx.defs.get_all_schemas_with_history(),
        key=lambda s: (s.domain, s.name, s.since_version)):
    words = [schema.domain or "ai.onnx", schema.name, str(schema.since_version)]
    if schema.deprecated:
        words.append("removed")
    else:
        words += [parameters(schema, schema.inputs, schema.min_input),
                  parameters(schema, schema.outputs, schema.min_output), attributes(schema)]
    lines.append(" ".join(words))
print(f"# Written by tools/generate/schema_history.py with onnx {onnx.__version__}.")
for types, name in lists.items():
    print(f"{name} = {types}")
print("\n".join(lines))
