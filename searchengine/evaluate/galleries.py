"""What is searched in an evaluation, and where the vectors of its queries come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from searchengine.errors import NotFoundError
from searchengine.store.ranking import TopK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from searchengine.encoders.contract import Encoder, Vectors
    from searchengine.store.contract import SideInfo, Store

_TEXTS_A_PASS = 64


class Gallery(Protocol):
    """What is searched: things with ids, ranked for a query."""

    @property
    def size(self) -> int:
        """How many things there are."""

    @property
    def exact(self) -> bool:
        """Whether every one of them is compared, so that a longer answer only adds to its end."""

    def search(self, vectors: Vectors, limit: int) -> list[list[str]]:
        """Return for each of n vectors (n, dim) the nearest ids, best first, ties by id."""


@dataclass(frozen=True, slots=True)
class SideGallery:
    """One side of a corpus, asked through the store and its index, as a user's query is."""

    store: Store
    info: SideInfo

    @property
    def size(self) -> int:
        """Items on the side."""
        return self.info.count

    @property
    def exact(self) -> bool:
        """Whether the index is none."""
        return self.info.index == "FLAT"

    def search(self, vectors: Vectors, limit: int) -> list[list[str]]:
        """Return for each of n vectors (n, dim) the nearest ids, best first, ties by id."""
        found = self.store.search(self.info.side, vectors, limit=limit)
        return [[hit.id for hit in hits] for hits in found]


@dataclass(frozen=True, slots=True)
class TextGallery:
    """Texts that are in no database: each is its own id, and all are compared."""

    texts: tuple[str, ...]
    vectors: Vectors
    """Theirs, float32 (texts, dim)."""

    @property
    def size(self) -> int:
        """How many texts there are."""
        return len(self.texts)

    @property
    def exact(self) -> bool:
        """They all are compared."""
        return True

    def search(self, vectors: Vectors, limit: int) -> list[list[str]]:
        """Return for each of n vectors (n, dim) the nearest texts, best first, ties by text."""
        best = TopK(vectors, limit)
        best.add(self.texts, self.vectors)
        return [[hit.id for hit in hits] for hits in best.found()]


class TextVectors:
    """Encodes texts, each once. The encoder is loaded at the first, and takes no prompts."""

    def __init__(self, load_encoder: Callable[[], Encoder]) -> None:
        self._load_encoder = load_encoder
        self._known: dict[str, Vectors] = {}

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Return float32 (n, dim)."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            encoder = self._load_encoder()
            for at in range(0, len(new), _TEXTS_A_PASS):
                some = new[at : at + _TEXTS_A_PASS]
                self._known |= dict(zip(some, encoder.encode_texts(some), strict=True))
        return np.stack([self._known[text] for text in texts])


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """The vectors that a side already has: nothing is encoded again."""

    store: Store
    info: SideInfo

    def __call__(self, ids: Sequence[str]) -> Vectors:
        """Return float32 (n, dim). Raises ``NotFoundError`` for an item that has gone."""
        rows = self.store.fetch(self.info.side, ids, ("vector",))
        for one in ids:
            if one not in rows:
                raise NotFoundError(
                    f"item {one} was removed while it was to be asked for",
                    hint="evaluate when nothing is being indexed",
                )
        return np.stack([rows[one]["vector"] for one in ids])
