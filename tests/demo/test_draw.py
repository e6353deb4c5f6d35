"""Drawings and the collection made of them."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from searchengine.demo.collection import write_collection
from searchengine.demo.draw import draw, sticker
from searchengine.demo.pen import PAINT
from searchengine.demo.scenes import BACKGROUNDS, COLOURS, KINDS, Group, Scene, sample_scene


@pytest.mark.parametrize("size", [(320, 240), (96, 96), (640, 480)])
def test_size_and_mode(size: tuple[int, int]) -> None:
    picture = draw(sample_scene(random.Random(1)), *size)
    assert picture.size == size
    assert picture.mode == "RGB"


def test_a_scene_always_looks_the_same() -> None:
    scene = sample_scene(random.Random(2))
    first = draw(scene, 160, 120).tobytes()
    sticker.cache_clear()
    assert draw(scene, 160, 120).tobytes() == first


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_shows_its_colour(kind: str) -> None:
    for colour in COLOURS:
        pixels = np.asarray(sticker(kind, colour)).astype(int)
        paint = np.abs(pixels[..., :3] - np.array(PAINT[colour])).sum(axis=-1) < 40
        assert (paint & (pixels[..., 3] == 255)).mean() > 0.06


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_every_background_differs_from_the_others(background: str) -> None:
    group = Group("circle", "red", 1, "small", "middle")
    here = np.asarray(draw(Scene(background, (group,), None, 7), 64, 48)).astype(int)
    assert (here.sum(axis=-1) > 0).mean() > 0.99
    for other in BACKGROUNDS:
        if other != background:
            there = np.asarray(draw(Scene(other, (group,), None, 7), 64, 48)).astype(int)
            assert np.abs(here - there).mean() > 8


def test_a_group_stands_at_its_place() -> None:
    centres = {}
    for place in ("left", "right", "top", "bottom"):
        scene = Scene("snow", (Group("circle", "red", 2, "small", place),), None, 1)
        pixels = np.asarray(draw(scene, 160, 120)).astype(int)
        rows, columns = np.nonzero(np.abs(pixels - np.array(PAINT["red"])).sum(axis=-1) < 40)
        centres[place] = (columns.mean() / 160, rows.mean() / 120)
    assert centres["left"][0] < 0.3 < 0.7 < centres["right"][0]
    assert centres["top"][1] < 0.3 < 0.7 < centres["bottom"][1]


def test_collection(tmp_path: Path) -> None:
    write_collection(tmp_path / "one", 12, seed=4)
    write_collection(tmp_path / "two", 12, seed=4)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == ["captions.jsonl", *(f"scene-{index:05d}.jpg" for index in range(12))]
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    text = (tmp_path / "one" / "captions.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["file"] for line in lines] == files[1:]
    assert len({caption for line in lines for caption in line["captions"]}) == 24
    assert lines[0]["background"] in BACKGROUNDS
    assert set(lines[0]["objects"][0]) == {"kind", "colour", "count", "size", "place"}


def test_collection_pictures_have_dates(tmp_path: Path) -> None:
    write_collection(tmp_path, 8, seed=1, size=(160, 120))
    years = set()
    for path in tmp_path.glob("*.jpg"):
        with Image.open(path) as picture:
            assert picture.size == (160, 120)
            exif = picture.getexif()
        assert exif[0x010F] == "Drawing Board"
        years.add(exif.get_ifd(0x8769)[0x9003][:4])
    assert years == {"2024", "2025"}
