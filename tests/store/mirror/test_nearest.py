"""The nearest rows are the exact ones, whichever way they were compared."""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt
import pytest

from searchengine.store.mirror import nearest as module
from searchengine.store.mirror.chunk import Chunk
from searchengine.store.mirror.codes import Codes
from searchengine.store.mirror.nearest import nearest
from tests.store.cases import unit

COUNT, DIM = 40_000, 48
SHARES = (None, 0.5, 0.05, 0.0005)


def made(seed: int) -> npt.NDArray[np.float32]:
    """Clustered unit vectors with a common direction and one large component, as CLIP's are."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(300, DIM))
    vectors = centres[rng.integers(0, 300, COUNT)] + 0.6 * rng.normal(size=(COUNT, DIM)) + 0.5
    vectors[:, 7] += 8
    return unit(vectors)


@pytest.fixture(scope="module")
def chunk() -> Chunk:
    vectors = made(1)
    vectors[100:160] = vectors[99]  # many that tie
    return Chunk([f"{n:06}" for n in range(COUNT)], vectors, {})


@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("top", [1, 10, 300])
def test_the_nearest_are_exact(chunk: Chunk, coded: bool, share: float | None, top: int) -> None:
    chunk.codes = Codes(chunk.vectors) if coded else None
    chunk.passes = module._PASSES  # none are made on the way
    mask = None if share is None else np.random.default_rng(2).random(COUNT) < share
    queries = np.concatenate([made(5)[:3], chunk.vectors[99:100]])
    answers = nearest([(chunk, mask)], queries, top)
    truth = queries.astype(np.float64) @ chunk.vectors.T.astype(np.float64)
    if mask is not None:
        truth[:, ~mask] = -np.inf
    for scores, near in zip(truth, answers, strict=True):
        there = int(np.isfinite(scores).sum())
        least = np.sort(scores)[-min(top, there)]
        expected = set(np.flatnonzero(scores >= max(least, -2)).tolist())
        assert expected <= {one.place for one in near}
        for one in near:
            assert one.score == pytest.approx(scores[one.place], abs=1e-12)


def test_rounding_is_off_by_no_more_than_it_says(chunk: Chunk) -> None:
    codes = Codes(chunk.vectors)
    asked = made(6)[:20]
    for query in asked:
        found = codes.candidates(query, 10, None)
        assert found is not None
        assert len(found) < COUNT / 20  # few are left to compare
        scores = chunk.vectors @ query
        assert set(np.argsort(-scores)[:10].tolist()) <= set(found.tolist())


def test_a_query_that_rounding_cannot_settle_is_compared_with_all(chunk: Chunk) -> None:
    """All rows alike: no number of candidates would do."""
    same = Chunk(chunk.ids, np.repeat(chunk.vectors[:1], COUNT, axis=0), {})
    codes = Codes(same.vectors)
    assert codes.candidates(chunk.vectors[0], 10, None) is None
    same.codes = codes
    [near] = nearest([(same, None)], chunk.vectors[:1], 10)
    assert len(near) == COUNT


def test_many_searches_have_the_vectors_rounded(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = Chunk([f"{n:06}" for n in range(COUNT)], made(9), {})
    query = made(10)[:1]
    asked: list[Chunk] = []
    begun = threading.Event()

    def encode(chunk: Chunk) -> None:
        asked.append(chunk)
        begun.set()

    monkeypatch.setattr(module, "_encode", encode)
    for _ in range(3 * module._PASSES):
        nearest([(fresh, None)], query, 5)
    assert begun.wait(60)
    assert asked == [fresh]  # once
    monkeypatch.undo()
    module._encode(fresh)
    assert fresh.codes is not None
    before = fresh.passes
    nearest([(fresh, None)], query, 5)
    assert fresh.passes == before


def test_chunks_are_answered_together() -> None:
    vectors = made(11)
    parts = [
        (Chunk([str(n) for n in range(a, b)], vectors[a:b], {}), None)
        for a, b in ((0, 5), (5, 20_000), (20_000, 20_001), (20_001, COUNT))
    ]
    queries = made(12)[:40]
    answers = nearest(parts, queries, 7)
    starts = [0, 5, 20_000, 20_001]
    for query, near in zip(queries, answers, strict=True):
        best = np.argsort(-(vectors @ query))[:7].tolist()
        found = sorted(near, key=lambda one: -one.score)[:7]
        assert {starts[one.chunk] + one.place for one in found} == set(best)


def test_nothing_there() -> None:
    chunk = Chunk(["a"], made(1)[:1], {})
    assert nearest([], made(2)[:2], 3) == [[], []]
    assert nearest([(chunk, np.zeros(1, bool))], made(2)[:2], 3) == [[], []]
