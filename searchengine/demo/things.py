"""How everything that does not live is drawn; each function fills the unit square."""

from __future__ import annotations

import math

from searchengine.demo.pen import CHALK, INK, PAINT, Pen, mix, star_points

_GLASS = (178, 222, 245)
_WOOD = (124, 82, 50)


def house(pen: Pen) -> None:
    """A house in its colour with a darker roof, a door and two windows."""
    pen.box(0.38, -0.85, 0.58, -0.3, pen.dark)
    pen.box(-0.72, -0.2, 0.72, 0.95, pen.main)
    pen.shape([(-0.98, -0.15), (0, -0.95), (0.98, -0.15)], pen.dark)
    pen.box(-0.17, 0.35, 0.17, 0.95, _WOOD)
    for x in (-0.47, 0.47):
        pen.box(x - 0.17, 0.02, x + 0.17, 0.34, _GLASS)
        pen.line([(x, 0.04), (x, 0.32)], 0.04, INK)


def mountain(pen: Pen) -> None:
    """Two peaks with caps of snow."""
    pen.shape([(-0.1, 0.9), (0.5, -0.25), (1.0, 0.9)], pen.dark)
    pen.shape([(-1.0, 0.9), (-0.25, -0.9), (0.55, 0.9)], pen.main)
    snow = CHALK if pen.main != PAINT["white"] else (190, 205, 225)
    cap = [
        (-0.25, -0.9),
        (-0.53, -0.22),
        (-0.36, -0.36),
        (-0.22, -0.18),
        (-0.06, -0.36),
        (0.06, -0.2),
    ]
    pen.shape(cap, snow)


def boat(pen: Pen) -> None:
    """A sailing boat: a hull in its colour under two sails."""
    pen.line([(0, -0.95), (0, 0.4)], 0.07, _WOOD)
    pen.shape([(0.08, -0.9), (0.08, 0.22), (0.8, 0.22)], pen.light)
    pen.shape([(-0.08, -0.65), (-0.08, 0.22), (-0.62, 0.22)], pen.main)
    pen.shape([(-0.98, 0.36), (0.98, 0.36), (0.62, 0.9), (-0.62, 0.9)], pen.main)
    pen.box(-0.86, 0.46, 0.86, 0.58, pen.dark)


def car(pen: Pen) -> None:
    """A car seen from the side."""
    pen.shape([(-0.6, 0.05), (-0.38, -0.5), (0.3, -0.5), (0.6, 0.05)], pen.main)
    pen.box(-0.98, -0.02, 0.98, 0.5, pen.main, 0.16)
    pen.shape([(-0.45, 0), (-0.29, -0.38), (-0.06, -0.38), (-0.06, 0)], _GLASS)
    pen.shape([(0.06, 0), (0.06, -0.38), (0.24, -0.38), (0.42, 0)], _GLASS)
    pen.box(-0.98, 0.28, 0.98, 0.38, pen.dark)
    for x in (-0.52, 0.52):
        pen.disc(x, 0.5, 0.25, INK)
        pen.disc(x, 0.5, 0.11, (200, 200, 205))
    pen.disc(0.9, 0.14, 0.07, (255, 240, 160))


def train(pen: Pen) -> None:
    """A steam engine with a cab, a chimney and three wheels."""
    pen.box(-0.9, -0.75, -0.2, 0.45, pen.main, 0.05)
    pen.box(-0.98, -0.85, -0.12, -0.66, pen.dark, 0.06)
    pen.box(-0.74, -0.52, -0.36, -0.12, _GLASS)
    pen.box(-0.3, -0.2, 0.85, 0.45, pen.main, 0.14)
    pen.box(0.42, -0.68, 0.64, -0.1, pen.dark)
    pen.box(0.34, -0.8, 0.72, -0.62, pen.dark, 0.05)
    pen.shape([(0.7, 0.45), (0.98, 0.8), (0.7, 0.8)], (90, 90, 98))
    pen.box(-0.9, 0.4, 0.9, 0.56, pen.dark)
    for x, radius in ((-0.55, 0.28), (0.08, 0.22), (0.55, 0.22)):
        pen.disc(x, 0.92 - radius, radius, INK)
        pen.disc(x, 0.92 - radius, radius * 0.45, (215, 180, 70))


def rocket(pen: Pen) -> None:
    """A rocket standing on its flame."""
    pen.shape([(-0.22, 0.55), (0, 1.0), (0.22, 0.55)], (255, 170, 40))
    pen.shape([(-0.3, 0.1), (-0.7, 0.7), (-0.25, 0.58)], pen.dark)
    pen.shape([(0.3, 0.1), (0.7, 0.7), (0.25, 0.58)], pen.dark)
    pen.oval(0, -0.18, 0.36, 0.8, pen.main)
    pen.slice(0, -0.18, 0.36, 0.8, (222, 318), pen.dark)
    pen.box(-0.26, 0.42, 0.26, 0.6, pen.dark, 0.04)
    pen.disc(0, -0.16, 0.19, CHALK)
    pen.disc(0, -0.16, 0.13, (110, 185, 235))


def plane(pen: Pen) -> None:
    """An airliner flying to the right."""
    pen.shape([(-0.7, 0), (-0.98, -0.6), (-0.72, -0.6), (-0.36, -0.02)], pen.dark)
    pen.shape([(-0.02, -0.05), (-0.3, -0.62), (-0.1, -0.62), (0.34, -0.05)], pen.dark)
    pen.box(-0.88, -0.2, 0.95, 0.24, pen.main, 0.22)
    pen.shape([(-0.15, 0.08), (-0.52, 0.78), (-0.26, 0.78), (0.34, 0.08)], pen.dark)
    for x in (-0.48, -0.24, 0.0, 0.24, 0.48):
        pen.disc(x, -0.03, 0.065, _GLASS if pen.main != PAINT["white"] else (90, 140, 190))
    pen.slice(0.7, -0.02, 0.2, 0.14, (270, 360), _GLASS)


def sun(pen: Pen) -> None:
    """A smiling sun with twelve rays."""
    pen.shape(star_points(0, 0, 0.98, 0.62, 12), pen.dark)
    pen.disc(0, 0, 0.62, pen.main)
    pen.eyes(0, -0.12, 0.22, 0.08)
    pen.arc(0, 0.02, 0.3, 0.28, (20, 160), 0.07, pen.mark)


def moon(pen: Pen) -> None:
    """A crescent moon."""
    outer = [(math.cos(a), math.sin(a)) for a in _turns(50, 310)]
    inner = [(0.2 + 0.72 * math.cos(a), 0.78 * math.sin(a)) for a in _turns(290, 70)]
    pen.shape([(x * 0.95 + 0.2, y * 0.95) for x, y in outer + inner], pen.main)
    for x, y, radius in ((-0.5, -0.25, 0.09), (-0.56, 0.2, 0.12), (-0.28, 0.58, 0.08)):
        pen.disc(x, y, radius, pen.dark)


def _turns(start: int, stop: int) -> list[float]:
    """Angles in radians from start to stop (degrees), every five degrees."""
    step = 5 if stop > start else -5
    return [math.radians(angle) for angle in range(start, stop + step, step)]


def star(pen: Pen) -> None:
    """A five-pointed star."""
    pen.shape(star_points(0, 0.06, 1.0, 0.45, 5), pen.main)
    pen.shape(star_points(0, 0.06, 0.55, 0.25, 5), pen.light)


def balloon(pen: Pen) -> None:
    """A balloon on a string."""
    pen.line([(0, 0.5), (0.1, 0.68), (-0.08, 0.84), (0.02, 0.98)], 0.05, (120, 120, 128))
    pen.shape([(-0.12, 0.54), (0.12, 0.54), (0, 0.36)], pen.dark)
    pen.oval(0, -0.28, 0.58, 0.7, pen.main)
    pen.oval(-0.22, -0.52, 0.12, 0.2, pen.light)


def kite(pen: Pen) -> None:
    """A diamond kite in four panels with a ribboned tail."""
    pen.line([(0, 0.35), (0.2, 0.6), (-0.1, 0.78), (0.1, 0.98)], 0.06, INK)
    pen.shape([(0, -0.98), (0.68, -0.28), (0, 0.5), (-0.68, -0.28)], pen.main)
    pen.shape([(0, -0.98), (0.68, -0.28), (0, -0.28)], pen.light)
    pen.shape([(0, 0.5), (-0.68, -0.28), (0, -0.28)], pen.dark)
    for x, y in ((0.16, 0.6), (-0.02, 0.8)):
        pen.shape([(x, y), (x + 0.2, y - 0.1), (x + 0.2, y + 0.1)], pen.main)
        pen.shape([(x, y), (x - 0.2, y - 0.1), (x - 0.2, y + 0.1)], pen.main)


def umbrella(pen: Pen) -> None:
    """An open umbrella with a hooked handle."""
    pen.line([(0, -0.2), (0, 0.75)], 0.09, _WOOD)
    pen.arc(0.17, 0.72, 0.21, 0.24, (0, 180), 0.09, _WOOD)
    pen.slice(0, 0.1, 0.97, 0.98, (180, 360), pen.main)
    pen.slice(0, 0.1, 0.34, 0.98, (180, 360), pen.light)
    pen.line([(0, -0.98), (0, -0.86)], 0.07, _WOOD)


def cup(pen: Pen) -> None:
    """A steaming cup with a handle."""
    pen.arc(0.58, 0.2, 0.36, 0.34, (0, 360), 0.15, pen.dark)
    pen.shape([(-0.75, -0.25), (0.6, -0.25), (0.45, 0.9), (-0.6, 0.9)], pen.main)
    pen.oval(-0.075, -0.25, 0.675, 0.14, pen.dark)
    for x in (-0.35, 0.0, 0.32):
        pen.line([(x, -0.5), (x + 0.08, -0.66), (x - 0.05, -0.8), (x + 0.04, -0.95)], 0.06, CHALK)
    pen.box(-0.7, 0.18, 0.55, 0.34, pen.light)


def book(pen: Pen) -> None:
    """A closed book with a spine, a label and pages showing below."""
    pen.box(-0.7, -0.92, 0.72, 0.95, pen.dark, 0.08)
    pen.box(-0.55, 0.7, 0.72, 0.86, (250, 245, 228))
    pen.box(-0.52, -0.92, 0.72, 0.7, pen.main, 0.05)
    pen.box(-0.25, -0.58, 0.48, -0.16, CHALK if pen.main != PAINT["white"] else (150, 150, 165))
    pen.line([(-0.12, -0.45), (0.36, -0.45)], 0.06, INK)
    pen.line([(-0.12, -0.29), (0.22, -0.29)], 0.06, INK)


def ball(pen: Pen) -> None:
    """A beach ball in its colour with pale stripes."""
    pale = CHALK if pen.main != PAINT["white"] else (200, 200, 208)
    pen.disc(0, 0, 0.9, pen.main)
    for start in (20, 140, 260):
        pen.slice(0, 0, 0.9, 0.9, (start, start + 38), pale)
    pen.disc(0, 0, 0.24, pen.dark)


def hat(pen: Pen) -> None:
    """A top hat with a ribbon."""
    ribbon = mix(pen.main, CHALK, 0.75) if pen.mark == CHALK else mix(pen.main, INK, 0.6)
    pen.shape([(-0.56, -0.85), (0.56, -0.85), (0.46, 0.5), (-0.46, 0.5)], pen.main)
    pen.oval(0, -0.85, 0.56, 0.12, pen.dark)
    pen.shape([(-0.5, 0.12), (0.5, 0.12), (0.47, 0.45), (-0.47, 0.45)], ribbon)
    pen.oval(0, 0.6, 0.97, 0.22, pen.main)
    pen.slice(0, 0.42, 0.47, 0.16, (0, 180), ribbon)


def heart(pen: Pen) -> None:
    """A heart."""
    points = []
    for step in range(72):
        t = math.radians(5 * step)
        x = 16 * math.sin(t) ** 3
        y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
        points.append((x / 17.2, -(y + 2.5) / 15.5))
    pen.shape(points, pen.main)
    pen.oval(-0.45, -0.42, 0.17, 0.13, pen.light)


def circle(pen: Pen) -> None:
    """A plain circle."""
    pen.disc(0, 0, 0.88, pen.main)


def square(pen: Pen) -> None:
    """A plain square."""
    pen.box(-0.82, -0.82, 0.82, 0.82, pen.main)


def triangle(pen: Pen) -> None:
    """A plain triangle standing on its side."""
    pen.shape([(0, -0.9), (0.98, 0.8), (-0.98, 0.8)], pen.main)
