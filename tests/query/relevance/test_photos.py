"""The promises on photos, with a model that knows photos: nothing, some or all of them answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from searchengine.encoders import Encoder, load_encoder
from searchengine.query.relevance import DEFAULT_THRESHOLD, load_background, relevance_of

Passing = Callable[[str | Path], float]


@pytest.fixture(scope="module")
def encoder(photo_mini: Path) -> Encoder:
    return load_encoder(f"local-dir:{photo_mini}")


def encoded(encoder: Encoder, files: list[Path]) -> np.ndarray:
    pixels = []
    for file in files:
        with Image.open(file) as picture:
            pixels.append(encoder.preprocess(picture.convert("RGB")))
    return encoder.encode_images(np.stack(pixels))


@pytest.fixture(scope="module")
def passing(encoder: Encoder, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Passing:
    """The share of 100 photos of clothing that passes the default for a text or a picture."""
    background = load_background(encoder, cache_dir=tmp_path_factory.mktemp("cache"))
    folders = sorted((photos / "clothing").iterdir())
    items = encoded(encoder, [file for one in folders for file in sorted(one.iterdir())[:10]])

    def share(asked: str | Path) -> float:
        kind = "text" if isinstance(asked, str) else "image"
        if isinstance(asked, str):
            query = encoder.encode_texts([asked])[0]
        else:
            query = encoded(encoder, [asked])[0]
        relevance = relevance_of(background, query, (kind,), items, "image")
        return float((relevance >= DEFAULT_THRESHOLD).mean())

    return share


def test_nearly_all_clothing_is_a_piece_of_clothing(passing: Passing) -> None:
    assert passing("a piece of clothing") >= 0.75


@pytest.mark.parametrize("foreign", ["a submarine", "a volcano", "a brain scan", "an accordion"])
def test_what_is_not_there_is_not_found(passing: Passing, foreign: str) -> None:
    assert passing(foreign) <= 0.02


def test_some_of_it_are_trousers(passing: Passing) -> None:
    assert 0.05 <= passing("a photo of pants") <= 0.5


def test_photos_of_other_things_are_not_found(passing: Passing, photos: Path) -> None:
    others = sorted((photos / "coco-cc").glob("*.jpg"))[:12]
    assert np.mean([passing(one) > 0 for one in others]) <= 0.1


def test_a_photo_that_is_there_is_found(passing: Passing, photos: Path) -> None:
    there = sorted((photos / "clothing" / "pants").iterdir())[3]
    assert 0.01 <= passing(there) <= 0.6
