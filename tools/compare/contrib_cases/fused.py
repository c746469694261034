"""Activations, products and normalizations that onnxruntime's optimiser fuses."""

import numpy as np

from contrib_cases import Case, floats


def cases(random):
    for shape in [(3,), (2, 5), (2, 3, 4), (1, 0, 4)]:
        for type in [np.float32]:
            yield Case("BiasGelu", [floats(random, *shape, type=type), floats(random, shape[-1], type=type)])
