"""Lists the operators outside the standard in models: files, nodes and attributes of each.

    python tools/zoo_cases/operators.py FOLDER [FOLDER …]

Operators of the standard's domain that its version in the file does not have are listed too.
"""

import collections
import pathlib
import sys

import onnx

from references import all_nodes

STANDARD = ("", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training")


def known(node, versions):
    domain = "" if node.domain == "ai.onnx" else node.domain
    try:
        return onnx.defs.has(node.op_type, domain) and onnx.defs.get_schema(
            node.op_type, versions.get(domain, 1), domain)
    except onnx.defs.SchemaError:
        return False


def main():
    files, nodes = collections.Counter(), collections.Counter()
    attributes = collections.defaultdict(lambda: collections.defaultdict(collections.Counter))
    arity = collections.defaultdict(collections.Counter)
    for folder in map(pathlib.Path, sys.argv[1:]):
        for path in sorted(folder.rglob("*.onnx")):
            model = onnx.load(path, load_external_data=False)
            versions = {"" if e.domain == "ai.onnx" else e.domain: e.version
                        for e in model.opset_import}
            own = {(function.domain, function.name) for function in model.functions}
            seen = set()
            for node in all_nodes(model):
                if (node.domain, node.op_type) in own or known(node, versions):
                    continue
                name = f"{node.domain or 'ai.onnx'}.{node.op_type}"
                if node.domain in STANDARD:
                    name += f" at operator set {versions.get(node.domain, 1)}"
                seen.add(name)
                nodes[name] += 1
                arity[name]["".join("." if given else "-" for given in node.input)] += 1
                for entry in node.attribute:
                    text = str(onnx.helper.get_attribute_value(entry))[:30]
                    attributes[name][entry.name][text] += 1
            files.update(seen)
    for name, count in files.most_common():
        print(f"{name}: {count} files, {nodes[name]} nodes; inputs "
              + ", ".join(f"{text} ×{n}" for text, n in arity[name].most_common(6)))
        for attribute, values in sorted(attributes[name].items()):
            print(f"  {attribute}: " + ", ".join(
                f"{text} ×{n}" for text, n in values.most_common(6)))


if __name__ == "__main__":
    main()
