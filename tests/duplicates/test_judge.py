"""The same picture, however it was changed; another picture, however alike."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from searchengine.demo.draw import draw
from searchengine.demo.scenes import sample_scene
from searchengine.duplicates.align import align, identity, inverse, places
from tests.duplicates.pictures import same, scene

SEEDS = range(6)


def recompressed(picture: Image.Image) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=25)
    return Image.open(file).convert("RGB")


def cropped(picture: Image.Image) -> Image.Image:
    wide, high = picture.size
    return picture.crop((wide // 20, high // 20, wide - wide // 20, high - high // 20))


def trimmed_at_one_side(picture: Image.Image) -> Image.Image:
    return picture.crop((0, 0, picture.width * 95 // 100, picture.height))


def turned(picture: Image.Image) -> Image.Image:
    return picture.rotate(2, Image.Resampling.BICUBIC)


def turned_in_a_larger_frame(picture: Image.Image) -> Image.Image:
    return picture.rotate(-2, Image.Resampling.BICUBIC, expand=True, fillcolor="white")


def watermarked(picture: Image.Image) -> Image.Image:
    layer = Image.new("RGBA", picture.size, (255, 255, 255, 0))
    font = ImageFont.load_default(48)
    ImageDraw.Draw(layer).text((40, 120), "© A. Painter", (255, 255, 255, 110), font)
    return Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB")


CHANGES: list[Callable[[Image.Image], Image.Image]] = [
    lambda picture: picture.resize((170, 128)),
    lambda picture: picture.resize((800, 600)),
    recompressed,
    cropped,
    trimmed_at_one_side,
    turned,
    turned_in_a_larger_frame,
    watermarked,
    lambda picture: recompressed(cropped(picture)),
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_changed_copy_is_the_same_from_either_side(
    change: Callable[[Image.Image], Image.Image], seed: int
) -> None:
    original = scene(seed)
    copy = change(original)
    assert same(original, copy)
    assert same(copy, original)


@pytest.mark.parametrize("seed", SEEDS)
def test_other_pictures_are_not_the_same(seed: int) -> None:
    original = scene(seed)
    assert not same(original, scene(seed + 100))
    assert not same(original, original.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert not same(original, original.rotate(180))


@pytest.mark.parametrize("seed", SEEDS)
def test_one_small_thing_more_is_another_picture(seed: int) -> None:
    original, other = scene(seed), scene(seed)
    pen = ImageDraw.Draw(other)
    # in colours that are not there already
    red, green, blue = original.getpixel((202, 152))  # type: ignore[misc]
    pen.ellipse((188, 138, 216, 166), ((red + 128) % 256, (green + 128) % 256, blue))
    pen.ellipse((196, 146, 208, 158), (red, (green + 128) % 256, (blue + 128) % 256))
    assert not same(original, other)
    assert not same(recompressed(original), cropped(other))


def test_drawn_scenes_that_differ_in_one_group_are_not_the_same() -> None:
    rng = random.Random(4)
    apart = tried = 0
    while tried < 40:
        drawn = sample_scene(rng)
        if len(drawn.groups) < 2:
            continue
        less = replace(drawn, groups=drawn.groups[:-1], relation=None)
        tried += 1
        apart += not same(draw(drawn, 320, 240), draw(less, 320, 240))
    # white things on snow are faint enough to pass for a watermark: docs/duplicates.md
    assert apart >= 39


def test_noise_and_plain_colours_do_not_crash_or_match_each_other() -> None:
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    black, white = Image.new("RGB", (64, 64)), Image.new("RGB", (64, 64), "white")
    assert not same(black, white)
    assert not same(noise, white)


def test_align_finds_the_map_that_made_a_copy() -> None:
    rng = np.random.default_rng(1)

    def waves(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        total = np.zeros_like(u)
        for a, b, phase in rng_waves:
            total += np.sin(a * u + b * v + phase)
        return 128 + 30 * total

    rng_waves = rng.uniform(-6, 6, (6, 3))
    true = np.array([[[1.05, 0.03, 0.04], [-0.03, 1.04, -0.02]]], np.float32)
    at = places(64)
    to = inverse(true)[0] @ at  # the copy shows at u what the original shows at the map's inverse
    first = waves(at[0], at[1]).reshape(1, 64, 64).astype(np.float32)
    second = waves(to[0], to[1]).reshape(1, 64, 64).astype(np.float32)
    found, agreement = align(first, second, identity(1), 15)
    assert agreement[0] > 0.99
    assert np.abs(found - true).max() < 0.01
