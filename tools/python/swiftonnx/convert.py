"""Values of Python as the types of inputs."""

import numpy as np

_DTYPES = {
    "float": np.float32,
    "double": np.float64,
    "float16": np.float16,
    "bool": np.bool_,
    "string": np.object_,
    "complex64": np.complex64,
    "complex128": np.complex128,
    **{
        f"{sign}int{bits}": np.dtype(f"{sign}int{bits}")
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
}


def convert(value, type_name):
    """Arrays, lists, dicts, None and tuples of one, as `_native` takes them for that type.

    Numbers and nested lists of them become arrays of the input's dtype; other arrays stay as they are.
    """
    kind, _, rest = type_name.partition("(")
    inner = rest[:-1]
    if kind == "tensor":
        return _tensor(value, inner)
    if kind == "seq":
        if not isinstance(value, (list, tuple)):
            raise TypeError(f"expected a list for {type_name}, got {type(value)}")
        return [convert(element, inner) for element in value]
    if kind == "map":
        if not isinstance(value, dict):
            raise TypeError(f"expected a dict for {type_name}, got {type(value)}")
        values = inner.partition(",")[2]
        return {key: convert(element, values) for key, element in value.items()}
    if kind == "optional":
        return None if value is None else (convert(value, inner),)
    if kind == "sparse_tensor":
        return bytes(value)
    return np.asarray(value) if isinstance(value, (int, float, str)) else value


def _tensor(value, element):
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "__dlpack__") and not isinstance(value, np.generic):
        return value
    if value is None:
        raise TypeError("expected an array, got None")
    if isinstance(value, (list, tuple, int, float, complex, bool, str, np.generic)):
        return np.asarray(value, dtype=_DTYPES.get(element))
    try:
        return np.asarray(memoryview(value))
    except TypeError:
        raise TypeError(f"expected an array, got {type(value)}") from None
