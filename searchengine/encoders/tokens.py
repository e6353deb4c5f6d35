"""Texts to tokens with a model's own tokenizer, however long or odd the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from searchengine.encoders.towers.contract import Tokens

_CHARACTERS_A_TOKEN = 16
"""First guess at how much text fills a context; English needs about five."""


def tokenize(tokenizer: Any, texts: Sequence[str], context_length: int) -> Tokens:
    """Return the int64 array (n, context_length) that the tokenizer gives for the texts.

    Tokenizers read a text to its end although they keep only its beginning,
    in time that is quadratic in the longest word. So no more of it is handed
    over than decides the tokens kept.
    """
    tokens = tokenizer(
        [_beginning(tokenizer, _encodable(text), context_length) for text in texts],
        context_length=context_length,
    )
    return np.asarray(tokens, dtype=np.int64)


def _beginning(tokenizer: Any, text: str, context_length: int) -> str:
    """Cut a long text where the cut cannot change the first ``context_length`` tokens.

    A prefix is long enough when it fills twice the context: then the word or
    entity that the cut has split is a whole context away from the tokens kept.
    """
    length = _CHARACTERS_A_TOKEN * context_length
    if len(text) <= length:
        return text
    double = 2 * context_length
    padding = tokenizer([""], context_length=double)[0, -1]
    while length < len(text):
        if tokenizer([text[:length]], context_length=double)[0, -1] != padding:
            return text[:length]
        length *= 2  # blanks, entities and the like: they take room and give no tokens
    return text


def _encodable(text: str) -> str:
    """Replace lone surrogates (undecodable bytes of a file name): no tokenizer takes them."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
