"""Paints a scene: its background, and on it every group as little stickers.

A sticker is drawn once per kind and colour at four times its largest size and kept, then scaled
down for each use, so edges are smooth and a scene takes a few milliseconds. Every sticker has a
dark contour inside a white rim: black things show at night and white ones on snow.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from PIL import Image, ImageChops, ImageFilter

from searchengine.demo import creatures, things
from searchengine.demo.backgrounds import paint_background
from searchengine.demo.pen import INK, Pen
from searchengine.demo.scenes import Group, Place, Scene

_PAINTERS: Final[dict[str, Callable[[Pen], None]]] = {
    "cat": creatures.cat,
    "dog": creatures.dog,
    "rabbit": creatures.rabbit,
    "bird": creatures.bird,
    "duck": creatures.duck,
    "fish": creatures.fish,
    "turtle": creatures.turtle,
    "butterfly": creatures.butterfly,
    "tree": creatures.tree,
    "flower": creatures.flower,
    "mushroom": creatures.mushroom,
    "leaf": creatures.leaf,
    "house": things.house,
    "mountain": things.mountain,
    "boat": things.boat,
    "car": things.car,
    "train": things.train,
    "rocket": things.rocket,
    "plane": things.plane,
    "sun": things.sun,
    "moon": things.moon,
    "star": things.star,
    "balloon": things.balloon,
    "kite": things.kite,
    "umbrella": things.umbrella,
    "cup": things.cup,
    "book": things.book,
    "ball": things.ball,
    "hat": things.hat,
    "heart": things.heart,
    "circle": things.circle,
    "square": things.square,
    "triangle": things.triangle,
}

_STICKER: Final = 160
_MARGIN: Final = 0.1
"""Room for contour and rim on each side, as a share of the sticker."""

_SIDES: Final = {"small": 0.21, "large": 0.37}
"""Side of a sticker as a share of the picture's height."""

_CENTRES: Final[dict[Place, tuple[float, float]]] = {
    "left": (0.18, 0.52),
    "right": (0.82, 0.52),
    "top": (0.5, 0.215),
    "bottom": (0.5, 0.785),
    "middle": (0.5, 0.5),
}

# Rows of a crowd by its count: two rows, one row, or a column two wide.
_WIDE_ROWS: Final = ((), (1,), (2,), (3,), (2, 2), (3, 2))
_FLAT_ROWS: Final = ((), (1,), (2,), (3,), (4,), (5,))
_TALL_ROWS: Final = ((), (1,), (1, 1), (1, 2), (2, 2), (2, 1, 2))


@lru_cache(maxsize=512)
def sticker(kind: str, colour: str) -> Image.Image:
    """One thing as a square RGBA picture of 160 pixels a side, contour and rim included."""
    side = 2 * _STICKER
    inner = round(side * (1 - 2 * _MARGIN))
    art = Image.new("RGBA", (inner, inner))
    _PAINTERS[kind](Pen.on(art, colour))
    sheet = Image.new("RGBA", (side, side))
    sheet.paste(art, ((side - inner) // 2, (side - inner) // 2))
    alpha = sheet.getchannel("A")
    contour = _grown(alpha, 5)
    rim = _grown(contour, 11)
    whole = Image.new("RGBA", (side, side), (255, 255, 255, 0))
    whole.putalpha(rim)
    whole.paste((*INK, 255), (0, 0), contour)
    whole.paste(sheet, (0, 0), alpha)
    whole.putalpha(ImageChops.lighter(rim, contour))
    return whole.resize((_STICKER, _STICKER), Image.Resampling.LANCZOS)


def _grown(mask: Image.Image, by: int) -> Image.Image:
    """The mask spread by some pixels on every side, with round corners."""
    blurred = mask.filter(ImageFilter.GaussianBlur(by * 0.8))
    # A blurred edge falls to one tenth about ``by`` pixels out, so this cut lies there.
    return blurred.point(lambda value: min(255, max(0, (value - 20) * 12)))


def draw(scene: Scene, width: int, height: int) -> Image.Image:
    """The scene as an RGB picture of that size in pixels, always the same one for a scene."""
    rng = random.Random(scene.seed)
    picture = paint_background(scene.background, 2 * width, 2 * height, rng)
    picture = picture.resize((width, height), Image.Resampling.BOX)
    for group in scene.groups:
        _draw_group(picture, group, _rows(scene, group), rng)
    return picture


def _rows(scene: Scene, group: Group) -> tuple[int, ...]:
    """How many stickers each row of a group holds, so that neighbours stay clear of it."""
    places = {other.place for other in scene.groups}
    if group.place in ("left", "right"):
        return _TALL_ROWS[group.count]
    if "middle" in places and places & {"top", "bottom"}:
        return _FLAT_ROWS[group.count]
    if group.place == "middle" and places & {"left", "right"}:
        return _TALL_ROWS[group.count]
    return _WIDE_ROWS[group.count]


def _draw_group(
    picture: Image.Image, group: Group, rows: tuple[int, ...], rng: random.Random
) -> None:
    """Paste a group's stickers in rows around the centre of its place."""
    width, height = picture.size
    # Proportions are those of a 4:3 picture whatever the picture's own are: the model looks at
    # squares, and a scene squeezed into one must be the scene scaled down.
    unit_x, unit_y = width / 4 * 3, float(height)
    side = _SIDES[group.size] * rng.uniform(0.93, 1.07)
    centre_x, centre_y = _CENTRES[group.place]
    centre_x += rng.uniform(-0.025, 0.025)
    centre_y += rng.uniform(-0.03, 0.03)
    tilt = rng.uniform(-9, 9)
    step = side * 1.03
    for row, number in enumerate(rows):
        for column in range(number):
            shift_x = (column - (number - 1) / 2) * step + rng.uniform(-0.06, 0.06) * side
            shift_y = (row - (len(rows) - 1) / 2) * step + rng.uniform(-0.06, 0.06) * side
            _paste(
                picture,
                sticker(group.kind, group.colour).rotate(
                    tilt + rng.uniform(-4, 4), Image.Resampling.BILINEAR
                ),
                (centre_x * width + shift_x * unit_x, centre_y * height + shift_y * unit_y),
                (side * unit_x, side * unit_y),
            )


def _paste(
    picture: Image.Image,
    image: Image.Image,
    centre: tuple[float, float],
    size: tuple[float, float],
) -> None:
    """Scale a sticker to ``size`` (pixels) and paste it around ``centre`` (pixels)."""
    wide, high = max(1, round(size[0])), max(1, round(size[1]))
    small = image.resize((wide, high), Image.Resampling.LANCZOS, reducing_gap=2.0)
    corner = (round(centre[0] - wide / 2), round(centre[1] - high / 2))
    picture.paste(small, corner, small)
