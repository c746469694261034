"""Sessions with the interface of onnxruntime's."""

import json
import os
import warnings

import numpy as np

from swiftonnx import _native
from swiftonnx.convert import convert
from swiftonnx.errors import InvalidArgument
from swiftonnx.options import SessionOptions

PROVIDER = "CPUExecutionProvider"


class NodeArg:
    """An input or output: `name`, `type` such as `tensor(float)`, and `shape`.

    A size is an integer, a name, or None; the shape is empty for a scalar and where it is unknown.
    """

    def __init__(self, info):
        self.name = info["name"]
        self.type = info["type"]
        self.shape = info.get("shape", [])

    def __repr__(self):
        return f"NodeArg(name={self.name!r}, type={self.type!r}, shape={self.shape!r})"


class ModelMetadata:
    """What the file says about the model."""

    def __init__(self, model):
        self.producer_name = model["producer_name"]
        self.graph_name = model["graph_name"]
        self.domain = model["domain"]
        self.description = model["description"]
        self.graph_description = model["graph_description"]
        self.version = model["version"]
        self.custom_metadata_map = model["metadata"]


class InferenceSession(_native.Session):
    """A model ready to run. Any number of threads may run it at once, without the interpreter's lock.

    `path_or_bytes` is a path, the bytes of a model, or an object with `SerializeToString`.
    """

    def __init__(
        self,
        path_or_bytes,
        sess_options=None,
        providers=None,
        provider_options=None,
        *,
        external_data_folder=None,
    ):
        _check_providers(providers, provider_options)
        options = SessionOptions() if sess_options is None else sess_options
        if not isinstance(options, SessionOptions):
            raise TypeError(f"expected swiftonnx.SessionOptions, got {type(options)}")
        if isinstance(path_or_bytes, (str, os.PathLike)):
            if external_data_folder is not None:
                raise ValueError("external data is found beside the model's file")
            text = self._load_file(path_or_bytes, options._words())
        else:
            text = self._load(
                serialized(path_or_bytes), folder_text(external_data_folder), options._words()
            )
        self._options = options
        self._describe(text)

    @classmethod
    def _trained(cls, trainer):
        session = cls.__new__(cls)
        text = session._load_trained(trainer)
        session._options = SessionOptions()
        session._describe(text)
        return session

    def _describe(self, text):
        self._info = json.loads(text)
        required = [NodeArg(info) for info in self._info["inputs"]]
        optional = [NodeArg(info) for info in self._info["optional_inputs"]]
        self._inputs, self._optional = required, optional
        self._outputs = [NodeArg(info) for info in self._info["outputs"]]
        self._set_names(
            tuple((arg.name, arg.type.startswith("tensor(")) for arg in required + optional),
            tuple((arg.name, True) for arg in self._outputs),
        )

    def get_inputs(self):
        """The inputs that every run needs."""
        return list(self._inputs)

    def get_overridable_initializers(self):
        """Inputs that have a value in the model, which a run may replace."""
        return list(self._optional)

    def get_outputs(self):
        """The outputs."""
        return list(self._outputs)

    def get_modelmeta(self):
        """What the file says about the model."""
        return ModelMetadata(self._info["model"])

    def get_providers(self):
        """`["CPUExecutionProvider"]`."""
        return [PROVIDER]

    def get_provider_options(self):
        """No options."""
        return {PROVIDER: {}}

    def get_session_options(self):
        """The options of the session."""
        return self._options

    def bind(self, inputs, outputs=None):
        """Binds the session to fixed arrays, for many runs that allocate nothing.

        `inputs` is a dict of arrays by name: every run reads what they hold then. `outputs` names the
        outputs that are wanted, by default all: a list of names, or a dict of arrays to write to, or of
        None for arrays that the session makes. Returns a `BoundSession`: `run()` returns the output
        arrays, which are always the same ones.
        """
        known = [arg.name for arg in self._inputs + self._optional]
        made = [arg.name for arg in self._outputs]
        if outputs is None:
            outputs = made
        if not isinstance(outputs, dict):
            outputs = dict.fromkeys(outputs)
        for name in [*inputs, *outputs]:
            names = known if name in inputs else made
            if name not in names:
                raise InvalidArgument(f"the model has no {name!r}{did_you_mean(name, names)}")
        for name in known[: len(self._inputs)]:
            if name not in inputs:
                raise InvalidArgument(f"input {name!r} is missing")
        if not outputs:
            raise InvalidArgument("expected at least one output to bind")
        order = [name for name in made if name in outputs]
        bound = self._bind(
            tuple(inputs.get(name) for name in known),
            tuple(
                None if name not in outputs else True if outputs[name] is None else outputs[name]
                for name in made
            ),
        )
        return bound if list(outputs) == order else _Reordered(bound, [order.index(n) for n in outputs])

    def _convert(self, index, value):
        """A value as the module `_native` takes it; called for inputs that are not plain arrays."""
        arg = (self._inputs + self._optional)[index]
        try:
            return convert(value, arg.type)
        except (TypeError, ValueError) as error:
            raise InvalidArgument(f"input {arg.name!r}: {error}") from error


class _Reordered:
    """A bound session whose outputs were asked for in another order than the model's."""

    def __init__(self, bound, order):
        self._bound = bound
        self.outputs = tuple(bound.outputs[index] for index in order)

    def run(self):
        """Runs the model and returns the tuple of output arrays."""
        self._bound.run()
        return self.outputs


def serialized(model):
    """The bytes of a model."""
    if hasattr(model, "SerializeToString"):
        return model.SerializeToString()
    if isinstance(model, (bytes, bytearray, memoryview, np.ndarray)):
        return model
    raise TypeError(f"expected a path or the bytes of a model, got {type(model)}")


def folder_text(folder):
    """A folder as text; None for none."""
    return None if folder is None else os.fspath(folder)


def did_you_mean(name, names):
    """The end of an error about an unknown name."""
    import difflib

    near = difflib.get_close_matches(str(name), names, 1, 0.5)
    if near:
        return f"; did you mean {near[0]!r}?"
    return "; it has " + ", ".join(repr(name) for name in names[:6]) if names else ""


def _check_providers(providers, provider_options):
    if provider_options and any(provider_options):
        raise ValueError("the CPU has no provider options here")
    for provider in providers or []:
        name = provider[0] if isinstance(provider, tuple) else provider
        if not isinstance(name, str) or not name.endswith("ExecutionProvider"):
            raise ValueError(f"{name!r} is not the name of a provider; there is {PROVIDER!r}")
        if name != PROVIDER:
            warnings.warn(f"models run on the CPU here, not on {name!r}", stacklevel=3)


def get_available_providers():
    """`["CPUExecutionProvider"]`."""
    return [PROVIDER]


get_all_providers = get_available_providers


def get_device():
    """`"CPU"`."""
    return "CPU"


def set_default_logger_severity(severity):
    """Has no effect: the library writes no log."""


def set_default_logger_verbosity(verbosity):
    """Has no effect: the library writes no log."""


