"""R@k over k, a line a task, as a small picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from searchengine.errors import UsageError
from searchengine.present.lettering import lettering_for
from searchengine.present.picture_file import picture_format, write_picture

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PIL import Image, ImageDraw

    from searchengine.evaluate.evaluation import TaskResult
    from searchengine.present.lettering import Colour, Lettering

_PAPER: Colour = (255, 255, 255)
_INK: Colour = (24, 27, 33)
_QUIET: Colour = (104, 110, 121)
_RULE: Colour = (226, 228, 233)
_LINES: tuple[Colour, ...] = ((28, 92, 196), (206, 88, 24), (22, 128, 92), (140, 60, 160))
"""Told apart by the colour-blind too, and no two are of one lightness."""

_SIZE = (900, 600)
_LEFT, _TOP, _RIGHT, _BOTTOM = 76, 92, 36, 76
"""Margins of the plot, in pixels."""
_SMOOTH = 3
"""Lines are drawn so many times as large and scaled down; Pillow's own are jagged."""
_TICKS = (1, 2, 5, 10, 20, 50, 100)


def check_target(target: Path, task: str = "all") -> None:
    """Raise ``UsageError`` unless the file is a PNG by its name and the task has a curve."""
    if task == "index":
        raise UsageError("the index's recall has no curve to plot", hint="leave out --plot")
    picture_format(target, "a plot")


def write_plot(target: Path, title: str, results: Sequence[TaskResult]) -> None:
    """Draw the curves and write them to a .png, .jpg or .webp file; missing folders are made.

    Raises ``UsageError`` for another kind of file, ``NotFoundError`` and ``DiskFullError`` where
    it cannot be written.
    """
    write_picture(target, plot(title, results), "a plot")


def plot(title: str, results: Sequence[TaskResult]) -> Image.Image:
    """Return R@k (any right hit among the first k) over k, on a logarithmic axis, as RGB."""
    from PIL import Image, ImageDraw

    most = max((len(one.curve) for one in results), default=1)
    frame = _Frame(max(most, 2))
    picture = Image.new("RGB", _SIZE, _PAPER)
    draw = ImageDraw.Draw(picture)
    names = [_name(one) for one in results]
    letters = lettering_for([title, *names])
    _draw_axes(draw, letters, frame)
    large = picture.resize((_SIZE[0] * _SMOOTH, _SIZE[1] * _SMOOTH), Image.Resampling.NEAREST)
    pen = ImageDraw.Draw(large)
    for place, one in enumerate(results):
        _draw_curve(pen, frame, one, _LINES[place % len(_LINES)])
    smooth = large.resize(_SIZE, Image.Resampling.BOX)
    box = (_LEFT - 8, _TOP - 8, _SIZE[0] - _RIGHT + 8, _SIZE[1] - _BOTTOM + 8)
    picture.paste(smooth.crop(box), box)
    room = _SIZE[0] - _LEFT - _RIGHT
    heading = letters.cut(letters.writable(title), 22, room)
    letters.draw(draw, (_LEFT, 18), heading, 22, _INK)
    _draw_legend(draw, letters, names)
    return picture


class _Frame:
    """Where values stand on the picture."""

    def __init__(self, most: int) -> None:
        self.most = most

    def x(self, k: float) -> float:
        """Return the column of a k, from 1."""
        width = _SIZE[0] - _LEFT - _RIGHT
        return _LEFT + width * math.log(k) / math.log(self.most)

    def y(self, share: float) -> float:
        """Return the line of a share, 0 to 1."""
        height = _SIZE[1] - _TOP - _BOTTOM
        return _TOP + height * (1 - share)


def _draw_axes(draw: ImageDraw.ImageDraw, letters: Lettering, frame: _Frame) -> None:
    bottom, right = frame.y(0), frame.x(frame.most)
    for tenth in range(0, 11, 2):
        y = frame.y(tenth / 10)
        draw.line([(_LEFT, y), (right, y)], fill=_RULE)
        label = f"{tenth / 10:.1f}"
        letters.draw(draw, (_LEFT - 12 - letters.width(label, 16), y - 11), label, 16, _QUIET)
    for k in (k for k in _TICKS if k <= frame.most):
        x = frame.x(k)
        draw.line([(x, bottom), (x, bottom + 6)], fill=_QUIET)
        label = str(k)
        letters.draw(draw, (x - letters.width(label, 16) / 2, bottom + 10), label, 16, _QUIET)
    draw.line([(_LEFT, bottom), (right, bottom)], fill=_QUIET)
    caption = "k (hits looked at)"
    middle = (_LEFT + right - letters.width(caption, 16)) / 2
    letters.draw(draw, (middle, bottom + 38), caption, 16, _QUIET)


def _draw_curve(
    draw: ImageDraw.ImageDraw, frame: _Frame, result: TaskResult, colour: Colour
) -> None:
    points = [
        (frame.x(k) * _SMOOTH, frame.y(share) * _SMOOTH)
        for k, share in enumerate(result.curve, start=1)
    ]
    if len(points) > 1:
        draw.line(points, fill=colour, width=3 * _SMOOTH, joint="curve")
    for k, (x, y) in enumerate(points, start=1):
        if k in _TICKS or k == len(points):
            radius = 5 * _SMOOTH
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colour)


def _draw_legend(draw: ImageDraw.ImageDraw, letters: Lettering, names: Sequence[str]) -> None:
    left, top = float(_LEFT), 54
    for place, name in enumerate(names):
        colour = _LINES[place % len(_LINES)]
        draw.line([(left, top + 11), (left + 24, top + 11)], fill=colour, width=3)
        text = letters.writable(name)
        letters.draw(draw, (left + 32, top), text, 16, _INK)
        left += 32 + letters.width(text, 16) + 28


def _name(result: TaskResult) -> str:
    return f"{result.task}, {result.asked}" if result.asked == "class names" else result.task
