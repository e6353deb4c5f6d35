"""A corpus of coloured pictures, and deciders over the encoder that sees colours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ingest import index
from searchengine.classify.classify import build_decider
from searchengine.classify.decide import Decider
from searchengine.classify.labels import Label, parse_label
from searchengine.encoders.fake import COLOURS, FakeEncoder
from searchengine.query.engine import SearchEngine

SHADES = ("red", "red", "red", "green", "green", "blue", "yellow")


def cosine_judge(text: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Stand in for relevance, which has tests of its own: the cosine, cut at 0."""
    return np.clip(items @ text, 0, 1)


@pytest.fixture
def decider() -> Callable[..., Decider]:
    encoder = FakeEncoder()

    def make(*labels: str | Label, **options: Any) -> Decider:
        chosen = tuple(parse_label(one) if isinstance(one, str) else one for one in labels)
        settings: dict[str, Any] = {"multi": False, "threshold": 0.5, "temperature": 0.1}
        return build_decider(
            chosen, encoder.encode_texts, cosine_judge, dim=32, **{**settings, **options}
        )

    return make


def pictures(*colours: str) -> np.ndarray:
    """Return vectors, float32 (n, 32), of plain pictures."""
    encoder = FakeEncoder()
    plain = [Image.new("RGB", (40, 40), COLOURS[colour]) for colour in colours]
    return encoder.encode_images(np.stack([encoder.preprocess(one) for one in plain]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, colour in enumerate(SHADES):
        place = tmp_path / "photos" / colour
        place.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40 + number, 40), COLOURS[colour]).save(place / f"{number}.png")
    (tmp_path / "photos" / "note.txt").write_text("a red ball on white snow", encoding="utf-8")
    return tmp_path / "photos"


@pytest.fixture(params=["memory", "lite"])
def store(folder: Path, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    uri = f"memory:{tmp_path}" if request.param == "memory" else str(tmp_path / "milvus")
    index([str(folder)], corpus="c", model__name="fake", store__uri=uri)
    return uri


@pytest.fixture
def engine(store: str) -> Iterator[SearchEngine]:
    with SearchEngine.open(corpus="c", store__uri=store) as opened:
        yield opened


def colours_of(uris: Sequence[str]) -> list[str]:
    """Return the folder of each uri, which is its colour."""
    return [uri.rsplit("/", 2)[-2] for uri in uris]
