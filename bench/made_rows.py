"""Rows that look like a photo collection's: clustered unit vectors, and items with all that a
camera writes. Made again chunk by chunk wherever they are needed, the same every time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from searchengine.identity import item_id
from searchengine.records import Item
from searchengine.store.contract import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from searchengine.encoders.contract import Vectors

CHUNK = 10_000
_SPREADS = (0.7, 2.0)
"""How far items lie from their cluster's centre, where the centre's own components deviate by 1."""
_CAMERAS = ("Canon EOS R6", "NIKON Z 6_2", "Apple iPhone 15 Pro", "SONY ILCE-7M4")
_WORDS = (
    *("a", "the", "on", "in", "beside", "under", "with", "dog", "cat", "child", "woman", "man"),
    *("runs", "sits", "sleeps", "plays", "beach", "grass", "snow", "street", "table", "ball"),
    *("red", "blue", "green", "old", "small", "large", "morning", "evening", "hat", "bicycle"),
)


class Mixture:
    """Vectors around 1,000 centres: few clusters are large and many small, tight and loose ones."""

    def __init__(self, items: int, dim: int, clusters: int = 1_000) -> None:
        rng = np.random.default_rng(dim)
        self.items = items
        self._centres = rng.normal(size=(clusters, dim)).astype(np.float32)
        self._spreads = rng.uniform(*_SPREADS, clusters).astype(np.float32)
        shares = 1 / np.sqrt(np.arange(1, clusters + 1))
        self._shares = shares / shares.sum()

    def chunks(self, first: int = 0) -> Iterator[tuple[int, Vectors]]:
        """Yield from ``first`` (a multiple of ``CHUNK``) the number of a chunk's first item, and
        its vectors, float32 (n, dim)."""
        for start in range(first, self.items, CHUNK):
            yield start, self._around(start, min(CHUNK, self.items - start))

    def fresh(self, count: int, lot: int = 0) -> Vectors:
        """Return queries of the same kind that are no items, float32 (count, dim)."""
        return self._around(2**40 + lot, count)

    def _around(self, seed: int, count: int) -> Vectors:
        rng = np.random.default_rng((seed, 7))
        mine = rng.choice(len(self._centres), count, p=self._shares)
        noise = rng.standard_normal((count, self._centres.shape[1]), dtype=np.float32)
        vectors = self._centres[mine] + self._spreads[mine, None] * noise
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def rows_of(vectors: Vectors, first: int) -> list[Row]:
    """Return rows of those vectors, the items numbered from ``first``."""
    return [Row(item_of(number), vector) for number, vector in enumerate(vectors, first)]


def uri_of(number: int) -> str:
    """Return what an item is called."""
    return f"file:///home/someone/Pictures/{2000 + number % 25}/IMG_{number:07d}.jpg"


def item_of(number: int) -> Item:
    """Return an item as indexing a photo with a caption makes it."""
    uri = uri_of(number)
    rng = np.random.default_rng(number)
    words = [_WORDS[one] for one in rng.integers(0, len(_WORDS), 10)]
    taken = datetime(2000 + number % 25, 1, 1) + timedelta(seconds=int(rng.integers(0, 3e7)))
    return Item(
        id=item_id(uri),
        uri=uri,
        modality="image",
        revision=f"{number:x}",
        content_hash=item_id(f"content {number}"),
        size=50_000 + number % 90_000,
        mtime_ns=1_700_000_000_000_000_000 + number,
        mime="image/jpeg",
        width=4032,
        height=3024,
        caption=" ".join(words),
        taken_at=f"{taken.isoformat()}+02:00",
        camera=_CAMERAS[number % len(_CAMERAS)],
        lens="24-70mm F2.8",
        latitude=float(rng.uniform(-60, 70)),
        longitude=float(rng.uniform(-180, 180)),
        folder=f"/home/someone/Pictures/{2000 + number % 25}",
        meta={"rating": number % 6},
    )
