"""Composed queries over photos, for ``bench/composed.py``: parts of ``coco-cc`` that name a photo.

``crop 0.2`` and so on: a random piece of a photo, that share of its width and height, and a
caption of it; ``two captions``: both of one photo; ``two halves``: the first and the second half
of the words of one caption; ``collage - caption``: two photos side by side, less a caption of the
one, to find the other. The gallery is ``coco-cc`` and ``clothing`` together.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from composed_methods import Part, World
from measuring import encode_pictures
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from searchengine.encoders.contract import Encoder, Vectors

SHARES = (0.2, 0.3, 0.4)
CROPS = 3
CAPTIONS = 5
SHIFTS = (7, 23, 41, 60)
"""Which photo is put beside which."""
SIDE = 224


@dataclass(frozen=True, slots=True)
class Photos:
    """All vectors that the tasks are made of; row i of each belongs to photo i."""

    coco: Vectors
    clothing: Vectors
    crops: dict[float, Vectors]
    """(photos * CROPS, dim)."""
    collages: Vectors
    """(shifts * photos, dim)."""
    captions: Vectors
    """(photos * CAPTIONS, dim)."""
    halves: tuple[Vectors, Vectors]
    """As the captions."""

    @property
    def gallery(self) -> Vectors:
        """What is searched, (n, dim)."""
        return np.concatenate([self.coco, self.clothing])


def encode_photos(
    root: Path, encoder: Encoder, kept: Callable[[str, Callable[[], Vectors]], Vectors]
) -> Photos:
    """Encode all that is needed; ``kept(name, make)`` may know a part from before."""
    rows = [json.loads(line) for line in (root / "coco-cc" / "captions.jsonl").open()]
    paths = [root / "coco-cc" / row["file"] for row in rows]
    captions = [text for row in rows for text in row["captions"][:CAPTIONS]]
    first, second = zip(*map(_halves, captions), strict=True)
    clothing = sorted((root / "clothing").glob("*/*.jpg"))

    def images(name: str, pictures: Callable[[], Iterable[Image.Image]]) -> Vectors:
        return kept(
            f"{encoder.fingerprint} photos {name}", lambda: encode_pictures(encoder, pictures())
        )

    def texts(name: str, lines: list[str]) -> Vectors:
        return kept(f"{encoder.fingerprint} photos {name}", lambda: encoder.encode_texts(lines))

    return Photos(
        coco=images("coco", lambda: map(_open, paths)),
        clothing=images("clothing", lambda: map(_open, clothing)),
        crops={s: images(f"crops {s}", partial(_crops, paths, s)) for s in SHARES},
        collages=images("collages", lambda: _collages(paths)),
        captions=texts("captions", captions),
        halves=(texts("first halves", list(first)), texts("second halves", list(second))),
    )


def tasks(photos: Photos) -> dict[str, list[tuple[list[Part], int]]]:
    """Return for each task its queries and the row of the gallery that is right for each."""
    count = len(photos.coco)
    text = photos.captions
    made: dict[str, list[tuple[list[Part], int]]] = {}
    for share in SHARES:
        made[f"crop {share} + caption"] = [
            ([_image(photos.crops[share][row]), _text(text[CAPTIONS * at + k])], at)
            for row in range(count * CROPS)
            for at in (row // CROPS,)
            for k in range(CAPTIONS)
        ]
    made["caption + caption"] = [
        ([_text(text[CAPTIONS * at + k]), _text(text[CAPTIONS * at + (k + 1) % CAPTIONS])], at)
        for at in range(count)
        for k in range(CAPTIONS)
    ]
    made["half + half of a caption"] = [
        ([_text(photos.halves[0][row]), _text(photos.halves[1][row])], row // CAPTIONS)
        for row in range(count * CAPTIONS)
    ]
    made["collage - caption"] = [
        ([_image(photos.collages[n]), _text(text[CAPTIONS * other + k], -1.0)], at)
        for n, (at, other) in enumerate(_pairs(count))
        for k in range(2)
    ]
    return made


def world(photos: Photos) -> World:
    """Return a sample of the gallery, and the mean of the captions (all of them: there are few)."""
    gallery = photos.gallery
    return World(gallery[:: max(1, len(gallery) // 200)], photos.captions.mean(axis=0))


def _image(vector: Vectors) -> Part:
    return Part(1.0, "image", vector)


def _text(vector: Vectors, weight: float = 1.0) -> Part:
    return Part(weight, "text", vector)


def _open(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


def _crops(paths: list[Path], share: float) -> Iterator[Image.Image]:
    rng = random.Random(f"crops {share}")
    for path in paths:
        picture = _open(path)
        wide, high = int(picture.width * share), int(picture.height * share)
        for _ in range(CROPS):
            left, top = rng.randint(0, picture.width - wide), rng.randint(0, picture.height - high)
            yield picture.crop((left, top, left + wide, top + high))


def _collages(paths: list[Path]) -> Iterator[Image.Image]:
    small = [_open(path).resize((SIDE, SIDE)) for path in paths]
    for one, other in _pairs(len(paths)):
        both = Image.new("RGB", (2 * SIDE, SIDE))
        both.paste(small[one], (0, 0))
        both.paste(small[other], (SIDE, 0))
        yield both


def _pairs(count: int) -> list[tuple[int, int]]:
    return [(one, (one + shift) % count) for shift in SHIFTS for one in range(count)]


def _halves(text: str) -> tuple[str, str]:
    words = text.split()
    return " ".join(words[: len(words) // 2]), " ".join(words[len(words) // 2 :])
