"""Operators on 8-bit and 4-bit integers that onnxruntime's quantiser writes."""


def cases(random):
    yield from ()
