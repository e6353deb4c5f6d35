"""What the load test calls a wrong answer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ITEMS, DIM, LIMIT = 200, 16, 10
IDS = [f"item {number}" for number in range(ITEMS)]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, dict[str, float]]:
    """Return the truth of one question, and the exact answer to it."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "bench"))
    monkeypatch.delitem(sys.modules, "serve_truth", raising=False)
    from serve_truth import Truth  # type: ignore[import-not-found]

    rows = np.random.default_rng(0).normal(size=(ITEMS + 1, DIM)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = rows[1:] @ rows[0]
    best = np.argsort(-cosines)[:LIMIT]
    exact = {IDS[one]: float(cosines[one]) for one in best}
    return Truth({"a question": rows[0]}, IDS, rows[1:], LIMIT), exact


def test_the_exact_answer_has_all_the_nearest(made: tuple[Any, dict[str, float]]) -> None:
    truth, exact = made
    assert truth.recall("a question", exact) == 1
    rounded = {one: score + 1e-6 for one, score in exact.items()}
    assert truth.recall("a question", rounded) == 1


def test_an_item_farther_away_costs_recall_only(made: tuple[Any, dict[str, float]]) -> None:
    truth, exact = made
    far = next(one for one in IDS if one not in exact)
    some = {**dict(list(exact.items())[:-1]), far: truth.cosine("a question", far)}
    assert truth.recall("a question", some) == pytest.approx(0.9)


def test_a_score_that_is_not_the_items_is_wrong(made: tuple[Any, dict[str, float]]) -> None:
    truth, exact = made
    first, *_ = exact
    assert truth.recall("a question", {**exact, first: exact[first] - 1e-3}) is None


def test_an_unknown_item_is_wrong(made: tuple[Any, dict[str, float]]) -> None:
    truth, exact = made
    others = dict(list(exact.items())[:-1])
    assert truth.recall("a question", {**others, "none": 0.5}) is None


def test_too_few_hits_are_wrong(made: tuple[Any, dict[str, float]]) -> None:
    truth, exact = made
    assert truth.recall("a question", dict(list(exact.items())[:-1])) is None
    assert truth.recall("a question", {}) is None
