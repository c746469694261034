"""Writes the `.onnx` and `.json` files in `Tests/ConversionTests/Texts`.

    python tools/generate/conversion_texts.py [--output Tests/ConversionTests/Texts]

Each `.onnxtxt` file in the folder is parsed by `onnx.parser`, and the model is written beside it as
`.onnx` by protobuf and as `.json` by `google.protobuf.json_format`.
"""

import argparse
from pathlib import Path

import onnx.parser
from google.protobuf import json_format


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("Tests/ConversionTests/Texts"))
    for path in sorted(parser.parse_args().output.glob("*.onnxtxt")):
        model = onnx.parser.parse_model(path.read_text())
        path.with_suffix(".onnx").write_bytes(model.SerializeToString())
        path.with_suffix(".json").write_text(json_format.MessageToJson(model) + "\n")


if __name__ == "__main__":
    main()
