"""Search under a filter finds what exact search finds, whatever the database's index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from searchengine.records import Side
from searchengine.store import open_store
from searchengine.store.contract import Row, Store
from searchengine.store.filters import Compare, Filter
from tests.store.cases import allow_all, drop_quietly, make_item, spec_of, unit

CORPUS = "recall"
SIDE = Side(CORPUS, "image")
COUNT, DIM, QUERIES, TOP = 10_000, 64, 40, 10
PROFILES = ("FLAT", "HNSW", "IVF_FLAT", "IVF_SQ8")
PASSING = (1.0, 0.5, 0.1, 0.08, 0.01, 0.001)


@dataclass(frozen=True)
class World:
    """Clustered vectors, as encoders make them, and numbers that have nothing to do with them."""

    vectors: npt.NDArray[np.float32]
    queries: npt.NDArray[np.float32]
    numbers: npt.NDArray[np.int64]
    ids: list[str]

    def best(self, passing: npt.NDArray[np.bool_]) -> list[set[str]]:
        """Return the exact answer to each query among those that pass."""
        scores = np.where(passing, self.queries @ self.vectors.T, -9)
        top = np.argsort(-scores, axis=1)[:, : min(TOP, int(passing.sum()))]
        return [{self.ids[n] for n in row} for row in top.tolist()]


def make_world() -> tuple[World, list[Row]]:
    rng = np.random.default_rng(11)
    centres = rng.normal(size=(100, DIM))

    def around(count: int) -> npt.NDArray[np.float32]:
        return unit(centres[rng.integers(0, 100, count)] + 0.7 * rng.normal(size=(count, DIM)))

    vectors, queries = around(COUNT), around(QUERIES)
    numbers = rng.permutation(COUNT)
    items = [
        make_item(n, size=int(number), meta={"k": int(number)}) for n, number in enumerate(numbers)
    ]
    rows = [Row(item, vector) for item, vector in zip(items, vectors, strict=True)]
    return World(vectors, queries, numbers, [item.id for item in items]), rows


@pytest.fixture(scope="module", params=["lite", "server"])
def filled(
    request: pytest.FixtureRequest, address_of: Callable[[str], str]
) -> Iterator[tuple[Store, World]]:
    """A store with the clustered vectors in it, settled."""
    store = allow_all(open_store(address_of(request.param), mirror_mb=0))
    drop_quietly(store, CORPUS)
    store.ensure(spec_of(CORPUS, dim=DIM, profile="flat"))
    world, rows = make_world()
    store.upsert(SIDE, rows)
    yield store, world
    drop_quietly(store, CORPUS)
    store.close()


@pytest.mark.parametrize("profile", PROFILES)
def test_recall(filled: tuple[Store, World], profile: str) -> None:
    store, world = filled
    assert store.reindex(SIDE, profile.lower()).index == profile
    report = []
    for passing in PASSING:
        least = round(COUNT * passing)
        expected = world.best(world.numbers < least)
        filters: list[Filter | None] = [Compare("size", "<", least)]
        if passing == 1.0:
            filters = [None]
        elif passing < 0.1:
            filters.append(Compare("meta.k", "<", least))  # exact on a server, not on Lite
        for where in filters:
            answers = store.search(SIDE, world.queries, limit=TOP, where=where)
            found = [{hit.id for hit in hits} for hits in answers]
            recall = np.mean([len(f & e) / len(e) for f, e in zip(found, expected, strict=True)])
            report.append((passing, str(where), round(float(recall), 4)))
            assert all(len(hits) == min(TOP, least) for hits in answers), report
    assert min(recall for _, _, recall in report) >= 0.99, report


@pytest.mark.parametrize("count", [76, 600])
def test_small_corpora_are_searched_exactly(
    address_of: Callable[[str], str], corpus_name: str, count: int
) -> None:
    """An inverted index over a few hundred items must not miss what plain comparison finds."""
    store = open_store(address_of("lite"), mirror_mb=0)
    side = Side(corpus_name, "image")
    _, rows = make_world()
    rows = rows[:count]
    vectors = np.stack([row.vector for row in rows])
    queries = vectors[::6]
    expected = np.argsort(-(queries @ vectors.T), axis=1)[:, :TOP]
    store.ensure(spec_of(corpus_name, dim=DIM, profile="IVF_FLAT"))
    store.upsert(side, rows)
    for profile in ("IVF_FLAT", "IVF_SQ8", "HNSW", "HNSW_SQ"):
        store.reindex(side, profile)
        store.settle(side)
        answers = store.search(side, queries, limit=TOP)
        overlap = [
            len({hit.id for hit in hits} & {rows[n].item.id for n in best})
            for hits, best in zip(answers, expected.tolist(), strict=True)
        ]
        assert np.mean(overlap) >= 0.999 * TOP, profile
    store.drop(corpus_name)
    store.close()
