"""The models of the latency and start tables, written to a folder once.

PyTorch modules are exported at opset 17 with fixed shapes. The light models come from the onnx
package, which stores each weight as a node that fills a shape with one value; the `random_` models
are the same networks with random weights.
"""

import pathlib
import shutil
import sys
import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx.backend.test.loader import DATA_DIR

sys.path.append(str(pathlib.Path(__file__).parents[1] / "generate"))

STEPS = 100
LIGHT = ["bvlc_alexnet", "zfnet512", "vgg19", "inception_v1", "inception_v2", "resnet50",
         "squeezenet", "densenet121", "shufflenet"]


def exports():
    """{name: function that returns the module and its inputs}"""
    import torch
    from torch import nn

    import bench_training
    import modules

    class Sequence(nn.Module):
        """A recurrent layer that returns its outputs only, not its final states."""

        def __init__(self, layer):
            super().__init__()
            self.layer = layer

        def forward(self, x):
            return self.layer(x)[0]

    class Characters(nn.Module):
        """Returns the logits of the next character and the new states."""

        def __init__(self, characters=96, embedding=256, hidden=512):
            super().__init__()
            self.embedding = nn.Embedding(characters, embedding)
            self.layer = nn.LSTM(embedding, hidden, 2)
            self.output = nn.Linear(hidden, characters)

        def forward(self, tokens, h, c):
            y, (h, c) = self.layer(self.embedding(tokens), (h, c))
            return self.output(y), h, c

    def lenet5(batch):
        return modules.LeNet5(), torch.rand(batch, 1, 32, 32)

    def sequence(kind, batch, size=128, hidden=256, steps=STEPS, **options):
        return Sequence(kind(size, hidden, **options)), torch.randn(steps, batch, size)

    rows = {f"lenet5_b{batch}": lambda batch=batch: lenet5(batch) for batch in (1, 64)}
    for batch in 1, 32:
        for kind in nn.RNN, nn.LSTM, nn.GRU:
            rows[f"{kind.__name__.lower()}_b{batch}"] = (
                lambda kind=kind, batch=batch: sequence(kind, batch))
    rows["bilstm2_b1"] = lambda: sequence(nn.LSTM, 1, num_layers=2, bidirectional=True)
    rows["charlm_b1"] = lambda: (
        Characters(), torch.randint(96, (1, 1)), torch.zeros(2, 1, 512), torch.zeros(2, 1, 512))
    rows["lstm_1024_b1"] = lambda: sequence(nn.LSTM, 1, 512, 1024, 50)
    rows["textcnn_b1"] = lambda: (bench_training.TextCNN(), torch.randint(20000, (1, 60)))
    return rows


EXPORTS = ["lenet5_b1", "lenet5_b64", "rnn_b1", "lstm_b1", "gru_b1", "rnn_b32", "lstm_b32",
           "gru_b32", "bilstm2_b1", "charlm_b1", "lstm_1024_b1", "textcnn_b1"]
ROWS = EXPORTS + [f"light_{name}" for name in LIGHT]


def export(name, path):
    import torch

    import export_models

    torch.manual_seed(0)
    module, *inputs = exports()[name]()
    warnings.simplefilter("ignore")
    with export_models.silence():
        torch.onnx.export(
            module.eval(), tuple(inputs), path, dynamo=False, opset_version=17,
            input_names=["x", "h", "c"][:len(inputs)],
            output_names=["y", "h_out", "c_out"][:len(inputs)])


def model(name, folder):
    """The path of a row's model; `random_X` is `light_X` with random weights."""
    path = pathlib.Path(folder) / f"{name}.onnx"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    if name.startswith("light_"):
        shutil.copyfile(pathlib.Path(DATA_DIR) / "light" / path.name, part)
    elif name.startswith("random_"):
        import random_light
        kind = name.removeprefix("random_")
        light = pathlib.Path(DATA_DIR) / "light" / f"light_{kind}.onnx"
        onnx.save(random_light.random_model(light, LIGHT.index(kind))[0], part)
    elif name == "identity":
        onnx.save(identity(), part)
    else:
        export(name, part)
    part.rename(path)
    return path


def identity():
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "identity", [x], [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


def inputs(path, seed=0):
    """{name: array} for the inputs without initializers: noise, or small integers."""
    graph = onnx.load(path, load_external_data=False).graph
    weights = {tensor.name for tensor in graph.initializer}
    random = np.random.default_rng(seed)
    values = {}
    for info in graph.input:
        if info.name in weights:
            continue
        kind = info.type.tensor_type
        shape = [size.dim_value or 1 for size in kind.shape.dim]
        dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
        values[info.name] = (random.normal(size=shape) if dtype.kind == "f"
                             else random.integers(0, 90, shape)).astype(dtype)
    return values
