"""What a relevance is, by an oracle written out in plain loops, and by what it promises."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from searchengine.query.relevance import DEFAULT_THRESHOLD, Background, relevance_of
from searchengine.query.relevance.judge import (
    CLOSEST,
    NEIGHBOURHOOD,
    alike,
    described,
    load_curves,
)

DIM = 24


def unit(rng: np.random.Generator, count: int, dim: int = DIM) -> np.ndarray:
    rows = rng.standard_normal((count, dim)) + 0.3
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def background() -> Background:
    rng = np.random.default_rng(5)
    texts, pictures = unit(rng, 90), unit(rng, 40)
    copies = pictures[:9] + 0.2 * unit(rng, 9)
    return Background(texts, pictures, copies / np.linalg.norm(copies, axis=1, keepdims=True))


@pytest.fixture
def items() -> np.ndarray:
    return unit(np.random.default_rng(6), 13)


@pytest.fixture
def query() -> np.ndarray:
    return unit(np.random.default_rng(7), 1)[0]


def oracle_described(texts: np.ndarray, text: np.ndarray, picture: np.ndarray) -> float:
    """The definition, one pair at a time."""
    by_meaning = sorted(texts, key=lambda row: float(row @ text), reverse=True)[10:]
    fits = sorted((float(row @ picture) for row in by_meaning), reverse=True)
    best, middle = sum(fits[:10]) / 10, sum(fits) / len(fits)
    return (float(text @ picture) - best) / (best - middle)


def oracle_alike(
    bank: np.ndarray, one: np.ndarray, other: np.ndarray, skipped: int, same: float
) -> float:
    def level(row: np.ndarray) -> float:
        near = sorted((float(each @ row) for each in bank), reverse=True)
        return sum(near[skipped : skipped + 5]) / 5

    expected = NEIGHBOURHOOD * (level(one) + level(other)) / 2
    return (float(one @ other) - expected) / max(same - expected, CLOSEST)


def test_a_text_over_pictures(background: Background, query: np.ndarray, items: np.ndarray) -> None:
    found = described(background, query, items, "image")
    expected = [oracle_described(background.texts, query, item) for item in items]
    assert found == pytest.approx(expected, abs=1e-4)


def test_a_picture_over_texts_is_the_same_pair_the_other_way_round(
    background: Background, query: np.ndarray, items: np.ndarray
) -> None:
    found = described(background, query, items, "text")
    expected = [oracle_described(background.texts, item, query) for item in items]
    assert found == pytest.approx(expected, abs=1e-4)
    turned = [described(background, item, query[None], "image")[0] for item in items]
    assert found == pytest.approx(turned, abs=1e-4)


def test_two_of_a_kind(background: Background, query: np.ndarray, items: np.ndarray) -> None:
    pictures = alike(background, query, items, "image")
    same = float(
        np.mean([a @ b for a, b in zip(background.copies, background.pictures, strict=False)])
    )
    assert 0.9 < same < 1
    expected = [oracle_alike(background.pictures, query, item, 0, same) for item in items]
    assert pictures == pytest.approx(expected, abs=1e-4)
    texts = alike(background, query, items, "text")
    expected = [oracle_alike(background.texts, query, item, 10, 1.0) for item in items]
    assert texts == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("kind", ["text", "image"])
@pytest.mark.parametrize("modality", ["text", "image"])
def test_a_relevance_is_a_share_and_an_items_own(
    background: Background, query: np.ndarray, items: np.ndarray, kind: str, modality: str
) -> None:
    together = relevance_of(background, query, (kind,), items, modality)
    assert together.dtype == np.float32
    assert together.shape == (13,)
    assert np.all((together > 0) & (together < 1))
    alone = [relevance_of(background, query, (kind,), item[None], modality)[0] for item in items]
    assert together == pytest.approx(alone, abs=1e-5)


def test_the_same_picture_is_relevant_and_an_opposite_one_is_not(
    background: Background, query: np.ndarray
) -> None:
    found = relevance_of(background, query, ("image",), np.stack([query, -query]), "image")
    assert found[0] > 0.9
    assert found[1] < 0.1


def test_no_scale_or_offset_of_a_model_matters_to_a_text_over_pictures() -> None:
    """CLIP's cosines lie between 0.1 and 0.35, others' between 0 and 0.7: both read alike."""
    rng = np.random.default_rng(8)
    texts, pictures, queries = unit(rng, 200), unit(rng, 30), unit(rng, 5)
    gap = np.zeros(DIM, np.float32)
    gap[0] = 1.0

    def far_apart(rows: np.ndarray, side: float) -> np.ndarray:
        wide = np.concatenate([0.6 * rows, np.full((len(rows), 1), side * 0.8)], axis=1)
        return wide.astype(np.float32)

    here = Background(texts, pictures, pictures[:5])
    apart = far_apart(pictures, -0.5)
    there = Background(far_apart(texts, 1.0), apart, apart[:5])
    for query in queries:
        plain = described(here, query, pictures, "image")
        moved = described(there, far_apart(query[None], 1.0)[0], there.pictures, "image")
        assert moved == pytest.approx(plain, abs=1e-3)


def test_a_mixed_query_lies_between_its_kinds(
    background: Background, query: np.ndarray, items: np.ndarray
) -> None:
    text, image, mixed, twice = (
        relevance_of(background, query, kinds, items, "image")
        for kinds in (("text",), ("image",), ("image", "text"), ("text", "image", "text"))
    )
    low, high = np.minimum(text, image), np.maximum(text, image)
    assert np.all((mixed >= low - 1e-6) & (mixed <= high + 1e-6))
    assert np.all(np.abs(twice - text) <= np.abs(mixed - text) + 1e-6)
    odds = (np.log(text / (1 - text)) + np.log(image / (1 - image))) / 2
    assert mixed == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-4)


def test_a_query_without_terms_is_an_error(
    background: Background, query: np.ndarray, items: np.ndarray
) -> None:
    with pytest.raises(ValueError, match="at least one term"):
        relevance_of(background, query, (), items, "image")


def test_no_items_no_relevances(background: Background, query: np.ndarray) -> None:
    none = np.zeros((0, DIM), np.float32)
    for kind in ("text", "image"):
        for modality in ("text", "image"):
            assert relevance_of(background, query, (kind,), none, modality).shape == (0,)


def test_a_background_without_any_spread_gives_numbers(items: np.ndarray) -> None:
    same = np.repeat(items[:1], 60, axis=0)
    flat = Background(same, same, same[:4])
    for kind in ("text", "image"):
        for modality in ("text", "image"):
            found = relevance_of(flat, items[1], (kind,), items, modality)
            assert np.all(np.isfinite(found))


def test_the_shipped_curves_rise() -> None:
    for curve in load_curves():
        assert curve.slope > 0
        assert curve.logit(np.array([-3.0]))[0] < 0 < curve.logit(np.array([3.0]))[0]
    assert DEFAULT_THRESHOLD == 0.5


def test_the_shipped_model_tells_an_answer_from_none(tmp_path: Path) -> None:
    """Over drawn scenes: captions of scenes that are there against those of scenes that are not."""
    from itertools import islice

    from searchengine.demo.captions import caption
    from searchengine.demo.collection import held_out_scenes
    from searchengine.demo.draw import draw
    from searchengine.encoders import load_encoder
    from searchengine.query.relevance import load_background

    encoder = load_encoder("drawn-scenes")
    scenes = list(islice(held_out_scenes(404), 80))
    pictures = np.stack([encoder.preprocess(draw(scene, 320, 240)) for scene in scenes[:40]])
    items = encoder.encode_images(pictures)
    queries = encoder.encode_texts([caption(scene, "en") for scene in scenes])
    background = load_background(encoder, cache_dir=tmp_path)
    best = [relevance_of(background, one, ("text",), items, "image").max() for one in queries]
    right = sum(one >= DEFAULT_THRESHOLD for one in best[:40])
    wrong = sum(one >= DEFAULT_THRESHOLD for one in best[40:])
    assert right >= 38
    assert wrong <= 20
