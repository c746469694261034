"""Seeded inputs of models: `normal(deviation, *shape)`, `uniform(low, high, *shape)`,
`integers(low, high, *shape)` (`high` is excluded), `ones(*shape)` and `number(value)`, a scalar.
Each gives a function from a random generator and an element type to an array."""

import fnmatch
import zlib

import numpy as np
import onnx


def normal(deviation, *shape):
    return lambda random, dtype: random.normal(0, deviation, shape).astype(dtype)


def uniform(low, high, *shape):
    return lambda random, dtype: random.uniform(low, high, shape).astype(dtype)


def integers(low, high, *shape):
    return lambda random, dtype: random.integers(low, high, shape).astype(dtype)


def ones(*shape):
    return lambda random, dtype: np.ones(shape, dtype)


def number(value):
    return lambda random, dtype: np.array(value, dtype)


def graph_inputs(model):
    """The inputs of a model's graph that have no initializer, in their order."""
    held = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in held]


def match(name, table):
    """The entry of the first pattern that matches a name, or None."""
    return next((entry for pattern, entry in table.items() if fnmatch.fnmatch(name, pattern)), None)


def fill(model, table, seed):
    """The inputs of a model by name, drawn from a generator that the text `seed` selects."""
    random = np.random.default_rng(zlib.crc32(seed.encode()))
    values = {}
    for value in graph_inputs(model):
        draw = match(value.name, table)
        if draw is None:
            raise KeyError(f"no shape for the input {value.name}")
        dtype = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        values[value.name] = draw(random, dtype)
    return values
