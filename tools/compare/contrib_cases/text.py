"""Texts and their tokens."""

import itertools

import numpy as np

from contrib_cases import Case

TEXTS = [
    "Hello World", "I love computer science !", "", "a", "a-a aa-aab", "ab, cd,,e ", "été là-bas",
    "abcab bb\naab 12 x1_y", "  ", "日本語 text"]
TOKENS = [
    ".", "a", "[a-z]+", "[a-zA-Z0-9_]+", r"\b[a-z]+\b", r"\b\w\w+\b", r"\w*", "a|ab|aba", "a(?:a|b)*?",
    "^a", "(?m)^a|b$", "$", r"\Ba|a\b", "(?i)A+", "[^ ]+", "[a-z]{1,3}", "é*", ".+", "(?s)b.*a", "x|"]
SEPARATORS = [
    [""], [" "], [" ", ","], [",", " "], ["a"], ["a", "b"], ["a", ""], ["", "a"], ["b*"], ["$"], ["^a"],
    ["-", "^a"], [r"\s+", "[,;!]"], ["é*"], ["[^a-z]+"], ["a|aa|ab"], ["a+?"], [r"\b"], ["x"]]


def cases(random):
    for rules in [[{"tokenexp": x} for x in TOKENS], [{"separators": x} for x in SEPARATORS]]:
        for rule, mark, least in itertools.product(rules, [0, 1], [1, 2, 3]):
            texts = TEXTS if mark else TEXTS[::-1]
            yield tokenizer(np.array(texts, object), rule, mark, least)
            yield tokenizer(np.array(texts, object).reshape(2, -1), rule, mark, least)
    for rule in [{"tokenexp": "a"}, {"separators": ["a"]}, {"tokenexp": "."}]:
        for shape in [(0,), (2, 0), (0, 2), (1, 1, 1), ()]:
            yield tokenizer(np.full(shape, "a", object), rule, 1, 1)
        yield tokenizer(np.array(["", ""], object), rule, 1, 1)
    for rule in [{"tokenexp": "b", "separators": ["a"]}, {"tokenexp": "b", "separators": [""]}, {},
                 {"tokenexp": ""}, {"tokenexp": "("}, {"separators": ["(?u)a"]}]:
        yield tokenizer(np.array(TEXTS, object), rule, 0, 1)
    for least in [0, -1, 100]:
        yield tokenizer(np.array(TEXTS, object), {"tokenexp": "[a-z]+"}, 0, least)


def tokenizer(texts, rule, mark, least):
    return Case("Tokenizer", [texts],
                {**rule, "mark": mark, "mincharnum": least, "pad_value": "#"})
