"""The pictures, words and right answers that the second looks at an answer are measured on.

Vectors are kept in a cache folder, a file a set, model and kind, so that a second run takes
seconds. Half of the queries of every set (by a hash of the query's name) are for choosing
parameters, the other half for the figures that are reported.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from searchengine.demo.captions import caption, query
from searchengine.demo.collection import held_out_scenes
from searchengine.demo.draw import draw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from searchengine.demo.scenes import Scene
    from searchengine.encoders.contract import Encoder, Vectors

_BATCH = 64
_SEED = 11
SIZE = (320, 240)


@dataclass(frozen=True, slots=True)
class Task:
    """Queries over one index: which of its rows answer each, and which row is the query itself."""

    name: str
    index: Vectors
    queries: Vectors
    relevant: list[frozenset[int]]
    itself: list[int | None]
    names: list[str]

    def half(self, which: str) -> list[int]:
        """Return the places of the queries that are for ``choosing`` or for ``reporting``."""
        wanted = 0 if which == "choosing" else 1
        return [
            at
            for at, name in enumerate(self.names)
            if hashlib.sha256(name.encode()).digest()[0] % 2 == wanted
        ]


class Cache:
    """Vectors by name, computed once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, name: str, make: Callable[[], Vectors]) -> Vectors:
        """Return the vectors kept under a name, made now if there are none."""
        file = self._folder / f"{name}.npy"
        if not file.is_file():
            np.save(file, make())
        kept: Vectors = np.load(file)
        return kept


def encode_pictures(encoder: Encoder, pictures: Iterable[Image.Image]) -> Vectors:
    """Encode RGB pictures, float32 (n, dim)."""
    rows, source = [], iter(pictures)
    while batch := list(islice(source, _BATCH)):
        pixels = np.stack([encoder.preprocess(picture) for picture in batch])
        rows.append(encoder.encode_images(pixels))
    return np.concatenate(rows)


def drawn(count: int) -> list[Scene]:
    """Return scenes that the drawn-scenes model never saw."""
    return list(islice(held_out_scenes(_SEED), count))


def picture_of(scene: Scene) -> Image.Image:
    """Draw a scene as a collection holds it: a JPEG of quality 90."""
    return recompressed(draw(scene, *SIZE), 90)


def recompressed(picture: Image.Image, quality: int) -> Image.Image:
    """Return a picture after a JPEG of that quality."""
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=quality)
    return Image.open(data).convert("RGB")


def photos(folder: Path) -> Iterator[Image.Image]:
    """Open the pictures of a folder and of the folders in it, by name."""
    for path in sorted(folder.rglob("*.jpg")):
        with Image.open(path) as picture:
            yield picture.convert("RGB")


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "jpeg 75": lambda picture: recompressed(picture, 75),
    "jpeg 30": lambda picture: recompressed(picture, 30),
    "half size": lambda picture: recompressed(
        picture.resize((picture.width // 2, picture.height // 2)), 80
    ),
    "crop 3%": lambda picture: recompressed(
        picture.crop(
            (
                round(picture.width * 0.015),
                round(picture.height * 0.015),
                round(picture.width * 0.985),
                round(picture.height * 0.985),
            )
        ),
        85,
    ),
}
"""What happens to a picture that is still the same picture."""


def drawn_tasks(cache: Cache, encoder: Encoder, label: str, count: int) -> list[Task]:
    """Return pictures by their objects, "a red boat" and whole captions over drawn scenes.

    By picture: the other scenes that hold a thing of the same kind and colour are right.
    """
    scenes = drawn(count)
    index = cache.get(
        f"drawn-{count}-{label}", lambda: encode_pictures(encoder, map(picture_of, scenes))
    )
    holders: dict[tuple[str, str], set[int]] = {}
    for row, scene in enumerate(scenes):
        for group in scene.groups:
            holders.setdefault((group.kind, group.colour), set()).add(row)
    alike = [
        frozenset().union(*(holders[g.kind, g.colour] for g in scene.groups)) - {row}
        for row, scene in enumerate(scenes)
    ]
    rows = [row for row in range(0, count, 2) if alike[row]]
    things = sorted(thing for thing, found in holders.items() if len(found) >= 2)
    words = [query(kind, colour, "en") for kind, colour in things]
    texts = [caption(scenes[row], "en") for row in range(0, count, 2)]
    short = cache.get(f"drawn-{count}-{label}-short", lambda: encoder.encode_texts(words))
    whole = cache.get(f"drawn-{count}-{label}-captions", lambda: encoder.encode_texts(texts))
    return [
        Task(
            f"drawn image ({label})",
            index,
            index[rows],
            [alike[row] for row in rows],
            list(rows),
            [f"scene {row}" for row in rows],
        ),
        Task(
            f"drawn short text ({label})",
            index,
            short,
            [frozenset(holders[thing]) for thing in things],
            [None] * len(things),
            words,
        ),
        Task(
            f"drawn caption ({label})",
            index,
            whole,
            [frozenset({row}) for row in range(0, count, 2)],
            [None] * len(texts),
            texts,
        ),
    ]


def clothing_tasks(cache: Cache, encoder: Encoder, label: str, folder: Path) -> list[Task]:
    """Return leave-one-out class retrieval by picture and by the class's name over clothing."""
    classes = [path.parent.name for path in sorted(folder.rglob("*.jpg"))]
    index = cache.get(f"clothing-{label}", lambda: encode_pictures(encoder, photos(folder)))
    members = {name: {row for row, c in enumerate(classes) if c == name} for name in set(classes)}
    names = sorted(members)
    asked = [pattern.format(name) for name in names for pattern in ("{}", "a photo of a {}")]
    words = cache.get(f"clothing-{label}-names", lambda: encoder.encode_texts(asked))
    return [
        Task(
            f"clothing image ({label})",
            index,
            index,
            [frozenset(members[name] - {row}) for row, name in enumerate(classes)],
            list(range(len(classes))),
            [f"photo {row}" for row in range(len(classes))],
        ),
        Task(
            f"clothing text ({label})",
            index,
            words,
            [frozenset(members[name]) for name in names for _ in range(2)],
            [None] * len(asked),
            asked,
        ),
    ]


def coco_task(cache: Cache, encoder: Encoder, label: str, folder: Path) -> Task:
    """Return five captions a photo, one right photo each, over coco-cc."""
    lines = (folder / "captions.jsonl").read_text(encoding="utf-8").splitlines()
    rows = sorted((json.loads(line) for line in lines), key=lambda row: str(row["file"]))
    asked = [(at, text) for at, row in enumerate(rows) for text in row["captions"]]
    index = cache.get(f"coco-{label}", lambda: encode_pictures(encoder, photos(folder)))
    words = cache.get(
        f"coco-{label}-captions", lambda: encoder.encode_texts([text for _, text in asked])
    )
    return Task(
        f"coco caption ({label})",
        index,
        words,
        [frozenset({at}) for at, _ in asked],
        [None] * len(asked),
        [text for _, text in asked],
    )


def copies(
    cache: Cache, encoder: Encoder, label: str, make: Callable[[], Iterator[Image.Image]]
) -> dict[str, Vectors]:
    """Return the vectors of altered copies of pictures, by alteration."""
    return {
        name: cache.get(
            f"copies-{label}-{name.replace(' ', '-').replace('%', '')}",
            lambda change=change: encode_pictures(encoder, map(change, make())),  # type: ignore[misc]
        )
        for name, change in COPIES.items()
    }
