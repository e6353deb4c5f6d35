"""The temperature that known answers ask for, and how far off a model's sureness is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from searchengine.classify import temperature as module
from searchengine.classify.temperature import (
    calibration_error,
    drawn_temperature,
    fit_temperature,
    softmax,
    surprise,
)
from searchengine.encoders.fake import FakeEncoder


def sampled(scale: float, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return cosines whose right answers are drawn by their softmax at that scale."""
    rng = np.random.default_rng(seed)
    cosines = rng.normal(0, 0.1, (4_000, 8))
    shares = softmax(cosines * scale)
    truth = np.array([rng.choice(8, p=row) for row in shares])
    return cosines, truth


@pytest.mark.parametrize("scale", [5.0, 20.0, 100.0])
def test_the_temperature_that_made_the_answers_is_found(scale: float) -> None:
    cosines, truth = sampled(scale)
    assert fit_temperature([(cosines, truth)]) == pytest.approx(1 / scale, rel=0.1)


def test_it_is_the_least_surprise() -> None:
    cosines, truth = sampled(20)
    best = fit_temperature([(cosines, truth)])
    least = surprise(cosines, truth, best)
    assert least <= min(surprise(cosines, truth, best * f) for f in (0.5, 0.9, 1.1, 2))
    by_hand = -np.log(softmax(cosines / best)[np.arange(len(truth)), truth]).mean()
    assert least == pytest.approx(by_hand)


def test_calibration_error() -> None:
    cosines, truth = sampled(20)
    assert calibration_error(softmax(cosines * 20), truth) < 0.02
    assert calibration_error(softmax(cosines * 200), truth) > 0.2
    sure = np.array([[0.9, 0.1]] * 10)
    assert calibration_error(sure, np.zeros(10, dtype=int)) == pytest.approx(0.1)
    assert calibration_error(sure, np.ones(10, dtype=int)) == pytest.approx(0.9)


def test_a_set_counts_as_much_as_another_however_large() -> None:
    small, large = sampled(5), sampled(80)
    few = small[0][:300], small[1][:300]
    between = fit_temperature([few, large])
    assert 1 / 80 < between < 1 / 5
    assert between == pytest.approx(fit_temperature([small, large]), rel=0.3)


def test_shares_of_large_scores_are_finite() -> None:
    shares = softmax(np.array([[1e6, -1e6, 0.0]]))
    assert np.isfinite(shares).all()
    assert shares.sum() == pytest.approx(1)


def test_drawings_are_looked_at_once_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = FakeEncoder()
    first = drawn_temperature(encoder, tmp_path)
    assert 0 < first < 2.1
    monkeypatch.setattr(module, "_drawn_sets", lambda _: pytest.fail("drawn again"))
    assert drawn_temperature(encoder, tmp_path) == first
    with pytest.raises(pytest.fail.Exception):
        drawn_temperature(FakeEncoder(salt="another"), tmp_path)


@pytest.mark.parametrize(
    "damage", ["", "{}", "[1]", '{"scheme": 1, "temperature": -1}', '{"scheme": 0}']
)
def test_a_damaged_cache_is_found_out_again(tmp_path: Path, damage: str) -> None:
    encoder = FakeEncoder()
    first = drawn_temperature(encoder, tmp_path)
    (file,) = (tmp_path / "temperatures").iterdir()
    file.write_text(damage, encoding="utf-8")
    assert drawn_temperature(encoder, tmp_path) == first
    assert json.loads(file.read_text(encoding="utf-8"))["temperature"] == first


def test_a_folder_that_cannot_be_written_costs_time_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert drawn_temperature(FakeEncoder(), tmp_path / "file") > 0
