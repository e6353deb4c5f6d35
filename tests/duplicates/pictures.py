"""Pictures to compare: a scene drawn from a seed, with or without something more in it."""

from __future__ import annotations

import random

import numpy as np
from PIL import Image

from searchengine.duplicates.judge import are_same, may_be_same
from searchengine.duplicates.pixels import SIDE, SMALL, shrink


def scene(seed: int, size: tuple[int, int] = (400, 300)) -> Image.Image:
    """A picture of soft colours with edges and texture in it, another for every seed."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    picture = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), np.float32).copy()
    draw = random.Random(seed)
    for _ in range(12):
        left, top = draw.randrange(size[0] - 60), draw.randrange(size[1] - 60)
        wide, high = draw.randrange(25, 60), draw.randrange(25, 60)
        picture[top : top + high, left : left + wide] = rng.integers(0, 256, 3)
    fine = rng.integers(-25, 25, (size[1] // 8, size[0] // 8))
    picture[: size[1] // 8 * 8] += np.kron(fine, np.ones((8, 8)))[..., None]
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def same(one: Image.Image, other: Image.Image) -> bool:
    """Both steps of the judge, as for two files."""
    a, b = (
        np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR))[None]
        for picture in (one, other)
    )
    shapes = np.array([[one.width / one.height, other.width / other.height]], np.float32)
    small_a, small_b = (np.rint(shrink(x, SMALL)).astype(np.uint8) for x in (a, b))
    plausible, maps = may_be_same(small_a, small_b, shapes)
    return bool(plausible[0] and are_same(a, b, maps, shapes)[0])
