"""From cosines to relevance: how far a pair stands out from ordinary captions and pictures.

A cosine means nothing by itself: 0.3 between a text and a photo is a good match with one model
and a bad one with another, and some items lie near every query. So a pair is compared with what
it would be if it were nothing special, on the item's side (the query stays what it is):

- *text and picture* (either may be the query). Let ``m`` be the mean cosine of the picture to
  the ordinary captions, and ``b`` the mean of the ten best of them, those that mean nearly the
  same as the text left out. What stands out is ``(cosine - b) / (b - m)``: 0 says "fits as well
  as the best ordinary captions do", -1 says "fits as any caption does". ``b`` is the neighbourhood
  mean of CSLS (Conneau et al. 2018, "Word translation without parallel data") on one side, which
  is also what nearest-neighbour normalisation takes off (Chowdhury et al. 2024); an inverted
  softmax (Smith et al. 2017) and the share of captions that fit worse measured lower.
- *picture and picture, text and text*. Let ``b`` be the mean of the five nearest background
  pictures (texts) of both, times ``NEIGHBOURHOOD``, and ``s`` the model's cosine for a picture and
  a worn copy of it (1 for texts). What stands out is ``(cosine - b) / (s - b)``: agreement beyond
  what is to be expected, as in Cohen's kappa (1960). 1 says "the same".

Both are free of a model's scale and offset. A logistic curve of two numbers for each turns them
into a probability (``mapping.json``, fitted by ``bench/relevance.py --fit``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from searchengine.query.relevance.background import Background
    from searchengine.records import Modality

Floats = npt.NDArray[np.float32]

DEFAULT_THRESHOLD: Final = 0.5
"""What is relevant enough where nobody says: one for all models, corpora and kinds of query."""
NEIGHBOURHOOD: Final = 0.85
"""How much of the neighbourhood's level is expected of any pair: 1 took too much from pictures
whose world the background shares."""

CLOSEST: Final = 0.2
"""The least ``s - b``: a model that hardly tells copies from neighbours is not to be overread."""

MAPPING_FILE: Final = Path(__file__).with_name("mapping.json")

_SYNONYMS: Final = 10
"""Captions left out because they mean nearly what the text does: the text is no background to
itself."""
_BEST: Final = 10
_NEAREST: Final = 5
_LEAST: Final = 1e-3
"""A background closer together than this tells nothing; it keeps divisions finite."""
_STEEPEST: Final = 60.0
_DECIMALS: Final = 5
_CHUNK: Final = 512
"""Items judged at once: their products with the bank take 2 MB."""


@dataclass(frozen=True, slots=True)
class Curve:
    """``1 / (1 + exp(-(slope * standing_out + offset)))``."""

    slope: float
    offset: float

    def logit(self, standing_out: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Return the log of the odds, unbounded."""
        return self.slope * standing_out + self.offset


@cache
def load_curves() -> tuple[Curve, Curve]:
    """Return the curves for a text and a picture, and for two of a kind."""
    stored = json.loads(MAPPING_FILE.read_text(encoding="utf-8"))
    return Curve(**stored["cross"]), Curve(**stored["same"])


def relevance_of(
    background: Background,
    query: Floats,
    kinds: Sequence[Modality],
    items: Floats,
    modality: Modality,
) -> Floats:
    """Return the relevance of n items to a query, float32 (n,), 0 to 1.

    ``query`` is float32 (dim,) of unit length; ``kinds`` are those of its terms
    that add (a query of a text and a picture is judged as both, and the odds
    are averaged); ``items`` are float32 (n, dim), unit rows, all of one
    ``modality``. An item's relevance does not depend on the others.

    0.5 and above reads "relevant": measured over several collections and models
    together, where relevant and irrelevant items, and queries with and without an
    answer, are equally likely. Raises ``ValueError`` without kinds.
    """
    if not kinds:
        raise ValueError("a query has at least one term that adds")
    logits = [
        _logits(background, query, kinds, items[start : start + _CHUNK], modality)
        for start in range(0, max(1, len(items)), _CHUNK)
    ]
    bounded = np.clip(np.concatenate(logits), -_STEEPEST, _STEEPEST)
    # Products of matrices of other sizes differ in their last bits; an item's number should not.
    return np.round(1 / (1 + np.exp(-bounded)), _DECIMALS).astype(np.float32)


def _logits(
    background: Background,
    query: Floats,
    kinds: Sequence[Modality],
    items: Floats,
    modality: Modality,
) -> npt.NDArray[np.float64]:
    cross, same = load_curves()
    logits = np.zeros(len(items), np.float64)
    for kind in sorted(set(kinds)):
        share = sum(one == kind for one in kinds) / len(kinds)
        if kind == modality:
            logits += share * same.logit(alike(background, query, items, kind))
        else:
            logits += share * cross.logit(described(background, query, items, modality))
    return logits


def described(background: Background, query: Floats, items: Floats, modality: Modality) -> Floats:
    """Return how far each text-picture pair stands out, (n,). ``modality`` is the items'."""
    bank = background.texts
    if modality == "image":
        # The query beside the items: the bank goes through the processor's caches once.
        at_query, *_ = at_bank = np.concatenate([query[None], items]) @ bank.T
        synonyms = np.argpartition(at_query, -_SYNONYMS)[-_SYNONYMS:]
        ordinary = at_bank[1:]
        rest = ordinary.sum(axis=1) - ordinary[:, synonyms].sum(axis=1)
        middle = rest / (len(bank) - _SYNONYMS)
        ordinary[:, synonyms] = -1.0
        best = _mean_of_best(ordinary, _BEST)
    else:
        at_query = bank @ query
        synonyms = np.argpartition(items @ bank.T, -_SYNONYMS, axis=1)[:, -_SYNONYMS:]
        ordinary = np.repeat(at_query[None], len(items), axis=0)
        middle = (at_query.sum() - at_query[synonyms].sum(axis=1)) / (len(bank) - _SYNONYMS)
        np.put_along_axis(ordinary, synonyms, -1.0, axis=1)
        best = _mean_of_best(ordinary, _BEST)
    return np.asarray((items @ query - best) / np.maximum(best - middle, _LEAST), np.float32)


def alike(background: Background, query: Floats, items: Floats, kind: Modality) -> Floats:
    """Return how far each pair of one kind agrees beyond what is to be expected, (n,)."""
    bank, skipped, same = background.pictures, 0, background.sameness
    if kind == "text":
        # The bank holds many texts: the query itself, or its like, may be one of them.
        bank, skipped, same = background.texts, _SYNONYMS, 1.0
    at_items = _mean_of_best(items @ bank.T, _NEAREST, skipped)
    at_query = _mean_of_best((bank @ query)[None], _NEAREST, skipped)
    expected = NEIGHBOURHOOD * (at_items + at_query) / 2
    return np.asarray((items @ query - expected) / np.maximum(same - expected, CLOSEST), np.float32)


def _mean_of_best(scores: Floats, count: int, skipped: int = 0) -> Floats:
    """Return the mean of each row's greatest ``count`` numbers after the first ``skipped``."""
    top = count + skipped
    best = np.partition(scores, -top, axis=1)[:, -top:]
    if skipped:
        best = np.partition(best, count, axis=1)[:, :count]
    return np.asarray(best.mean(axis=1))
