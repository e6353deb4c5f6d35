"""What relevance is judged on: queries, with and without an answer, over drawn scenes and photos.

A case is a query, a corpus and which of its items are relevant: 1, 0, or -1 where nobody could
say (left out of the figures about items). The corpora are small, so that for most queries there
is one that holds an answer and one that does not. Halves share no picture: 0 is fitted on, 1 is
tested on. Photos are taken from a folder: each folder in it with a ``captions.jsonl`` is a
captioned collection, each other one a collection of class folders.
"""

from __future__ import annotations

import io
import json
import math
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from searchengine.demo import captions as words_of
from searchengine.demo.captions import caption, query
from searchengine.demo.collection import held_out_scenes
from searchengine.demo.draw import draw
from searchengine.demo.scenes import BACKGROUNDS, COLOURS, KINDS, Scene

Key = str | tuple[str, int]
"""A query: a text, or a picture by its pool and place there."""

SCENES = 600
PHOTOS_A_CLASS = 60
PHOTOS = 1200
SHARED_WORDS = 0.35
"""A photo whose captions share this much of what a query says may be an answer as well."""

FOREIGN = """accordion, anvil, broccoli, volcano, stethoscope, wheelbarrow, pretzel, lobster,
ostrich, harp, lawnmower, cauliflower, hippopotamus, espresso, gondola, jeep, barbell, cello,
chimpanzee, collie, dragonfly, flamingo, goldfish, hourglass, hyena, ladybug, lemon, llama,
mantis, nautilus, padlock, pomegranate, porcupine, projector, pelican, saxophone, scorpion,
shovel, snowmobile, space shuttle, starfish, strainer, streetcar, thimble, toaster, unicycle,
vacuum cleaner, viaduct, waffle iron, walrus, warthog, yurt, zucchini, artichoke, binoculars,
bagel, beaver, cannon, chainsaw, coral reef, dishwasher, otter, geyser, submarine, wedding cake,
birthday party, traffic jam, tax form, brain scan, soccer match, school bus, mountain lake,
thunderstorm"""
FOREIGN_NAMES = [" ".join(name.split()) for name in FOREIGN.split(",")]

EVERYTHING = {
    "clothing": (
        "a piece of clothing",
        "clothing",
        "clothes",
        "an item of clothing",
        "garments",
        "a photo of clothes",
        "fashion",
        "apparel",
    )
}
"""Collections all of which answers to these."""
SPELLED = {"outwear": "outerwear", "longsleeve": "long sleeve shirt"}
LOOKALIKES = (
    {"shirt", "t-shirt", "longsleeve"},
    {"outwear", "shirt", "longsleeve"},
    {"pants", "shorts"},
    {"dress", "skirt"},
)
_STOP = frozenset(
    re.findall(
        r"\w+",
        "a an the of on in at with and is are to by for from it its that this there his her some "
        "very one two three next near up down out over under while into has have their another "
        "other man woman people person group front sitting standing",
    )
)


@dataclass(frozen=True, slots=True)
class Case:
    """A query over a corpus."""

    collection: str
    half: int
    sort: str
    kind: str
    query: Key
    pool: str
    """The pool of pictures, or of texts, that the corpus is part of."""
    items: np.ndarray
    """Places in the pool, int64 (n,)."""
    relevant: np.ndarray
    """int8 (n,): 1, 0, or -1 for "cannot say"."""

    @property
    def answered(self) -> bool:
        return bool((self.relevant == 1).any())


@dataclass(slots=True)
class Sets:
    """All the cases, and the pools of pictures and texts they speak of."""

    cases: list[Case]
    pictures: dict[str, list[Any]]
    """Pool -> scenes or paths."""
    texts: dict[str, list[str]]


def load_sets(photos: Path | None) -> Sets:
    """Return everything there is to judge on."""
    scenes = list(islice(held_out_scenes(11), SCENES))
    pictures: dict[str, list[Any]] = {"drawn": scenes}
    captioned, classed = _collections(photos)
    for name, rows in captioned.items():
        pictures[name] = [row["path"] for row in rows]
    for name, files in classed.items():
        pictures[name] = files
    for name in list(pictures):
        pictures[f"{name}/worn"] = [("worn", one) for one in pictures[name]]
    cases = list(_drawn_cases(scenes, captioned, classed))
    texts = {}
    for name, rows in captioned.items():
        cases += _captioned_cases(
            name, rows, scenes, [*set(captioned) - {name}, *classed], pictures
        )
        texts[f"{name} texts"] = [text for row in rows for text in row["captions"]]
        cases += _text_cases(name, rows)
    for name, files in classed.items():
        cases += _classed_cases(name, files, [*captioned, *set(classed) - {name}], pictures)
    return Sets(cases, pictures, texts)


def picture(source: Any, seed: int) -> Image.Image:
    """Return a scene drawn or a photo read, RGB; worn ones cropped, shrunk and compressed."""
    if isinstance(source, tuple):
        return _worn(picture(source[1], seed), random.Random(seed))
    if isinstance(source, Scene):
        return draw(source, 320, 240)
    with Image.open(source) as opened:
        opened.draft("RGB", (512, 512))
        return opened.convert("RGB")


def _worn(whole: Image.Image, rng: random.Random) -> Image.Image:
    """Cut 5 to 15% off either side, shrink to two thirds, compress hard."""
    width, height = whole.size
    wide, high = (round(side * rng.uniform(0.85, 0.95)) for side in whole.size)
    left, top = rng.randint(0, width - wide), rng.randint(0, height - high)
    cut = whole.crop((left, top, left + wide, top + high))
    out = io.BytesIO()
    cut.resize((max(8, wide * 2 // 3), max(8, high * 2 // 3))).save(out, "JPEG", quality=35)
    return Image.open(out).convert("RGB")


def _collections(
    photos: Path | None,
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, list[Path]]]:
    captioned: dict[str, list[dict[str, Any]]] = {}
    classed: dict[str, list[Path]] = {}
    for folder in sorted(photos.iterdir()) if photos else []:
        lines = folder / "captions.jsonl"
        if lines.is_file():
            rows = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
            captioned[folder.name] = [{**row, "path": folder / row["file"]} for row in rows]
        elif folder.is_dir():
            groups = [sorted(one.glob("*.jp*g")) for one in sorted(folder.iterdir())]
            groups = [group for group in groups if len(group) >= 4]
            most = min(PHOTOS_A_CLASS, PHOTOS // max(1, len(groups)))
            if groups:
                classed[folder.name] = [file for group in groups for file in group[:most]]
    return captioned, classed


def _drawn_cases(
    scenes: Sequence[Scene],
    captioned: dict[str, list[dict[str, Any]]],
    classed: dict[str, list[Path]],
) -> Iterator[Case]:
    foreign_texts = ["a " + name for name in FOREIGN_NAMES]
    foreign_texts += [
        text for rows in captioned.values() for row in rows for text in row["captions"]
    ]
    foreign = [(f"{name}/worn", at) for name, rows in captioned.items() for at in range(len(rows))]
    foreign += [(name, at) for name, files in classed.items() for at in range(0, len(files), 8)]
    for quarter in range(4):
        half, odd = divmod(quarter, 2)
        ids = np.arange(150 * quarter, 150 * quarter + 150)
        others = np.arange(300 * half + 150 * (1 - odd), 300 * half + 150 * (1 - odd) + 75)

        def case(
            sort: str, kind: str, asked: Key, mask: np.ndarray, among: np.ndarray, half: int = half
        ) -> Case:
            return Case("drawn", half, sort, kind, asked, "drawn", among, mask.astype(np.int8))

        for place in (*ids[:75], *others):
            text = caption(scenes[place], ("en", "zh")[place % 2])
            yield case("caption", "text", text, ids == place, ids)
            unclear = np.array([_nearly(scenes[place], scenes[one]) for one in ids])
            mask = np.where(ids == place, 1, -1 * unclear)
            yield case("copy", "image", ("drawn/worn", int(place)), mask, ids)
        yield from _about_things(scenes, ids, quarter, case)
        none = np.zeros(len(ids))
        for text in foreign_texts[quarter::4][:90]:
            yield case("foreign", "text", text, none, ids)
        for key in foreign[quarter::4][:60]:
            yield case("foreign", "image", key, none, ids)


def _about_things(
    scenes: Sequence[Scene], ids: np.ndarray, quarter: int, case: Any
) -> Iterator[Case]:
    """Short queries about a thing or a background: none, some or all of the pictures show it."""

    def holds(kind: str, colour: str | None) -> np.ndarray:
        return np.array(
            [
                any(g.kind == kind and colour in (None, g.colour) for g in scenes[one].groups)
                for one in ids
            ]
        )

    def three(asked: str, mask: np.ndarray, sort: str) -> Iterator[Case]:
        yield case(sort, "text", asked, mask, ids)
        yield case(sort, "text", asked, mask[~mask], ids[~mask])
        if mask.sum() > 2:
            yield case("everything", "text", asked, mask[mask], ids[mask])

    pairs = [(kind, colour) for kind in KINDS for colour in COLOURS]
    for at, (kind, colour) in enumerate(pairs[quarter::4]):
        language = ("en", "zh")[at % 2]
        yield case("coloured", "text", query(kind, colour, language), holds(kind, colour), ids)
    for kind in KINDS[quarter // 2 :: 2]:
        for language in ("en", "zh"):
            yield from three(query(kind, None, language), holds(kind, None), "kind")
    for background in BACKGROUNDS[quarter // 2 :: 2]:
        mask = np.array([scenes[one].background == background for one in ids])
        for table in (words_of._BACKGROUNDS_EN, words_of._BACKGROUNDS_ZH):
            yield from three(table[background][0], mask, "background")


def _nearly(one: Scene, other: Scene) -> bool:
    """Whether two scenes share their background and a thing in its colour."""
    things = {(group.kind, group.colour) for group in one.groups}
    return one.background == other.background and any(
        (group.kind, group.colour) in things for group in other.groups
    )


def _words(text: str) -> set[str]:
    return {word.rstrip("s") for word in re.findall(r"[a-z]+", text.lower())} - _STOP


class _Overlap:
    """How much of a query's words the captions of each photo hold, rare words counting more."""

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        self.bags = [set().union(*map(_words, row["captions"])) for row in rows]
        self.all = set().union(*self.bags)
        self.often = [
            {w for w in bag if sum(w in _words(text) for text in row["captions"]) >= 2}
            for bag, row in zip(self.bags, rows, strict=True)
        ]
        self._weight = {
            w: math.log((len(rows) + 1) / (1 + sum(w in bag for bag in self.bags)))
            for w in self.all
        }

    def relevant(self, said: set[str], own: int, ids: np.ndarray) -> np.ndarray:
        total = sum(self._weight.get(w, 0.0) for w in said) or math.inf
        shared = [sum(self._weight[w] for w in said & self.bags[one]) / total for one in ids]
        return np.where(ids == own, 1, np.where(np.array(shared) >= SHARED_WORDS, -1, 0))


def _captioned_cases(
    name: str,
    rows: Sequence[dict[str, Any]],
    scenes: Sequence[Scene],
    others: Sequence[str],
    pictures: dict[str, list[Any]],
) -> Iterator[Case]:
    overlap = _Overlap(rows)
    for half in (0, 1):
        ids = np.arange(half, len(rows), 2)

        def case(
            sort: str, kind: str, asked: Key, mask: np.ndarray, among: np.ndarray, half: int = half
        ) -> Case:
            return Case(name, half, sort, kind, asked, name, among, mask.astype(np.int8))

        for own, row in enumerate(rows):
            said: list[tuple[str, str, Key, set[str]]] = [
                ("caption", "text", text, _words(text))
                for at, text in enumerate(row["captions"])
                if own % 2 == half or at % 2 == 0
            ]
            said.append(("copy", "image", (f"{name}/worn", own), overlap.often[own]))
            for sort, kind, asked, content in said:
                mask = overlap.relevant(content, own, ids)
                if own % 2 == half:
                    yield case(sort, kind, asked, mask, ids)
                yield case(sort, kind, asked, mask[mask == 0], ids[mask == 0])
        none = np.zeros(len(ids))
        for text in FOREIGN_NAMES[half::2]:
            if not _words(text) & overlap.all:
                yield case("foreign", "text", f"a photo of a {text}", none, ids)
        for scene in scenes[half:120:4]:
            yield case("foreign", "text", caption(scene, "en"), none, ids)
        for key in _strangers(half, others, pictures):
            yield case("foreign", "image", key, none, ids)


def _strangers(half: int, others: Sequence[str], pictures: dict[str, list[Any]]) -> Iterator[Key]:
    """Some 25 pictures of each other collection."""
    for other in ("drawn", *others):
        count = len(pictures[other])
        yield from ((f"{other}/worn", at) for at in range(half, count, max(2, count // 25)))


def _text_cases(name: str, rows: Sequence[dict[str, Any]]) -> Iterator[Case]:
    """The captions as a corpus of texts: found by another caption of the photo, or by the photo."""
    overlap = _Overlap(rows)
    starts = np.cumsum([0, *(len(row["captions"]) for row in rows)])
    photo_of = np.repeat(np.arange(len(rows)), np.diff(starts))
    pool = f"{name} texts"
    for half in (0, 1):
        every = np.flatnonzero(photo_of % 2 == half)
        for own, row in enumerate(rows):
            first = starts[own]
            asked: list[tuple[str, Key, set[str]]] = [
                ("text", row["captions"][0], _words(row["captions"][0])),
                ("image", (f"{name}/worn", own), overlap.often[own]),
            ]
            for kind, key, content in asked:
                ids = every[every != first] if kind == "text" else every
                mask = overlap.relevant(content, own, photo_of[ids]).astype(np.int8)
                if own % 2 == half:
                    yield Case(pool, half, "caption", kind, key, pool, ids, mask)
                yield Case(pool, half, "caption", kind, key, pool, ids[mask == 0], mask[mask == 0])


def _classed_cases(
    name: str, files: Sequence[Path], others: Sequence[str], pictures: dict[str, list[Any]]
) -> Iterator[Case]:
    labels = np.array([file.parent.name for file in files])
    classes = sorted(set(labels))
    every = np.arange(len(files))
    for half in (0, 1):
        ids, asking = every[every % 4 == 2 * half], every[every % 4 == 2 * half + 1]

        def case(
            sort: str, kind: str, asked: Key, mask: np.ndarray, among: np.ndarray, half: int = half
        ) -> Case:
            return Case(name, half, sort, kind, asked, name, among, mask.astype(np.int8))

        for at, label in enumerate(classes):
            mask = np.array(
                [1 if one == label else -int(_lookalike(one, label)) for one in labels[ids]]
            )
            keys: list[tuple[str, Key]] = []
            if at % 2 == half:
                spelled = SPELLED.get(label, re.sub("[-_]+", " ", label))
                keys += [("text", f.format(spelled)) for f in ("{}", "a {}", "a photo of a {}")]
            most = max(1, 60 // len(classes))
            keys += [("image", (name, int(one))) for one in asking[labels[asking] == label][:most]]
            for kind, key in keys:
                yield case("class", kind, key, mask, ids)
                yield case("class", kind, key, mask[mask == 0], ids[mask == 0])
                yield case("everything", kind, key, mask[mask == 1], ids[mask == 1])
        for text in EVERYTHING.get(name, ())[half::2]:
            yield case("everything", "text", text, np.ones(len(ids)), ids)
        none = np.zeros(len(ids))
        known = set().union(*map(_words, classes))
        for text in FOREIGN_NAMES[half::2]:
            if not _words(text) & known:
                yield case("foreign", "text", f"a photo of a {text}", none, ids)
        for key in _strangers(half, others, pictures):
            yield case("foreign", "image", key, none, ids)


def _lookalike(one: str, other: str) -> bool:
    return one != other and any({one, other} <= group for group in LOOKALIKES)
