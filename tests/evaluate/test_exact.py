"""What comparing everything finds."""

from __future__ import annotations

import numpy as np

from searchengine.evaluate.exact import nearest, recalls, without
from searchengine.records import Side
from searchengine.store.contract import Found
from searchengine.store.memory import MemoryStore
from tests.store.cases import rows_of, spec_of, unit

SIDE = Side("exact", "image")


def test_nearest_are_those_of_a_full_comparison(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("searchengine.evaluate.exact._ROWS", 64)  # several lots
    store = MemoryStore()
    store.ensure(spec_of("exact"))
    rows = rows_of(300)
    store.upsert(SIDE, rows)
    vectors = np.stack([row.vector for row in rows])
    ids = [row.item.id for row in rows]
    strangers = unit(np.random.default_rng(9).normal(size=(5, vectors.shape[1])))
    queries = np.concatenate([vectors[:5], strangers])
    seen: list[int] = []
    found = nearest(store, SIDE, queries, 7, own=[*ids[:5], *[""] * 5], advance=seen.append)
    scores = queries @ vectors.T
    scores[np.arange(5), np.arange(5)] = -9
    for row, hits in zip(scores, found, strict=True):
        assert [hit.id for hit in hits] == [ids[n] for n in np.argsort(-row)[:7]]
    assert sum(seen) == 300
    assert len(seen) > 1
    assert [len(hits) for hits in nearest(store, SIDE, strangers, 400)] == [300] * 5


def hits(*scores: float) -> list[Found]:
    return [Found(str(place), score, {}) for place, score in enumerate(scores)]


def test_recall_counts_what_is_as_near_as_the_exact_last() -> None:
    exact = [hits(0.9, 0.8, 0.7), hits(0.9, 0.7, 0.7), hits(), hits(0.5)]
    answers = [hits(0.9, 0.7, 0.6), hits(0.9, 0.7, 0.7), hits(0.4), hits()]
    np.testing.assert_allclose(recalls(exact, answers), [2 / 3, 1, 1, 0])
    assert recalls([hits(0.9)], [hits(0.9, 0.9)]) == [1]


def test_a_query_is_left_out_of_its_own_answer() -> None:
    answer = [Found(one, 0.5, {}) for one in "abc"]
    assert [hit.id for hit in without([answer], ["b"], 2)[0]] == ["a", "c"]
    assert [hit.id for hit in without([answer], [""], 2)[0]] == ["a", "b"]
    assert [hit.id for hit in without([answer], None, 1)[0]] == ["a"]
