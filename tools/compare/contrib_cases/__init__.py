"""Cases of the operators of onnxruntime, for tools/compare/contrib_operators.py: one module a family."""

import dataclasses

import numpy as np


@dataclasses.dataclass
class Case:
    """A model of one node with its inputs.

    inputs: arrays by position; None leaves an input out. `constants` lists the positions that are
    initializers instead of inputs of the graph. `outputs` is the number of outputs that the node
    names; 0 as an entry of `outputs` as a list leaves that output out. `tolerance` is in units of the
    largest expected number, besides one unit for integers if `step` is set. `types` declares the
    element types of outputs, by position, that do not follow from the inputs.
    `shared` gives outputs the memory of inputs, which some kernels of onnxruntime need.
    """

    operator: str
    inputs: list
    attributes: dict = dataclasses.field(default_factory=dict)
    outputs: int | list = 1
    constants: tuple = ()
    domain: str = "com.microsoft"
    opset: int = 21
    tolerance: float = 1e-5
    step: int = 0
    types: dict = dataclasses.field(default_factory=dict)
    shared: dict = dataclasses.field(default_factory=dict)


def floats(random, *shape, type=np.float32, scale=1.0):
    """Normally distributed numbers."""
    return (random.standard_normal(shape) * scale).astype(type)
