"""The ten backgrounds, painted on an RGB canvas of any size.

Soft and rather pale, so that what stands in front of them is what one sees first.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Final

from PIL import Image, ImageDraw

from searchengine.demo.pen import RGB, mix


class Backdrop:
    """A canvas in unit coordinates: (0, 0) is the top left corner, (1, 1) the bottom right."""

    def __init__(self, width: int, height: int, rng: random.Random) -> None:
        self.image = Image.new("RGB", (width, height))
        self.rng = rng
        self._draw = ImageDraw.Draw(self.image)
        self._width = width
        self._height = height

    def fade(self, top: float, bottom: float, first: RGB, last: RGB) -> None:
        """A vertical gradient between two heights."""
        start, stop = round(top * self._height), round(bottom * self._height)
        for row in range(start, stop):
            tint = mix(first, last, (row - start) / max(1, stop - start))
            self._draw.line([(0, row), (self._width, row)], fill=tint)

    def oval(self, x: float, y: float, rx: float, ry: float, fill: RGB) -> None:
        """A filled ellipse; rx is in widths and ry in heights."""
        self._draw.ellipse(
            [
                ((x - rx) * self._width, (y - ry) * self._height),
                ((x + rx) * self._width, (y + ry) * self._height),
            ],
            fill=fill,
        )

    def shape(self, points: list[tuple[float, float]], fill: RGB) -> None:
        """A filled polygon."""
        self._draw.polygon([(x * self._width, y * self._height) for x, y in points], fill=fill)

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: RGB) -> None:
        """A filled rectangle."""
        self.shape([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], fill)

    def ridge(self, height: float, swell: float, waves: float, fill: RGB) -> None:
        """Everything below a wavy line around ``height``; the waves start anywhere."""
        phase = self.rng.uniform(0, 2 * math.pi)
        line = [
            (step / 40, height + swell * math.sin(phase + waves * 2 * math.pi * step / 40))
            for step in range(41)
        ]
        self.shape([*line, (1, 1), (0, 1)], fill)

    def cloud(self, x: float, y: float, fill: RGB) -> None:
        """Three puffs in a row."""
        for shift, radius in ((-0.05, 0.035), (0.0, 0.05), (0.055, 0.032)):
            self.oval(x + shift, y, radius, radius * 1.1, fill)


def _beach(sheet: Backdrop) -> None:
    sheet.fade(0, 0.4, (150, 212, 245), (214, 240, 250))
    sheet.fade(0.38, 0.7, (60, 165, 205), (120, 210, 220))
    sheet.ridge(0.62, 0.018, 1.5, (240, 250, 250))
    sheet.ridge(0.65, 0.018, 1.5, (243, 220, 165))
    for _ in range(25):
        sheet.oval(sheet.rng.random(), sheet.rng.uniform(0.72, 1), 0.004, 0.005, (222, 194, 135))


def _night(sheet: Backdrop) -> None:
    sheet.fade(0, 1, (18, 22, 62), (58, 52, 112))
    for _ in range(45):
        size = sheet.rng.choice((0.0022, 0.0035))
        sheet.oval(sheet.rng.random(), sheet.rng.random(), size, size * 1.33, (225, 225, 245))


def _meadow(sheet: Backdrop) -> None:
    sheet.fade(0, 0.5, (158, 214, 248), (222, 242, 250))
    sheet.cloud(sheet.rng.uniform(0.1, 0.9), sheet.rng.uniform(0.08, 0.2), (250, 252, 253))
    sheet.ridge(0.45, 0.04, 1.0, (160, 212, 128))
    sheet.ridge(0.62, 0.03, 1.3, (134, 196, 104))
    for _ in range(35):
        x, y = sheet.rng.random(), sheet.rng.uniform(0.66, 1)
        sheet.shape([(x, y), (x + 0.006, y - 0.035), (x + 0.012, y)], (108, 174, 84))


def _snow(sheet: Backdrop) -> None:
    sheet.fade(0, 0.6, (182, 200, 220), (220, 230, 240))
    sheet.ridge(0.5, 0.04, 0.8, (226, 234, 244))
    sheet.ridge(0.68, 0.03, 1.2, (240, 245, 252))
    for _ in range(50):
        sheet.oval(sheet.rng.random(), sheet.rng.random(), 0.005, 0.0066, (254, 254, 255))


def _desert(sheet: Backdrop) -> None:
    sheet.fade(0, 0.55, (250, 214, 150), (253, 236, 200))
    sheet.ridge(0.48, 0.05, 0.9, (232, 186, 116))
    sheet.ridge(0.62, 0.05, 0.7, (222, 168, 96))
    sheet.ridge(0.8, 0.04, 1.0, (208, 150, 82))


def _city(sheet: Backdrop) -> None:
    sheet.fade(0, 0.9, (192, 206, 222), (228, 228, 232))
    x = -0.02
    while x < 1:
        width, top = sheet.rng.uniform(0.08, 0.14), sheet.rng.uniform(0.22, 0.55)
        sheet.box(x, top, x + width, 0.86, sheet.rng.choice(((150, 160, 178), (166, 174, 190))))
        for row in range(int((0.8 - top) / 0.08)):
            for column in range(3):
                left, high = x + width * (0.14 + 0.28 * column), top + 0.03 + row * 0.08
                sheet.box(left, high, left + width * 0.16, high + 0.035, (206, 214, 222))
        x += width + 0.008
    sheet.box(0, 0.86, 1, 1, (118, 120, 130))
    for step in range(6):
        sheet.box(0.03 + step * 0.18, 0.925, 0.12 + step * 0.18, 0.94, (225, 225, 215))


def _sea(sheet: Backdrop) -> None:
    sheet.fade(0, 0.32, (176, 222, 246), (226, 244, 250))
    sheet.fade(0.3, 1, (74, 156, 214), (26, 92, 164))
    for height in (0.4, 0.55, 0.7, 0.86):
        for _ in range(4):
            x = sheet.rng.random()
            sheet.oval(x, height + sheet.rng.uniform(-0.04, 0.04), 0.05, 0.006, (120, 188, 230))


def _room(sheet: Backdrop) -> None:
    sheet.fade(0, 0.74, (246, 228, 206), (240, 218, 196))
    for step in range(10):
        sheet.box(0.03 + step * 0.1, 0, 0.06 + step * 0.1, 0.72, (250, 236, 218))
    sheet.box(0, 0.72, 1, 0.76, (252, 248, 240))
    sheet.box(0, 0.76, 1, 1, (186, 138, 98))
    for height in (0.82, 0.88, 0.94):
        sheet.box(0, height, 1, height + 0.005, (160, 114, 78))
    x = sheet.rng.uniform(0.25, 0.75)
    sheet.oval(x, 0.9, 0.28, 0.07, (206, 170, 150))


def _forest(sheet: Backdrop) -> None:
    sheet.fade(0, 0.8, (176, 206, 168), (120, 166, 124))
    for layer, tint in enumerate(((138, 176, 140), (104, 148, 110), (74, 118, 86))):
        for _ in range(9):
            x = sheet.rng.random()
            half, foot = 0.05 + 0.015 * layer, 0.7 + 0.06 * layer
            top = sheet.rng.uniform(-0.1, 0.25) + 0.12 * layer
            sheet.shape([(x - half, foot), (x, top), (x + half, foot)], tint)
    sheet.ridge(0.76, 0.02, 1.4, (92, 124, 70))


def _sunset(sheet: Backdrop) -> None:
    sheet.fade(0, 0.4, (110, 80, 150), (232, 112, 122))
    sheet.fade(0.4, 0.72, (232, 112, 122), (255, 196, 112))
    for _ in range(4):
        x, y = sheet.rng.random(), sheet.rng.uniform(0.2, 0.55)
        sheet.oval(x, y, sheet.rng.uniform(0.12, 0.22), 0.012, (250, 160, 140))
    sheet.ridge(0.72, 0.03, 0.9, (120, 70, 104))
    sheet.ridge(0.84, 0.03, 1.2, (84, 52, 88))


_PAINTERS: Final[dict[str, Callable[[Backdrop], None]]] = {
    "beach": _beach,
    "night": _night,
    "meadow": _meadow,
    "snow": _snow,
    "desert": _desert,
    "city": _city,
    "sea": _sea,
    "room": _room,
    "forest": _forest,
    "sunset": _sunset,
}


def paint_background(name: str, width: int, height: int, rng: random.Random) -> Image.Image:
    """The named background as an RGB picture of that size in pixels."""
    sheet = Backdrop(width, height, rng)
    _PAINTERS[name](sheet)
    return sheet.image
