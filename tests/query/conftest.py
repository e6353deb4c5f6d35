"""A corpus of drawn vectors with metadata, on each backend, to ask questions to."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing

import numpy as np
import numpy.typing as npt
import pytest

from searchengine.encoders.fake import FakeEncoder
from searchengine.query.engine import SearchEngine
from searchengine.query.terms import RawVector
from searchengine.records import Item, Modality, Side
from searchengine.store import open_store
from searchengine.store.contract import Row, SideSpec
from tests.store.cases import drop_quietly, make_item, unit
from tests.store.conftest import address_of, backend

__all__ = ["address_of", "backend"]

ITEMS = 600
KINDS = 8
POOL = 200
CAMERAS = ("Canon", "Nikon", None)


class Asked:
    """An engine over a corpus, and all that the corpus holds, to compare with."""

    def __init__(self, engine: SearchEngine, rows: dict[Modality, list[Row]]) -> None:
        self.engine = engine
        self.rows = rows

    def vector(self, seed: int) -> RawVector:
        """A query near one of the clusters."""
        rng = np.random.default_rng(seed)
        centre = self.rows["image"][int(rng.integers(ITEMS))].vector
        return RawVector(tuple(unit(centre + 0.1 * rng.normal(size=len(centre))).tolist()))

    def exact(
        self,
        query: RawVector,
        keep: Callable[[Item], bool] = lambda _: True,
        modality: Modality = "image",
    ) -> list[str]:
        """The ids of all items that pass, best first, by comparing everything."""
        vector = np.asarray(query.values, np.float32)
        kept = [row for row in self.rows[modality] if keep(row.item)]
        scores = [round(float(row.vector @ vector), 6) for row in kept]
        pairs = zip(scores, kept, strict=True)
        return [row.item.id for _, row in sorted(pairs, key=lambda p: (-p[0], p[1].item.id))]


def rows_of(modality: Modality, seed: int) -> list[Row]:
    """Clusters of unit vectors; one item in ten is the exact copy of another."""
    rng = np.random.default_rng(seed)
    centres = unit(rng.normal(size=(KINDS, 32)))
    kinds = rng.integers(KINDS, size=ITEMS)
    vectors: npt.NDArray[np.float32] = unit(centres[kinds] + 0.15 * rng.normal(size=(ITEMS, 32)))
    vectors[::10] = vectors[1::10]
    hashes = np.arange(ITEMS)
    hashes[::10] = hashes[1::10]
    start = {"image": 0, "text": ITEMS}[modality]
    return [
        Row(
            make_item(
                start + n,
                modality=modality,
                content_hash=f"{start + hashes[n]:032x}",
                width=100 + n % 7,
                folder=f"/f{n % 5}",
                camera=CAMERAS[n % 3],
                taken_at=None if n % 11 == 0 else f"20{10 + n % 14}-0{1 + n % 9}-15T12:00:00",
                caption=f"kind {kinds[n]} number {n}",
                meta={"rating": n % 5, "kind": f"k{kinds[n]}"},
            ),
            vector,
        )
        for n, vector in enumerate(vectors)
    ]


@pytest.fixture(scope="session")
def asked(backend: str, address_of: Callable[[str], str]) -> Iterator[Asked]:
    """The same corpus, images and texts, on each backend in turn."""
    encoder = FakeEncoder()
    corpus = f"questions {uuid.uuid4().hex}"
    rows = {modality: rows_of(modality, seed) for seed, modality in enumerate(("image", "text"))}
    with closing(open_store(address_of(backend))) as store:
        for modality, some in rows.items():
            side = Side(corpus, modality)
            store.ensure(SideSpec(side, "fake", encoder.fingerprint, encoder.dim))
            store.upsert(side, some)
            store.settle(side)
        yield Asked(SearchEngine(store, lambda _: encoder, corpus=corpus, pool=POOL), rows)
        drop_quietly(store, corpus)
