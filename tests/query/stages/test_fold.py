from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from searchengine.errors import QueryError
from searchengine.query.pool import Candidate
from searchengine.query.stages.fold import CENTRED_THRESHOLD, fold
from tests.query.stages.candidates import candidate, frozen, ids, pools, unit


def turned(degrees: float) -> np.ndarray:
    return unit(math.cos(math.radians(degrees)), math.sin(math.radians(degrees)))


def test_near_vectors_fold_into_the_best_ranked() -> None:
    pool = [
        candidate(name, vector=turned(angle))
        for name, angle in zip("abcd", (0, 5, 90, 92), strict=True)
    ]
    kept = fold(pool, threshold=math.cos(math.radians(6)))
    assert [(one.id, one.folded) for one in kept] == [("a", ("b",)), ("c", ("d",))]


def test_a_chain_does_not_end_as_one() -> None:
    pool = [candidate(str(n), vector=turned(5 * n)) for n in range(4)]
    kept = fold(pool, threshold=math.cos(math.radians(6)))
    assert [(one.id, one.folded) for one in kept] == [("0", ("1",)), ("2", ("3",))]


def test_into_the_nearest_of_two_leaders() -> None:
    pool = [candidate(n, vector=turned(a)) for n, a in (("a", 0), ("b", 20), ("c", 12))]
    kept = fold(pool, threshold=math.cos(math.radians(15)))
    assert [one.folded for one in kept] == [(), ("c",)]


def test_equal_content_needs_no_vectors() -> None:
    pool = [
        candidate("a", content_hash="1"),
        candidate("b", content_hash="2"),
        candidate("c", content_hash="1"),
        candidate("d", content_hash=None),
        candidate("e", content_hash=None),
        candidate("f"),
    ]
    kept = fold(pool, threshold=None)
    assert ids(kept) == ["a", "b", "d", "e", "f"]
    assert kept[0].folded == ("c",)


def test_content_of_a_folded_one_counts_too() -> None:
    pool = [
        candidate("a", content_hash="1", vector=turned(0)),
        candidate("b", content_hash="2", vector=turned(1)),
        candidate("c", content_hash="2", vector=turned(90)),
    ]
    assert fold(pool, threshold=0.99)[0].folded == ("b", "c")


def test_images_and_texts_do_not_fold_into_each_other() -> None:
    both = [
        candidate("a", vector=turned(0), content_hash="1"),
        candidate("b", vector=turned(0), content_hash="1", modality="text"),
    ]
    assert ids(fold(both)) == ["a", "b"]


def test_what_had_been_folded_before_is_handed_on() -> None:
    pool = [candidate(n, vector=turned(a)) for n, a in (("a", 0), ("b", 4), ("c", 8))]
    finer = fold(pool, threshold=math.cos(math.radians(5)))
    assert fold(finer, threshold=0.5)[0].folded == ("b", "c")


def test_the_threshold_itself_folds() -> None:
    same = [candidate("a", vector=turned(10)), candidate("b", vector=turned(10))]
    assert ids(fold(same, threshold=1.0)) == ["a"]


def test_in_a_narrow_space_the_centre_tells_strangers_apart() -> None:
    # Three strangers and a copy of the first, all pushed towards one common direction.
    common = np.array([0, 0, 0, 5.0])
    alone = [unit(1, 0, 0, 0), unit(0, 1, 0, 0), unit(0, 0, 1, 0), unit(1, 0.05, 0, 0)]
    pool = [candidate(str(at), vector=unit(*(one + common))) for at, one in enumerate(alone)]
    assert len(fold(pool)) == 1
    centre = np.mean([one.vector for one in pool[:3]], axis=0)
    kept = fold(pool, threshold=CENTRED_THRESHOLD, centre=centre)
    assert [(one.id, one.folded) for one in kept] == [("0", ("3",)), ("1", ()), ("2", ())]
    assert kept[1] is not pool[1]
    assert kept[1].vector is pool[1].vector


def test_one_at_the_centre_itself_is_kept() -> None:
    pool = [candidate("a", vector=unit(1, 0)), candidate("b", vector=unit(1, 0))]
    assert ids(fold(pool, centre=unit(1, 0))) == ["a", "b"]
    with pytest.raises(QueryError, match="centre has shape"):
        fold(pool, centre=unit(1, 0, 0))


@pytest.mark.parametrize("threshold", [-0.1, 1.1, math.nan])
def test_bad_threshold(threshold: float) -> None:
    with pytest.raises(QueryError, match="0 to 1"):
        fold([], threshold=threshold)


def test_missing_vector() -> None:
    with pytest.raises(QueryError, match="candidate b has none"):
        fold([candidate("a", vector=turned(0)), candidate("b")])


@settings(deadline=None)
@given(pools(), st.sampled_from([0.5, 0.9, 1.0, None]))
def test_every_candidate_is_kept_or_folded_once(
    pool: list[Candidate], threshold: float | None
) -> None:
    before = frozen(pool)
    kept = fold(pool, threshold=threshold)
    assert frozen(pool) == before
    assert frozen(fold(pool, threshold=threshold)) == frozen(kept)
    places = {one.id: place for place, one in enumerate(pool)}
    assert [places[one.id] for one in kept] == sorted(places[one.id] for one in kept)
    assert sorted(ids(kept) + [name for one in kept for name in one.folded]) == sorted(ids(pool))
    for one in kept:
        assert all(places[one.id] < places[name] for name in one.folded)
        assert all(pool[places[name]].modality == one.modality for name in one.folded)
    if threshold is not None:  # no two of those kept are near each other
        for at, one in enumerate(kept):
            for other in kept[:at]:
                assert one.vector is not None
                assert other.vector is not None
                near = round(float(one.vector @ other.vector), 6) >= threshold
                assert one.modality != other.modality or not near


@settings(deadline=None)
@given(pools(), st.integers(0, 12))
def test_a_longer_pool_only_adds_behind(pool: list[Candidate], cut: int) -> None:
    shorter, whole = ids(fold(pool[:cut])), ids(fold(pool))
    assert whole[: len(shorter)] == shorter
