"""Writes the models blur and edges, a picture to try them on, and their outputs.

    python tools/models/make_filters.py --output models/
"""

import argparse
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

# BLUR averages the 5x5 neighbourhood of each pixel. EDGES holds two kernels, the differences from
# the right and the lower neighbour; the model takes the larger of their absolute values.
BLUR = np.full((1, 1, 5, 5), 1 / 25, np.float32)
EDGES = np.zeros((2, 1, 2, 2), np.float32)
EDGES[0, 0] = [[-1, 1], [0, 0]]
EDGES[1, 0] = [[-1, 0], [1, 0]]


def model(name, nodes, kernel):
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, "H", "W"])
    result = helper.make_tensor_value_info("result", TensorProto.FLOAT, ["N", 1, "H", "W"])
    graph = helper.make_graph(
        nodes, name, [image], [result], [numpy_helper.from_array(kernel, "kernel")])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def blur_model():
    conv = helper.make_node("Conv", ["image", "kernel"], ["result"], pads=[2, 2, 2, 2])
    return model("blur", [conv], BLUR)


def edges_model():
    nodes = [
        helper.make_node("Conv", ["image", "kernel"], ["differences"], pads=[0, 0, 1, 1]),
        helper.make_node("Abs", ["differences"], ["sizes"]),
        helper.make_node("ReduceMax", ["sizes"], ["result"], axes=[1]),
    ]
    return model("edges", nodes, EDGES)


def picture(size=96):
    y, x = np.mgrid[:size, :size]
    image = np.full((size, size), 40)
    image[12:52, 10:46] = 200
    image[(x - 62) ** 2 + (y - 58) ** 2 < 24**2] = 255
    image[(x - 62) ** 2 + (y - 58) ** 2 < 10**2] = 90
    image[abs(x + y - 150) < 4] = 140
    return image.astype(np.uint8)


def convolve(image, kernel, before, after):
    padded = np.pad(image, (before, after))
    h, w = kernel.shape
    rows, columns = image.shape
    return sum(
        kernel[i, j] * padded[i:i + rows, j:j + columns] for i in range(h) for j in range(w))


def save(path, values):
    Image.fromarray(np.clip(np.rint(values * 255), 0, 255).astype(np.uint8)).save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, required=True)
    folder = parser.parse_args().output
    onnx.save(blur_model(), folder / "blur.onnx")
    onnx.save(edges_model(), folder / "edges.onnx")
    pictures = folder / "pictures"
    pictures.mkdir(exist_ok=True)
    shapes = picture()
    Image.fromarray(shapes).save(pictures / "shapes.png")
    image = shapes / 255
    save(pictures / "shapes-blurred.png", convolve(image, BLUR[0, 0], 2, 2))
    save(pictures / "shapes-edges.png",
         np.maximum(*(np.abs(convolve(image, k[0], 0, 1)) for k in EDGES)))


if __name__ == "__main__":
    main()
