from __future__ import annotations

import numpy as np
import pytest

from searchengine.encoders.interchange import SAMPLE, bank_sample, compare_rows
from searchengine.encoders.preprocess import Preprocess

ROWS = np.random.default_rng(0).normal(size=(96, 32)).astype(np.float32)
TEXTS = np.random.default_rng(1).normal(size=(96, 32)).astype(np.float32)


def test_the_same_at_any_length_is_interchangeable() -> None:
    verdict = compare_rows((ROWS, TEXTS), (ROWS * 3, TEXTS / 7))
    assert verdict.interchangeable
    assert verdict.cosine == pytest.approx(1)
    assert verdict.overlap == 1


@pytest.mark.parametrize(("noise", "same"), [(1e-4, True), (0.1, False)])
def test_a_little_noise_is_and_much_is_not(noise: float, same: bool) -> None:
    random = np.random.default_rng(2)
    noisy = ROWS + noise * random.normal(size=ROWS.shape).astype(np.float32)
    assert compare_rows((ROWS, TEXTS), (noisy, TEXTS)).interchangeable is same


def test_one_row_that_is_off_is_enough() -> None:
    for rows in (0, 1):
        found = [ROWS.copy(), TEXTS.copy()]
        found[rows][17] = -found[rows][17]
        assert not compare_rows((ROWS, TEXTS), (found[0], found[1])).interchangeable


def test_nan_is_not_interchangeable() -> None:
    broken = ROWS.copy()
    broken[3] = np.nan
    assert not compare_rows((ROWS, TEXTS), (broken, TEXTS)).interchangeable


def test_what_gives_no_vector_at_fp32_says_nothing() -> None:
    silent = TEXTS.copy()
    silent[::9] = 0
    assert compare_rows((ROWS, silent), (ROWS, silent)).interchangeable
    nothing = np.zeros_like(TEXTS)
    assert not compare_rows((ROWS, nothing), (ROWS, nothing)).interchangeable


def test_neighbours_count_beside_the_angle() -> None:
    """Vectors that are all but one direction: what tells them apart drowns in rounding."""
    close = np.ones((96, 32), np.float32) + 1e-3 * ROWS
    rounded = close + 1e-3 * TEXTS
    verdict = compare_rows((close, TEXTS), (rounded, TEXTS))
    assert verdict.cosine > 0.9999
    assert verdict.overlap < 0.9
    assert not verdict.interchangeable


def test_the_sample_is_the_banks() -> None:
    def count(texts: object) -> object:
        return np.array([[len(text)] for text in texts])  # type: ignore[attr-defined]

    sample = bank_sample(Preprocess((16, 16)), count)  # type: ignore[arg-type]
    assert sample.pixels.shape == (SAMPLE, 16, 16, 3)
    assert sample.tokens.shape == (SAMPLE, 1)
    assert len({pixels.tobytes() for pixels in sample.pixels}) == SAMPLE
