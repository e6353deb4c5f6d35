"""Recall against exact search, where it is known beforehand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from searchengine.evaluate.index_recall import index_recall
from searchengine.store.contract import Found
from searchengine.store.memory import MemoryStore
from tests.evaluate.corpora import DIM, ForgetfulStore, fill, item, unit


class Lossy(MemoryStore):
    """Leaves the hits in some places out."""

    lost: tuple[int, ...] = ()

    def search(self, *arguments, limit: int, **options) -> list[list[Found]]:  # type: ignore[no-untyped-def]
        longer = super().search(*arguments, limit=limit + len(self.lost), **options)
        return [[hit for at, hit in enumerate(hits) if at not in self.lost] for hits in longer]


@pytest.fixture
def vectors() -> np.ndarray:
    return unit(np.random.default_rng(1).standard_normal((60, DIM)))


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        ((), {1: 1.0, 2: 1.0, 10: 1.0}),
        ((0,), {1: 0.0, 2: 0.5, 10: 0.9}),
        ((1, 5, 6), {1: 1.0, 2: 0.5, 10: 0.7}),
        ((11,), {1: 1.0, 2: 1.0, 10: 1.0}),
    ],
)
def test_counts_what_is_lost(
    vectors: np.ndarray, lost: tuple[int, ...], expected: dict[int, float]
) -> None:
    store = Lossy()
    store.lost = lost
    info = fill(store, [item(f"/x/{n}.jpg") for n in range(60)], vectors)
    queries = unit(np.random.default_rng(2).standard_normal((7, DIM)))
    found = index_recall(store, info, "captions", queries, (1, 2, 10))
    assert found.queries == 7
    assert found.recall == pytest.approx(expected)


def test_a_query_is_left_out_of_its_own_answer(vectors: np.ndarray) -> None:
    store = Lossy()
    store.lost = (1,)
    items = [item(f"/x/{n}.jpg") for n in range(60)]
    info = fill(store, items, vectors)
    own = [one.id for one in items[:9]]
    found = index_recall(store, info, "images", vectors[:9], (1, 4), own=own)
    assert found.recall == pytest.approx({1: 0.0, 4: 0.75})


def test_what_ties_with_the_last_is_as_good() -> None:
    store = Lossy()
    store.lost = (0, 1)
    near, far = np.ones((1, DIM)), np.r_[[1.0], -np.ones(DIM - 1)][None]
    rows = unit(np.concatenate([np.repeat(near, 6, axis=0), np.repeat(far, 6, axis=0)]))
    info = fill(store, [item(f"/x/{n}.jpg") for n in range(12)], rows)
    found = index_recall(store, info, "captions", unit(near), (4, 5, 6))
    assert found.recall == pytest.approx({4: 1.0, 5: 0.8, 6: 4 / 6})


def test_fewer_items_than_asked_for(vectors: np.ndarray) -> None:
    store = ForgetfulStore()
    info = fill(store, [item(f"/x/{n}.jpg") for n in range(3)], vectors[:3])
    told: list[int] = []
    found = index_recall(store, info, "captions", vectors[9:11], (10,), advance=told.append)
    assert found.recall == pytest.approx({10: 2 / 3})
    assert told == [3]


class Rounding(MemoryStore):
    """Adds up in another order than exact search does: the last digit of a score differs."""

    def search(self, *arguments, **options) -> list[list[Found]]:  # type: ignore[no-untyped-def]
        found = super().search(*arguments, **options)
        return [[replace(hit, score=round(hit.score - 1e-6, 6)) for hit in hits] for hits in found]


def test_a_score_that_rounds_apart_is_not_lost(vectors: np.ndarray) -> None:
    store = Rounding()
    info = fill(store, [item(f"/x/{n}.jpg") for n in range(60)], vectors)
    found = index_recall(store, info, "captions", vectors[:40], (1, 5, 10))
    assert found.recall == {1: 1, 5: 1, 10: 1}
