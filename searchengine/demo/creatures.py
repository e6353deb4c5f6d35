"""How every animal and plant is drawn; each function fills the unit square with one of them."""

from __future__ import annotations

import math

from searchengine.demo.pen import CHALK, INK, PAINT, Pen, mix


def cat(pen: Pen) -> None:
    """A sitting cat with pointed ears and a raised tail."""
    pen.line([(0.5, 0.75), (0.82, 0.45), (0.72, 0.05), (0.86, -0.2)], 0.17, pen.main)
    pen.oval(0.08, 0.5, 0.5, 0.48, pen.main)
    for side in (-1, 1):
        pen.shape([(side * 0.6, -0.98), (side * 0.62, -0.3), (side * 0.08, -0.6)], pen.main)
        pen.shape([(side * 0.53, -0.8), (side * 0.53, -0.5), (side * 0.3, -0.6)], pen.light)
        pen.oval(side * 0.3 + 0.05, 0.9, 0.2, 0.1, pen.dark)
    pen.oval(0, -0.25, 0.62, 0.5, pen.main)
    pen.eyes(0, -0.3, 0.25, 0.09)
    pen.shape([(-0.08, -0.12), (0.08, -0.12), (0, -0.02)], pen.mark)
    for side in (-1, 1):
        pen.line([(side * 0.2, -0.06), (side * 0.75, -0.14)], 0.035, pen.mark)
        pen.line([(side * 0.2, 0.02), (side * 0.72, 0.08)], 0.035, pen.mark)


def dog(pen: Pen) -> None:
    """A standing dog seen from the side, with a hanging ear and a collar."""
    pen.line([(-0.72, 0.1), (-0.92, -0.3)], 0.16, pen.main)
    for x in (-0.62, -0.32, 0.22, 0.48):
        pen.box(x - 0.1, 0.3, x + 0.1, 0.95, pen.dark if x in (-0.32, 0.22) else pen.main, 0.08)
    pen.box(-0.8, -0.08, 0.6, 0.52, pen.main, 0.26)
    pen.shape([(0.2, 0.2), (0.28, -0.5), (0.72, -0.3), (0.6, 0.3)], pen.main)
    pen.disc(0.5, -0.48, 0.36, pen.main)
    pen.box(0.5, -0.52, 0.98, -0.2, pen.main, 0.14)
    pen.disc(0.94, -0.44, 0.09, pen.mark)
    pen.oval(0.24, -0.4, 0.15, 0.33, pen.dark)
    pen.disc(0.58, -0.58, 0.07, pen.mark)
    pen.line([(0.3, -0.06), (0.64, 0.04)], 0.1, pen.mark)


def rabbit(pen: Pen) -> None:
    """A rabbit from the front, with two long ears and a round belly."""
    for side in (-1, 1):
        pen.oval(side * 0.24, -0.62, 0.16, 0.38, pen.main)
        pen.oval(side * 0.24, -0.6, 0.08, 0.27, pen.light)
        pen.oval(side * 0.32, 0.9, 0.26, 0.1, pen.main)
    pen.oval(0, 0.5, 0.46, 0.46, pen.main)
    pen.oval(0, 0.56, 0.26, 0.3, pen.light)
    pen.oval(0, -0.12, 0.42, 0.36, pen.main)
    pen.eyes(0, -0.18, 0.17, 0.07)
    pen.oval(0, -0.03, 0.07, 0.05, pen.mark)
    pen.box(-0.08, 0.06, 0.08, 0.2, CHALK, 0.03)


def bird(pen: Pen) -> None:
    """A flying bird with one wing raised and an orange beak."""
    pen.shape([(-0.5, 0.15), (-0.98, -0.1), (-0.95, 0.2), (-0.98, 0.45)], pen.dark)
    pen.oval(-0.02, 0.2, 0.62, 0.38, pen.main)
    pen.shape([(-0.3, 0.12), (-0.35, -0.9), (0.02, -0.55), (0.3, 0.1)], pen.dark)
    pen.disc(0.5, -0.1, 0.32, pen.main)
    pen.shape([(0.76, -0.2), (1.0, -0.04), (0.76, 0.08)], PAINT["orange"])
    pen.disc(0.56, -0.18, 0.07, pen.mark)
    pen.oval(0.05, 0.38, 0.38, 0.14, pen.light)


def duck(pen: Pen) -> None:
    """A swimming duck on a ripple of water."""
    pen.shape([(-0.6, 0.1), (-0.98, -0.2), (-0.8, 0.4)], pen.main)
    pen.slice(-0.1, 0.05, 0.8, 0.75, (0, 180), pen.main)
    pen.box(0.2, -0.5, 0.6, 0.2, pen.main, 0.1)
    pen.disc(0.4, -0.5, 0.36, pen.main)
    pen.box(0.66, -0.52, 1.0, -0.34, PAINT["orange"], 0.08)
    pen.disc(0.5, -0.6, 0.07, pen.mark)
    pen.slice(-0.15, 0.12, 0.42, 0.42, (0, 180), pen.dark)
    pen.line(
        [(-0.95, 0.86), (-0.5, 0.8), (0, 0.88), (0.5, 0.8), (0.9, 0.86)], 0.09, (120, 190, 235)
    )


def fish(pen: Pen) -> None:
    """A striped fish swimming to the right."""
    pen.shape([(-0.4, 0), (-0.98, -0.55), (-0.85, 0), (-0.98, 0.55)], pen.dark)
    pen.shape([(-0.25, -0.3), (0.1, -0.78), (0.4, -0.3)], pen.dark)
    pen.oval(0.15, 0, 0.8, 0.5, pen.main)
    for x, height in ((-0.3, 0.32), (0.0, 0.42)):
        pen.box(x, -height, x + 0.12, height, pen.light, 0.05)
    pen.disc(0.6, -0.12, 0.15, CHALK)
    pen.disc(0.63, -0.12, 0.075, INK)
    pen.arc(0.86, 0.12, 0.16, 0.12, (60, 180), 0.05, pen.mark)


def turtle(pen: Pen) -> None:
    """A turtle from the side: a patterned dome on four feet."""
    skin = mix(pen.main, (190, 205, 120), 0.35)
    pen.oval(0.78, 0.18, 0.22, 0.2, skin)
    pen.disc(0.85, 0.12, 0.05, INK)
    pen.shape([(-0.6, 0.4), (-0.98, 0.55), (-0.6, 0.6)], skin)
    for x in (-0.45, 0.4):
        pen.box(x - 0.17, 0.35, x + 0.17, 0.82, skin, 0.12)
    pen.slice(-0.05, 0.5, 0.72, 1.05, (180, 360), pen.main)
    pen.box(-0.8, 0.4, 0.7, 0.56, pen.dark, 0.08)
    pen.shape([(-0.05, -0.32), (0.2, -0.08), (0.1, 0.22), (-0.2, 0.22), (-0.3, -0.08)], pen.light)
    for side in (-1, 1):
        pen.disc(side * 0.45 - 0.05, 0.1, 0.12, pen.light)


def butterfly(pen: Pen) -> None:
    """A butterfly with spread, dotted wings."""
    for side in (-1, 1):
        pen.oval(side * 0.5, -0.36, 0.47, 0.48, pen.main)
        pen.oval(side * 0.42, 0.46, 0.37, 0.42, pen.dark)
        pen.disc(side * 0.55, -0.38, 0.19, pen.light)
        pen.disc(side * 0.44, 0.48, 0.13, pen.light)
        pen.line([(0, -0.5), (side * 0.2, -0.92)], 0.05, INK)
    pen.oval(0, 0.05, 0.1, 0.66, INK)


def tree(pen: Pen) -> None:
    """A tree with a round crown on a brown trunk."""
    pen.box(-0.13, 0.2, 0.13, 0.98, (110, 72, 44), 0.03)
    for x, y, radius in ((-0.42, -0.02, 0.4), (0.42, -0.02, 0.4), (0, -0.5, 0.46), (0, 0, 0.45)):
        pen.disc(x, y, radius, pen.main)
    for x, y in ((-0.3, -0.1), (0.35, -0.15), (0.02, -0.6), (0.05, 0.1)):
        pen.disc(x, y, 0.1, pen.light)


def flower(pen: Pen) -> None:
    """A flower with six petals on a green stem."""
    green = (66, 150, 70)
    pen.line([(0, 0), (0, 0.95)], 0.1, green)
    pen.oval(0.28, 0.62, 0.27, 0.11, green)
    pen.oval(-0.28, 0.75, 0.27, 0.11, green)
    for step in range(6):
        angle = math.pi / 3 * step
        pen.disc(0.4 * math.cos(angle), -0.32 + 0.4 * math.sin(angle), 0.25, pen.main)
    pen.disc(0, -0.32, 0.22, PAINT["orange" if pen.main == PAINT["yellow"] else "yellow"])


def mushroom(pen: Pen) -> None:
    """A mushroom with a dotted cap and a pale stalk."""
    pen.box(-0.27, 0.0, 0.27, 0.95, (240, 225, 200), 0.2)
    pen.slice(0, 0.15, 0.92, 1.05, (180, 360), pen.main)
    pen.box(-0.92, 0.06, 0.92, 0.24, pen.dark, 0.09)
    for x, y, radius in ((-0.48, -0.2, 0.14), (0, -0.5, 0.17), (0.48, -0.2, 0.14), (0, -0.08, 0.1)):
        pen.disc(x, y, radius, CHALK if pen.main != PAINT["white"] else (205, 200, 195))


def leaf(pen: Pen) -> None:
    """A slanting leaf with its veins."""
    # Two quarter circles over the same diagonal, from the stalk to the tip.
    turns = [math.radians(90 * step / 12) for step in range(13)]
    blade = [(0.9 - 1.6 * math.cos(t), 0.7 - 1.6 * math.sin(t)) for t in turns]
    blade += [(1.6 * math.cos(t) - 0.7, 1.6 * math.sin(t) - 0.9) for t in turns]
    pen.shape(blade, pen.main)
    pen.line([(-0.95, 0.95), (0.62, -0.62)], 0.09, pen.dark)
    for step in (-0.35, 0.0, 0.3):
        pen.line([(step, -step), (step - 0.02, -step - 0.4)], 0.06, pen.dark)
        pen.line([(step, -step), (step + 0.4, -step + 0.02)], 0.06, pen.dark)
