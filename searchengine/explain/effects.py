"""Which terms and words moved a score, by leaving each out of the query.

Nothing is known of the model or of how terms become one vector: the query is composed again
without the part in question, and the two scores are compared (leave-one-covariate-out; Robnik-
Sikonja and Kononenko, "Explaining classifications for individual instances", IEEE TKDE 2008).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from searchengine.errors import QueryError
from searchengine.explain.explanation import TermEffect, WordEffect
from searchengine.explain.words import MAX_UNITS, omissions, split_units, unit_moves

if TYPE_CHECKING:
    import numpy.typing as npt

    from searchengine.encoders.contract import Vectors
    from searchengine.records import Modality

    Vector = npt.NDArray[np.float32]
    """float32 (dim,), of unit length."""

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Part:
    """One term of a query, encoded."""

    label: str
    weight: float
    kind: Modality
    vector: Vector
    text: str | None = None
    """Its words, if it is a text that the encoder was given."""


Compose = Callable[[Sequence[Part]], "Vector"]
"""From encoded terms to the query's unit vector; raises ``QueryError`` where there is none."""
EncodeTexts = Callable[[Sequence[str]], "Vectors"]
"""n texts to float32 (n, dim), as a query's texts are encoded."""


def term_effects(
    parts: Sequence[Part], item: Vector, compose: Compose, encode: EncodeTexts
) -> tuple[float, tuple[TermEffect, ...]]:
    """Return the item's score for the composed query, and what each term did to it.

    ``item`` is the item's vector, float32 (dim,). ``encode`` is asked once for each text term,
    in batches. Raises ``QueryError`` for a query that cannot be composed.
    """
    score = _cosine(compose(parts), item)
    effects = []
    for place, part in enumerate(parts):
        without = _score([*parts[:place], *parts[place + 1 :]], item, compose)
        words, cut = _word_effects(parts, place, score, without, item, compose, encode)
        effects.append(
            TermEffect(
                label=part.label,
                kind=part.kind,
                weight=part.weight,
                cosine=_cosine(part.vector, item),
                without=without,
                moved=None if without is None else score - without,
                words=words,
                words_cut=cut,
            )
        )
    return score, tuple(effects)


def _word_effects(
    parts: Sequence[Part],
    place: int,
    score: float,
    without: float | None,
    item: Vector,
    compose: Compose,
    encode: EncodeTexts,
) -> tuple[tuple[WordEffect, ...], int]:
    """Return what each word of one term did, and how many words were not looked at."""
    part = parts[place]
    if part.text is None:
        return (), 0
    units = split_units(part.text)
    looked_at = units[:MAX_UNITS]
    left = omissions(part.text, looked_at)
    drops = []
    for start in range(0, len(left), _BATCH):
        for vector in encode([one.text for one in left[start : start + _BATCH]]):
            changed = [*parts[:place], replace(part, vector=vector), *parts[place + 1 :]]
            drops.append(score - _cosine(compose(changed), item))
    moves = unit_moves(len(looked_at), left, np.array(drops))
    alone = None if without is None else score - without  # a term of one word is that word
    words = tuple(
        WordEffect(part.text[unit.start : unit.end], unit.start, alone if move is None else move)
        for unit, move in zip(looked_at, moves, strict=True)
    )
    return words, len(units) - len(looked_at)


def _score(parts: Sequence[Part], item: Vector, compose: Compose) -> float | None:
    """Return the item's score, ``None`` where what is left is no query."""
    if not any(part.weight > 0 for part in parts):
        return None
    try:
        return _cosine(compose(parts), item)
    except QueryError:  # what is left cancels out
        return None


def _cosine(one: Vector, other: Vector) -> float:
    return float(one.astype(np.float64) @ other.astype(np.float64))
