"""Several terms become one vector."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from searchengine.errors import QueryError
from searchengine.query.compose import (
    NEGATIVE_SHARE,
    SAMPLE_LEAST,
    SPREAD_POWER,
    compose,
    effective_weights,
)

DIM = 24


@dataclass(frozen=True)
class Part:
    weight: float
    vector: npt.NDArray[np.float32]


def unit(values: npt.ArrayLike) -> npt.NDArray[np.float32]:
    row = np.asarray(values, np.float64)
    return np.asarray(row / np.linalg.norm(row), np.float32)


def units(count: int, seed: int) -> npt.NDArray[np.float32]:
    return np.stack([unit(row) for row in np.random.default_rng(seed).normal(size=(count, DIM))])


def parts(weights: list[float], seed: int = 1) -> list[Part]:
    return [Part(w, v) for w, v in zip(weights, units(len(weights), seed), strict=True)]


def gapped(count: int, share: float, at: int, seed: int) -> npt.NDArray[np.float32]:
    """Vectors that share a constant part of that length along one axis of their own."""
    rows = np.random.default_rng(seed).normal(size=(count, DIM))
    rows[:, :4] = 0
    rows *= math.sqrt(1 - share**2) / np.linalg.norm(rows, axis=1, keepdims=True)
    rows[:, at] = share
    return np.asarray(rows, np.float32)


SAMPLE = units(200, 99)


@pytest.mark.parametrize("sample", [None, SAMPLE])
@pytest.mark.parametrize("weight", [1.0, 0.01, 1e300, 5e-324])
def test_one_positive_term_is_its_own_vector(
    weight: float, sample: npt.NDArray[np.float32] | None
) -> None:
    (term,) = parts([weight])
    found = compose([term], sample)
    assert found.dtype == np.float32
    assert (found == term.vector).all()
    found[0] = 7  # and a copy of it
    assert term.vector[0] != 7


def test_terms_of_weight_zero_do_not_count() -> None:
    first, second, third = parts([1.0, 0.0, 0.5])
    assert (compose([first, second, third], SAMPLE) == compose([first, third], SAMPLE)).all()
    assert (compose([second, first], SAMPLE) == first.vector).all()


def test_a_vector_that_is_not_unit_is_brought_to_unit_length() -> None:
    found = compose([Part(2.0, 3 * SAMPLE[0])], None)
    assert found == pytest.approx(SAMPLE[0], abs=1e-6)


@given(
    st.lists(st.floats(-1e9, 1e9).filter(lambda w: abs(w) > 1e-6), min_size=2, max_size=5).filter(
        lambda ws: max(ws) > 0
    ),
    st.integers(0, 50),
    st.sampled_from([1e-9, 0.5, 3.0, 1e9, 1e200]),
)
def test_unit_finite_and_only_ratios_count(weights: list[float], seed: int, factor: float) -> None:
    terms = parts(weights, seed)
    found = compose(terms, SAMPLE)
    assert found.shape == (DIM,)
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-6)
    scaled = compose([Part(factor * t.weight, t.vector) for t in terms], SAMPLE)
    assert scaled == pytest.approx(found, abs=1e-5)
    backwards = compose(terms[::-1], SAMPLE)
    assert backwards == pytest.approx(found, abs=1e-5)


def test_a_huge_weight_drowns_the_others() -> None:
    terms = parts([1e9, 1.0])
    assert compose(terms, SAMPLE) @ terms[0].vector == pytest.approx(1, abs=1e-6)


def test_every_term_has_nearly_the_same_say_over_the_sample() -> None:
    """A text cone so narrow that in a plain sum the picture decides alone."""
    items = gapped(300, 0.5, at=0, seed=2)
    terms = [
        Part(1.0, gapped(1, 0.5, at=0, seed=3)[0]),
        Part(1.0, gapped(1, 0.97, at=1, seed=4)[0]),
    ]
    spreads = np.array([(items @ term.vector).std() for term in terms])
    assert spreads[1] < 0.4 * spreads[0]
    says = spreads * effective_weights(terms, items)
    assert says[1] / says[0] == pytest.approx((spreads[1] / spreads[0]) ** (1 - SPREAD_POWER))
    assert says[1] > 0.7 * says[0]
    says = spreads * effective_weights(terms, None)
    assert says[1] < 0.4 * says[0]


@pytest.mark.parametrize("share", [0.8, 0.9, 0.97])
def test_the_width_of_the_gap_reorders_little(share: float) -> None:
    """The same texts, pushed ever further from the images: a plain sum forgets them."""
    items = gapped(300, 0.4, at=0, seed=5)
    picture = Part(1.0, gapped(1, 0.4, at=0, seed=6)[0])
    near = Part(1.0, gapped(1, 0.1, at=1, seed=7)[0])
    far = Part(1.0, gapped(1, share, at=1, seed=7)[0])

    def moved(sample: npt.NDArray[np.float32] | None) -> float:
        places = [
            (-(items @ compose([picture, text], sample))).argsort().argsort()
            for text in (near, far)
        ]
        return float(np.abs(places[0] - places[1]).mean())

    assert moved(items) < 0.4 * moved(None)


def test_a_negative_term_lowers_what_it_describes() -> None:
    wanted, unwanted = parts([1.0, -1.0])
    both = unit(wanted.vector + unwanted.vector)
    found = compose([wanted, unwanted], SAMPLE)
    assert found @ unwanted.vector < wanted.vector @ unwanted.vector
    assert found @ both < wanted.vector @ both
    found = effective_weights([wanted, unwanted], None)
    assert found[1] / found[0] == pytest.approx(-NEGATIVE_SHARE)


def test_effective_weights_make_the_same_vector() -> None:
    terms = parts([1.0, -0.5, 0.0, 2.0])
    weights = effective_weights(terms, SAMPLE)
    assert weights[2] == 0
    summed = sum(w * t.vector for w, t in zip(weights, terms, strict=True))
    assert summed == pytest.approx(compose(terms, SAMPLE), abs=1e-6)


def test_small_sides_count_weights_as_given() -> None:
    terms = parts([1.0, 2.0])
    plain = unit(terms[0].vector + 2 * terms[1].vector)
    assert compose(terms, SAMPLE[: SAMPLE_LEAST - 1]) == pytest.approx(plain, abs=1e-6)
    assert compose(terms, None) == pytest.approx(plain, abs=1e-6)
    assert np.abs(compose(terms, SAMPLE[:SAMPLE_LEAST]) - plain).max() > 1e-3


def test_a_side_of_one_picture_many_times_has_no_spread_and_still_an_answer() -> None:
    terms = parts([1.0, 2.0])
    same = np.repeat(SAMPLE[:1], 50, axis=0)
    plain = unit(terms[0].vector + 2 * terms[1].vector)
    assert compose(terms, same) == pytest.approx(plain, abs=1e-6)


def test_a_term_the_side_knows_nothing_of_is_not_blown_up() -> None:
    items = gapped(100, 0.5, at=0, seed=8)
    known = Part(1.0, gapped(1, 0.5, at=0, seed=9)[0])
    unknown = Part(1.0, unit(np.eye(DIM)[2] + 1e-7 * np.ones(DIM)))
    weights = effective_weights([known, unknown], items)
    assert weights[1] / weights[0] < 100


@pytest.mark.parametrize("weight", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("function", [compose, effective_weights])
def test_weights_that_are_no_numbers_are_refused(function, weight: float) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(QueryError, match="is no weight"):
        function(parts([1.0, weight]), SAMPLE)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([], "empty"),
        ([0.0], "all weights are 0"),
        ([0.0, -0.0], "all weights are 0"),
        ([-1.0], "only takes away"),
        ([-1.0, -2.0, 0.0], "only takes away"),
    ],
)
@pytest.mark.parametrize("function", [compose, effective_weights])
def test_what_asks_for_nothing_is_refused(function, weights: list[float], message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(QueryError, match=message) as caught:
        function(parts(weights) if weights else [], SAMPLE)
    assert caught.value.hint


@pytest.mark.parametrize("sample", [None, SAMPLE])
def test_terms_that_cancel_are_refused(sample: npt.NDArray[np.float32] | None) -> None:
    vector, other = units(2, 3)
    with pytest.raises(QueryError, match="cancel"):
        compose([Part(1.0, vector), Part(-1.0, vector)], sample)
    with pytest.raises(QueryError, match="cancel"):
        compose([Part(3.0, vector), Part(-1.0, vector), Part(-2.0, vector)], sample)
    with pytest.raises(QueryError, match="cancel"):
        compose([Part(1.0, vector), Part(1.0, -vector)], sample)
    # What is taken away twice as strongly is a direction: away from it.
    assert compose([Part(1.0, vector), Part(-2.0, vector)], sample) @ vector < 0
    assert compose([Part(1.0, vector), Part(-1.0, other)], sample) @ vector > 0
