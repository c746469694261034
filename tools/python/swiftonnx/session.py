"""Sessions over the C functions."""

import ctypes

from swiftonnx import library


class Error(RuntimeError):
    """An error that the library reports."""


class Session:
    """A model ready to run. Several threads may use it at once."""

    def __init__(self, model, folder=None, threads=0):
        """`model` is a serialised ModelProto, `folder` the folder of its external data."""
        self._library = library.load()
        path = None if folder is None else str(folder).encode()
        self._session = self._library.onnx_load(model, len(model), path, threads)
        if not self._session:
            raise Error(self._last_error())

    def run(self, inputs):
        """Runs the model on `(name, kind, message bytes)` tuples; returns outputs likewise."""
        names = [name.encode() for name, _, _ in inputs]
        # `names` and `inputs` keep the memory that the array points to alive.
        array = (library.Value * len(inputs))(
            *(
                library.Value(name, kind, ctypes.cast(data, ctypes.c_void_p), len(data))
                for name, (_, kind, data) in zip(names, inputs, strict=True)
            )
        )
        outputs = ctypes.POINTER(library.Value)()
        count = ctypes.c_size_t()
        status = self._library.onnx_run(
            self._session, array, len(inputs), ctypes.byref(outputs), ctypes.byref(count)
        )
        if status != 0:
            raise Error(self._last_error())
        try:
            return [
                (value.name.decode(), value.kind, ctypes.string_at(value.data, value.size))
                for value in outputs[: count.value]
            ]
        finally:
            self._library.onnx_free_values(outputs)

    def _last_error(self):
        return self._library.onnx_last_error().decode()

    def __del__(self):
        if getattr(self, "_session", None):
            self._library.onnx_free(self._session)
            self._session = None
