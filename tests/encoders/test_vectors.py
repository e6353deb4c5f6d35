from __future__ import annotations

import numpy as np
import pytest

from searchengine.encoders.vectors import unit_rows
from searchengine.errors import EncoderError


def test_rows_come_out_at_unit_length_in_float32() -> None:
    raw = np.random.default_rng(0).normal(size=(50, 7)) * 1000
    rows = unit_rows(raw, count=50, dim=7, model="m", what="images")
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_very_long_and_very_short_rows_keep_their_direction() -> None:
    raw = np.array([[3e38, 3e38], [1e-42, 0]], np.float32)
    rows = unit_rows(raw, count=2, dim=2, model="m", what="images")
    np.testing.assert_allclose(rows, [[0.5**0.5, 0.5**0.5], [1, 0]], atol=1e-6)


def test_nothing_in_nothing_out() -> None:
    assert unit_rows(np.empty((0, 7)), count=0, dim=7, model="m", what="texts").shape == (0, 7)


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (np.nan, "NaN"),
        (np.inf, "infinity"),
        (-np.inf, "infinity"),
        (0.0, "without direction"),
    ],
)
def test_rows_that_are_no_vectors_are_named(value: float, word: str) -> None:
    raw = np.ones((32, 4), np.float32)
    raw[[3, 5, 31]] = value
    with pytest.raises(
        EncoderError, match=f"model m produced .*{word}.* for 3 of 32 images"
    ) as bad:
        unit_rows(raw, count=32, dim=4, model="m", what="images")
    assert bad.value.bad_rows == (3, 5, 31)
    assert bad.value.hint


def test_a_single_bad_component_is_enough() -> None:
    raw = np.ones((3, 4), np.float32)
    raw[1, 2] = np.nan
    raw[2, 0] = np.inf
    with pytest.raises(EncoderError, match="NaN and infinity for 2 of 3") as caught:
        unit_rows(raw, count=3, dim=4, model="m", what="images")
    assert caught.value.bad_rows == (1, 2)


@pytest.mark.parametrize("shape", [(3, 5), (2, 4), (3,), (3, 4, 1)])
def test_a_wrong_shape_is_no_rows_fault(shape: tuple[int, ...]) -> None:
    with pytest.raises(EncoderError, match="shape") as caught:
        unit_rows(np.ones(shape), count=3, dim=4, model="m", what="images")
    assert caught.value.bad_rows == ()
