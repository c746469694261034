"""Runs and trains ONNX models.

The names are those of onnxruntime: `import swiftonnx as ort` runs a script that was written for it.

    session = swiftonnx.InferenceSession("model.onnx")
    (y,) = session.run(None, {"x": x})

`InferenceSession.bind` runs a model in the memory of fixed arrays, `Trainer` and `train` train one, and
`swiftonnx.backend` is the standard's backend interface.
"""

from importlib import metadata

from swiftonnx.errors import (
    Busy,
    Error,
    Fail,
    InvalidArgument,
    InvalidGraph,
    NoSuchFile,
    NotImplemented,  # noqa: A004
    OutOfMemory,
)
from swiftonnx.options import (
    ExecutionMode,
    ExecutionOrder,
    GraphOptimizationLevel,
    RunOptions,
    SessionOptions,
)
from swiftonnx.session import (
    InferenceSession,
    ModelMetadata,
    NodeArg,
    get_all_providers,
    get_available_providers,
    get_device,
    set_default_logger_severity,
    set_default_logger_verbosity,
)
from swiftonnx.training import StepResult, Trainer, train

__version__ = metadata.version("swiftonnx")

__all__ = [
    "Busy",
    "Error",
    "ExecutionMode",
    "ExecutionOrder",
    "Fail",
    "GraphOptimizationLevel",
    "InferenceSession",
    "InvalidArgument",
    "InvalidGraph",
    "ModelMetadata",
    "NoSuchFile",
    "NodeArg",
    "NotImplemented",
    "OutOfMemory",
    "RunOptions",
    "SessionOptions",
    "StepResult",
    "Trainer",
    "get_all_providers",
    "get_available_providers",
    "get_device",
    "set_default_logger_severity",
    "set_default_logger_verbosity",
    "train",
]
