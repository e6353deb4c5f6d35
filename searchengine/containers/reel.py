"""Which frames of a film are kept: some time apart, unlike one another, and not blank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image

_SIDE = 32
"""A frame is judged by 32 x 32 pixels."""
_BLANK = 6.0
"""Levels (of 255): the standard deviation below which a frame is of one colour."""
_DARK = 28.0
"""Levels: the brightest fiftieth of a black frame is darker."""
_ALIKE = 6.0
"""Levels: the mean difference below which a frame shows nothing that the one kept before did not.
"""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that was kept."""

    seconds: float
    jpeg: bytes
    width: int
    height: int


class Reel:
    """Takes the frames of a film one by one, holds at most ``most`` of them.

    When there are more, the least gap between two doubles, and those that are then too near to
    the one before go. What is kept does not depend on how long the film was said to be.
    """

    def __init__(self, gap_s: float, most: int) -> None:
        self.frames: list[Frame] = []
        self._gap = gap_s
        self._most = most
        self._judged: float | None = None
        self._last: npt.NDArray[np.float32] | None = None

    def wants(self, seconds: float) -> bool:
        """Whether a frame of that time is worth decoding."""
        return self._judged is None or seconds >= self._judged + self._gap or seconds < self._judged

    def shows_something_new(self, image: Image.Image, seconds: float) -> bool:
        """Whether a frame is neither blank nor as the one that was kept before it."""
        self._judged = seconds
        small = np.asarray(image.resize((_SIDE, _SIDE)), np.float32)
        if is_blank(small):
            return False
        if self._last is not None and float(np.abs(small - self._last).mean()) < _ALIKE:
            return False
        self._last = small
        return True

    def keep(self, frame: Frame) -> None:
        """Add a frame."""
        self.frames.append(frame)
        while len(self.frames) > self._most:
            self._gap *= 2
            apart: list[Frame] = []
            for one in self.frames:
                if not apart or one.seconds >= apart[-1].seconds + self._gap:
                    apart.append(one)
            self.frames = apart


def is_blank(small: npt.NDArray[np.float32]) -> bool:
    """Whether a picture, (h, w, 3) levels of 0 to 255, is black, or all of one colour."""
    spread = float(small.std(axis=(0, 1)).max())
    return spread < _BLANK or float(np.quantile(small.max(axis=2), 0.98)) < _DARK
