"""A small drawing pen in unit coordinates, and the paint every colour name stands for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw

RGB = tuple[int, int, int]
Point = tuple[float, float]

PAINT: Final[dict[str, RGB]] = {
    "red": (224, 52, 48),
    "orange": (246, 138, 30),
    "yellow": (251, 212, 52),
    "green": (58, 165, 72),
    "blue": (46, 108, 222),
    "purple": (134, 70, 190),
    "pink": (248, 138, 188),
    "brown": (138, 86, 50),
    "black": (44, 44, 52),
    "white": (247, 247, 243),
}
"""RGB of every colour name, chosen to be told apart at the size of a thumbnail."""

INK: Final[RGB] = (38, 34, 44)
CHALK: Final[RGB] = (255, 255, 255)


def mix(one: RGB, other: RGB, share: float) -> RGB:
    """``one`` with ``share`` (0 to 1) of ``other`` stirred in."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


@dataclass(frozen=True, slots=True)
class Pen:
    """Draws on a square RGBA canvas whose corners are (-1, -1) and (1, 1), y growing downwards.

    ``main`` is the colour a thing is named by, ``dark`` and ``light`` are its shades, and
    ``mark`` is whichever of ink and chalk stands out on it.
    """

    canvas: ImageDraw.ImageDraw
    side: int
    main: RGB
    dark: RGB
    light: RGB
    mark: RGB

    @classmethod
    def on(cls, image: Image.Image, colour: str) -> Pen:
        """A pen for one colour name on a square image."""
        main = PAINT[colour]
        dim = sum(main) < 200
        return cls(
            canvas=ImageDraw.Draw(image),
            side=image.width,
            main=main,
            dark=mix(main, CHALK, 0.22) if dim else mix(main, INK, 0.28),
            light=mix(main, CHALK, 0.32) if dim else mix(main, CHALK, 0.45),
            mark=CHALK if sum(main) < 330 else INK,
        )

    def _at(self, x: float, y: float) -> Point:
        return (x + 1) / 2 * self.side, (y + 1) / 2 * self.side

    def _width(self, width: float) -> int:
        return max(1, round(width / 2 * self.side))

    def oval(self, x: float, y: float, rx: float, ry: float, fill: RGB) -> None:
        """A filled ellipse around (x, y)."""
        self.canvas.ellipse([self._at(x - rx, y - ry), self._at(x + rx, y + ry)], fill=fill)

    def disc(self, x: float, y: float, radius: float, fill: RGB) -> None:
        """A filled circle around (x, y)."""
        self.oval(x, y, radius, radius, fill)

    def box(
        self, x0: float, y0: float, x1: float, y1: float, fill: RGB, corner: float = 0.0
    ) -> None:
        """A filled rectangle, its corners rounded by ``corner``."""
        self.canvas.rounded_rectangle(
            [self._at(x0, y0), self._at(x1, y1)], radius=corner / 2 * self.side, fill=fill
        )

    def shape(self, points: Sequence[Point], fill: RGB) -> None:
        """A filled polygon."""
        self.canvas.polygon([self._at(x, y) for x, y in points], fill=fill)

    def line(self, points: Sequence[Point], width: float, fill: RGB) -> None:
        """A line with round joints and ends."""
        places = [self._at(x, y) for x, y in points]
        self.canvas.line(places, fill=fill, width=self._width(width), joint="curve")
        for x, y in (points[0], points[-1]):
            self.disc(x, y, width / 2, fill)

    def arc(
        self, x: float, y: float, rx: float, ry: float, span: Point, width: float, fill: RGB
    ) -> None:
        """Part of an ellipse's edge; ``span`` in degrees, clockwise from three o'clock."""
        box = [self._at(x - rx, y - ry), self._at(x + rx, y + ry)]
        self.canvas.arc(box, span[0], span[1], fill=fill, width=self._width(width))

    def slice(self, x: float, y: float, rx: float, ry: float, span: Point, fill: RGB) -> None:
        """A filled pie slice of an ellipse; ``span`` as in ``arc``."""
        box = [self._at(x - rx, y - ry), self._at(x + rx, y + ry)]
        self.canvas.pieslice(box, span[0], span[1], fill=fill)

    def eyes(self, x: float, y: float, gap: float, radius: float) -> None:
        """Two eyes, ``gap`` either side of (x, y), that show on the main colour."""
        for side in (-gap, gap):
            self.disc(x + side, y, radius, self.mark)


def star_points(x: float, y: float, outer: float, inner: float, tips: int) -> list[Point]:
    """The corners of a star standing on two tips (for five of them)."""
    points = []
    for index in range(2 * tips):
        radius = outer if index % 2 == 0 else inner
        angle = math.pi * index / tips - math.pi / 2
        points.append((x + radius * math.cos(angle), y + radius * math.sin(angle)))
    return points
