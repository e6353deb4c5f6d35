"""``searchengine eval`` over real photos, against plain numpy loops over a plain encoder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

KS = (1, 5, 10)
NEAR = 0.01
"""A near tie may fall the other way: four of 380 captions."""


def average_precisions(right: np.ndarray) -> np.ndarray:
    """Of rankings that are whole: bool (n, everything)."""
    return np.array(
        [
            np.mean([(found + 1) / (place + 1) for found, place in enumerate(np.flatnonzero(row))])
            for row in right
        ]
    )


def in_order(scores: np.ndarray, right: np.ndarray) -> np.ndarray:
    """``right`` (n, m) with the columns of each row in the order of its scores."""
    return np.take_along_axis(right, np.argsort(-scores, axis=1, kind="stable"), axis=1)


def assert_near(metrics: dict[str, float], right: np.ndarray) -> None:
    """Compare with the textbook forms over whole rankings, bool (n, everything)."""
    totals = right.sum(axis=1)
    first = right.argmax(axis=1) + 1
    for k in KS:
        found = right[:, :k].sum(axis=1)
        assert metrics[f"success@{k}"] == pytest.approx(np.mean(found > 0), abs=NEAR)
        assert metrics[f"recall@{k}"] == pytest.approx(np.mean(found / totals), abs=NEAR)
        assert metrics[f"precision@{k}"] == pytest.approx(np.mean(found / k), abs=NEAR)
    assert metrics["map"] == pytest.approx(np.mean(average_precisions(right)), abs=NEAR)
    assert metrics["mrr"] == pytest.approx(np.mean(1 / first), abs=NEAR)
    assert metrics["median_rank"] == pytest.approx(np.median(first), abs=1)


def tasks_of(told: Any) -> dict[tuple[str, str], Any]:
    return {(one["task"], one["asked"]): one for one in told["tasks"]}


@pytest.mark.parametrize("profile", ["auto", "HNSW"])
def test_captions_of_photos(home, plain, photo_mini: Path, photos: Path, profile: str) -> None:  # type: ignore[no-untyped-def]
    folder = photos / "coco-cc"
    home.ok("index", folder, "--model", f"local-dir:{photo_mini}", "--index-profile", profile, "-q")
    drawn = home.folder / "curve.png"
    done = home.ok("eval", folder / "captions.jsonl", "--json", "-q", "--plot", drawn)
    told = done.json
    rows = [json.loads(line) for line in (folder / "captions.jsonl").read_text().splitlines()]
    images = plain.images([folder / row["file"] for row in rows])
    texts = [text for row in rows for text in row["captions"]]
    mine = np.array([[text in row["captions"] for row in rows] for text in texts])
    scores = plain.texts(texts) @ images.T

    tasks = tasks_of(told)
    forwards, backwards = tasks["text-to-image", "captions"], tasks["image-to-text", "images"]
    assert (forwards["queries"], forwards["candidates"]) == (380, 76)
    assert_near(forwards["metrics"], in_order(scores, mine))
    assert (backwards["queries"], backwards["candidates"]) == (76, 380)
    assert_near(backwards["metrics"], in_order(scores.T, mine.T))
    measured = [forwards["metrics"][f"success@{k}"] for k in KS]
    assert measured == pytest.approx([0.316, 0.692, 0.776], abs=NEAR)
    assert told["index"] == ("FLAT" if profile == "auto" else profile)
    assert all(one[f"recall@{k}"] >= 0.99 for one in told["index_recall"] for k in KS)
    assert done.err == f"plot: {drawn}\n"

    own = home.ok("eval", "--json", "-q", "--task", "text-to-image").json
    assert own["captions"]["source"] == "corpus"
    # One caption of the file has a line break in it, and the corpus keeps a caption a line.
    assert own["tasks"][0]["queries"] == 381
    again = own["tasks"][0]["metrics"]["success@10"]
    assert again == pytest.approx(forwards["metrics"]["success@10"], abs=NEAR)


def test_products_find_their_kind(home, plain, photo_mini: Path, photos: Path) -> None:  # type: ignore[no-untyped-def]
    folder = photos / "clothing"
    home.ok("index", folder, "--model", f"local-dir:{photo_mini}", "-q")
    tasks = tasks_of(home.ok("eval", "--classes", "folder", "--json", "-q").json)
    paths = sorted(folder.rglob("*.jpg"))
    images = plain.images(paths)
    kinds = np.array([path.parent.name for path in paths])
    scores = images @ images.T
    alike = kinds[:, None] == kinds[None]
    np.fill_diagonal(scores, -2)  # itself comes last, and is then cut off
    near = tasks["image-to-image", "images"]
    assert (near["queries"], near["candidates"]) == (600, 599)
    right = in_order(scores, alike)[:, :-1]
    assert_near(near["metrics"], right)
    assert near["metrics"]["1nn_accuracy"] == pytest.approx(np.mean(right[:, 0]), abs=NEAR)
    assert near["metrics"]["1nn_accuracy"] == pytest.approx(0.65, abs=NEAR)

    names = sorted(set(kinds))
    asked = tasks["text-to-image", "class names"]
    assert (asked["queries"], asked["candidates"]) == (10, 600)
    named = in_order(plain.texts(names) @ images.T, np.array(names)[:, None] == kinds[None])
    assert_near(asked["metrics"], named)
