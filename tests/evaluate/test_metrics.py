"""Every metric against trec_eval, by its Python binding, and by hand where it says nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from searchengine.evaluate import metrics
from searchengine.store.ranking import TopK

pytrec_eval = pytest.importorskip("pytrec_eval", reason="no wheel of pytrec-eval-terrier here")

KS = (1, 2, 3, 5, 10)
EXACT = 1e-9
NAMES = {
    "map": "map",
    "ndcg": "ndcg",
    "recip_rank": "mrr",
    **{f"success_{k}": f"success@{k}" for k in KS},
    **{f"recall_{k}": f"recall@{k}" for k in KS},
    **{f"P_{k}": f"precision@{k}" for k in KS},
    **{f"map_cut_{k}": f"map@{k}" for k in KS},
    **{f"ndcg_cut_{k}": f"ndcg@{k}" for k in KS},
}
CUTS = ",".join(map(str, KS))
MEASURES = {
    "map",
    "ndcg",
    "recip_rank",
    *(f"{name}.{CUTS}" for name in ("success", "recall", "P", "map_cut", "ndcg_cut")),
}


def by_trec_eval(
    run: dict[str, dict[str, float]], wanted: dict[str, set[str]]
) -> dict[str, dict[str, float]]:
    judged = {query: dict.fromkeys(ids, 1) for query, ids in wanted.items()}
    return pytrec_eval.RelevanceEvaluator(judged, MEASURES).evaluate(run)  # type: ignore[no-any-return]


def assert_agree(values: dict[str, np.ndarray], theirs: dict[str, dict[str, float]]) -> None:
    queries = sorted(theirs)
    for name, ours in NAMES.items():
        expected = [theirs[query][name] for query in queries]
        np.testing.assert_allclose(values[ours], expected, rtol=0, atol=EXACT, err_msg=ours)


@st.composite
def judged_rankings(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Rankings, some shorter than the gallery, with right items found and not found."""
    queries, depth = draw(st.integers(1, 6)), draw(st.integers(1, 25))
    rows = st.lists(st.booleans(), min_size=depth, max_size=depth)
    right = np.array([draw(rows) for _ in range(queries)], bool)
    missed = np.array([draw(st.integers(0, 20)) for _ in range(queries)], np.int64)
    return right, np.maximum(right.sum(axis=1) + missed, 1)


@settings(max_examples=300, deadline=None)
@given(judged_rankings())
def test_agrees_with_trec_eval(judged: tuple[np.ndarray, np.ndarray]) -> None:
    right, total = judged
    run, wanted = {}, {}
    for query, (row, count) in enumerate(zip(right, total, strict=True)):
        name = f"q{query:02d}"
        run[name] = {f"d{place:03d}": float(-place) for place in range(len(row))}
        wanted[name] = {f"d{place:03d}" for place in np.flatnonzero(row)}
        wanted[name] |= {f"missed{n}" for n in range(count - len(wanted[name]))}
    assert_agree(metrics.measure(right, total, KS), by_trec_eval(run, wanted))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(1, 4))
def test_ties_are_decided_by_id(seed: int, items: int, levels: int) -> None:
    """trec_eval breaks ties by the greater name first, so it is given the names turned round."""
    rng = np.random.default_rng(seed)
    ids = [f"{n:04d}" for n in rng.permutation(items)]
    # One-dimensional vectors: the score of an item is its own number, and few numbers tie often.
    scores = rng.integers(-levels, levels + 1, items) / (levels + 1)
    best = TopK(np.ones((1, 1), np.float32), items)
    half = items // 2
    for part in (slice(0, half), slice(half, items)):
        best.add(ids[part], scores[part, None].astype(np.float32))
    order = [hit.id for hit in best.found()[0]]
    wanted = {one for one in ids if rng.random() < 0.3} or {ids[0]}

    right = np.array([[one in wanted for one in order]])
    turned = {one: f"{9999 - int(one):04d}" for one in ids}
    run = {"q": {turned[one]: float(score) for one, score in zip(ids, scores, strict=True)}}
    theirs = by_trec_eval(run, {"q": {turned[one] for one in wanted}})
    assert_agree(metrics.measure(right, np.array([len(wanted)]), KS), theirs)
    assert order == sorted(ids, key=lambda one: (-scores[ids.index(one)], one))


def test_rank_of_the_first_right_hit() -> None:
    right = np.array([[0, 0, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0]], bool)
    assert metrics.first_rank(right).tolist() == [3, 1, np.inf]
    assert metrics.first_rank(right[:, :0]).tolist() == [np.inf] * 3


def test_means_and_the_median_rank() -> None:
    right = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]], bool)
    summary = metrics.summarise(metrics.measure(right, np.array([1, 1, 1]), [1, 2]))
    assert summary["success@1"] == summary["recall@1"] == pytest.approx(1 / 3)
    assert summary["success@2"] == pytest.approx(2 / 3)
    assert summary["mrr"] == pytest.approx((1 / 2 + 1 + 1 / 3) / 3)
    assert summary["median_rank"] == 2
    assert "rank" not in summary


def test_median_rank_between_two_and_beyond_the_end() -> None:
    two = np.array([[1, 0, 0, 0], [0, 0, 0, 1]], bool)
    ones = np.array([1, 1])
    assert metrics.summarise(metrics.measure(two, ones, [1]))["median_rank"] == 2.5
    assert metrics.summarise(metrics.measure(two[:, :3], ones, [1]))["median_rank"] is None


def test_success_is_any_and_recall_is_all() -> None:
    right = np.array([[1, 0, 1, 0]], bool)
    total = np.array([4])
    assert metrics.success(right, 1).tolist() == [1]
    assert metrics.recall(right, total, 1).tolist() == [0.25]
    assert metrics.recall(right, total, 3).tolist() == [0.5]
    assert metrics.precision(right, 8).tolist() == [0.25]


@pytest.mark.parametrize(
    ("right", "total", "k", "message"),
    [
        ([[1, 0]], [1], 0, "at least 1"),
        ([[0, 0]], [0], 1, "query 0 found 0 of 0"),
        ([[1, 0], [1, 1]], [1, 1], 1, "query 1 found 2 of 1"),
        ([[1, 0]], [1, 1], 1, "do not belong together"),
    ],
)
def test_what_cannot_be_is_refused(right: list, total: list, k: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        metrics.measure(np.array(right, bool), np.array(total), [k])


def test_no_queries_have_no_mean() -> None:
    values = metrics.measure(np.empty((0, 3), bool), np.empty(0, np.int64), [1])
    with pytest.raises(ValueError, match="no queries"):
        metrics.summarise(values)
