"""What a question is made of: words, pictures, indexed items, vectors, each with a weight."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchengine.errors import QueryError

if TYPE_CHECKING:
    from searchengine.records import Modality

MAX_WORDS_BYTES = 65_536
"""The longest text a term may be, in bytes of UTF-8; every model reads far less of it."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a text describes. Raises ``QueryError`` for one that is empty or beyond bounds."""

    text: str

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise QueryError("the query is empty", hint="say in words what to look for")
        size = len(self.text.encode("utf-8", "replace"))
        if size > MAX_WORDS_BYTES:
            raise QueryError(
                f"the text of the query has {size:,} bytes; {MAX_WORDS_BYTES:,} is the limit",
                hint="say it in a sentence or two: models read some dozens of words",
            )


@dataclass(frozen=True, slots=True)
class Picture:
    """What is like a picture, given by its bytes. ``origin`` names it in messages."""

    data: bytes
    origin: str


@dataclass(frozen=True, slots=True)
class PictureAt:
    """What is like the picture at a path, a URL or ``@-`` (standard input), read when asked."""

    place: str


@dataclass(frozen=True, slots=True)
class Known:
    """What is like this indexed item; its stored vector is used, no model is needed."""

    id: str


@dataclass(frozen=True, slots=True)
class RawVector:
    """What is near a vector of the corpus's own space. It is brought to unit length."""

    values: tuple[float, ...]
    kind: Modality = "image"
    """Whether an image or a text gave it: the two lie apart."""

    def __post_init__(self) -> None:
        if not self.values or not all(map(math.isfinite, self.values)):
            raise QueryError("a vector must hold finite numbers, and at least one")
        if not any(self.values):
            raise QueryError("a vector of zeros has no direction to search in")


@dataclass(frozen=True, slots=True)
class VectorAt:
    """A ``RawVector`` in a file: ``.npy``, or a JSON list."""

    place: str


What = Words | Picture | PictureAt | Known | RawVector | VectorAt
WHAT = (Words, Picture, PictureAt, Known, RawVector, VectorAt)


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a question. A negative weight takes its part away."""

    what: What
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.weight):
            raise QueryError(f"{self.weight} is no weight", hint="give a finite number")


def check_terms(terms: tuple[Term, ...]) -> None:
    """Raise ``QueryError`` unless the terms together ask for something."""
    if not terms:
        raise QueryError("the query is empty", hint="say in words what to look for")
    if all(term.weight == 0 for term in terms):
        raise QueryError("all weights are 0: nothing is asked for")
    if all(term.weight <= 0 for term in terms):
        raise QueryError(
            "the query only takes away",
            hint="say what to look for as well, before what to leave out: beach - people",
        )
