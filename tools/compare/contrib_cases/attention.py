"""Attention and what surrounds it in transformers."""


def cases(random):
    yield from ()
