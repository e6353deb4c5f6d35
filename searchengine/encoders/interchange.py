"""Whether two ways of running one model give one space (docs/decisions/0005-precision.md)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np

from searchengine.encoders.contract import Pixels
from searchengine.encoders.preprocess import Preprocess
from searchengine.encoders.tokenizers import Tokenizer
from searchengine.encoders.towers.contract import Rows, Tokens, Towers
from searchengine.ranks import recall_at, unit

SAMPLE: Final = 96
"""Pictures, and as many captions."""
COSINE: Final = 0.999
"""The least cosine of any vector to the same input's at fp32."""
OVERLAP: Final = 0.95
"""The least share of the ten nearest at fp32 that are found by the other way's vectors."""
_NEAREST: Final = 10


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far the vectors of one way of running a model are from those of another."""

    cosine: float
    """The least over all pictures and captions."""
    overlap: float
    """Mean share of the ten nearest, the worse of picture to picture and caption to picture."""

    @property
    def interchangeable(self) -> bool:
        """Whether the two may share a collection."""
        return self.cosine >= COSINE and self.overlap >= OVERLAP  # NaN is not

    @property
    def broken(self) -> bool:
        """Whether one of them gives no vector of some input."""
        return bool(np.isnan(self.cosine))

    def __str__(self) -> str:
        if self.broken:
            return "of some inputs it makes no vector"
        return f"cosine {self.cosine:.4f}, overlap {self.overlap:.2f}"


@dataclass(frozen=True, slots=True)
class Sample:
    """The pictures and captions of the bank, as one model takes them."""

    pixels: Pixels
    tokens: Tokens


def bank_sample(preprocess: Preprocess, tokenizer: Tokenizer) -> Sample:
    """Return the fixed sample: ``SAMPLE`` drawn pictures and ``SAMPLE`` captions. Draws for 1 s."""
    from searchengine.bank import bank_captions, bank_pictures

    captions = bank_captions()
    pixels = np.stack([preprocess(picture) for picture in islice(bank_pictures(), SAMPLE)])
    return Sample(pixels, tokenizer(captions[:: len(captions) // SAMPLE][:SAMPLE]))


def encode_sample(towers: Towers, sample: Sample) -> tuple[Rows, Rows]:
    """Return the rows of the sample's pictures and captions."""
    return towers.images(sample.pixels), towers.texts(sample.tokens)


def compare_rows(expected: tuple[Rows, Rows], found: tuple[Rows, Rows]) -> Verdict:
    """Compare what ``encode_sample`` gave for two ways of running a model.

    Neighbours are sought as a shared collection would: asked by the other
    way's vectors, among the pictures encoded at fp32.
    """
    pairs = [_with_direction(a, b) for a, b in zip(expected, found, strict=True)]
    cosines = [(unit(a) * unit(b)).sum(axis=1).min() for a, b in pairs]
    overlaps = [recall_at(_NEAREST, a, b, pairs[0][0]) for a, b in pairs]
    return Verdict(float(np.min(cosines)), float(np.min(overlaps)))  # NaN wins, unlike in min()


def _with_direction(expected: Rows, found: Rows) -> tuple[Rows, Rows]:
    """Leave out what gives no vector at fp32, such as a language the model has no word of.

    All rows stay where none has one: NaN is interchangeable with nothing.
    """
    lengths = np.linalg.norm(expected.astype(np.float64), axis=1)
    sound = np.isfinite(lengths) & (lengths > 0)
    return (expected[sound], found[sound]) if sound.any() else (expected, found)
