"""Where in a picture a query looks: cover a part, see how far the score falls.

Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks" (ECCV 2014), section
4.2. It needs nothing of a model but its answers, so it works with every encoder; windows of two
sizes, half over one another, keep a thing that is larger or smaller than one window in sight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image

    from searchengine.encoders.contract import Encoder

CELLS = 12
"""Cells along the longer side of a picture; along the other, so many that they are square."""
WINDOWS = (3, 5)
"""Sides of the windows that are covered, in cells."""
_STRIDE = 2
_LEAST_CELLS = 3
_BATCH = 32
_OVERSAMPLE = 2
"""The picture is worked on at this many times the model's own size."""
_HOT = 0.5
"""Share of the hottest cell's heat that a cell of the strongest region has at least."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom as shares of width and height; the origin is the top left corner."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a picture, and what covering it does."""

    box: Box
    drop: float
    """How far the score falls when just this is covered."""

    @property
    def where(self) -> str:
        """Say in words where it is: ``top left``, ``middle``."""
        across = _third((self.box[0] + self.box[2]) / 2, ("left", "", "right"))
        down = _third((self.box[1] + self.box[3]) / 2, ("top", "", "bottom"))
        return f"{down} {across}".strip() or "middle"


@dataclass(frozen=True, slots=True)
class HeatMap:
    """How much of the score each part of a picture carries."""

    grid: npt.NDArray[np.float32]
    """(rows, columns): mean drop of the cosine over the windows that cover the cell. Below zero
    where covering the cell brings the picture nearer to the query."""
    score: float
    """Cosine of the query and the whole picture, as it was looked at."""
    strongest: Region
    """The hottest cell and its neighbours at least half as hot, as a box."""

    @property
    def rows(self) -> int:
        """Cells from top to bottom."""
        return int(self.grid.shape[0])

    @property
    def columns(self) -> int:
        """Cells from left to right."""
        return int(self.grid.shape[1])


def heat_map(
    image: Image.Image,
    query: npt.NDArray[np.float32],
    encoder: Encoder,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> HeatMap:
    """Return where in an upright RGB picture the query's unit vector, float32 (dim,), looks.

    About 90 pictures are encoded, in batches; ``on_progress`` is told how many of how many.
    """
    work = _shrunk(image, encoder)
    rows, columns = grid_shape(work.width, work.height)
    windows = [box for side in WINDOWS for box in _windows(rows, columns, side)]
    cover = _Cover(work)
    boxes = [_as_shares(box, rows, columns) for box in windows]
    score, drops = _drops(cover, boxes, query, encoder, on_progress)
    grid = _spread(windows, drops, rows, columns)
    box = _as_shares(_hot_box(grid), rows, columns)
    return HeatMap(grid, score, Region(box, _drops(cover, [box], query, encoder)[1][0]))


def grid_shape(width: int, height: int) -> tuple[int, int]:
    """Return rows and columns of the grid over a picture of that size."""
    long = max(width, height)
    rows, columns = (max(_LEAST_CELLS, round(CELLS * side / long)) for side in (height, width))
    return rows, columns


class _Cover:
    """A picture parts of which are covered with its mean colour."""

    def __init__(self, image: Image.Image) -> None:
        self.image = image
        mean = np.asarray(image, dtype=np.float64).mean(axis=(0, 1))
        self._colour = tuple(round(level) for level in mean)

    def covered(self, box: Box) -> Image.Image:
        copy = self.image.copy()
        copy.paste(self._colour, _pixels(box, self.image.size))
        return copy


def _drops(
    cover: _Cover,
    boxes: Sequence[Box],
    query: npt.NDArray[np.float32],
    encoder: Encoder,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[float, list[float]]:
    """Return the whole picture's score, and how far it falls with each box covered."""
    target = query.astype(np.float64)
    scores: list[float] = []
    pictures = _pictures(cover, boxes)
    total = len(boxes) + 1
    while len(scores) < total:
        batch = [
            encoder.preprocess(next(pictures)) for _ in range(min(_BATCH, total - len(scores)))
        ]
        vectors = encoder.encode_images(np.stack(batch))
        scores += (vectors.astype(np.float64) @ target).tolist()
        if on_progress is not None:
            on_progress(len(scores), total)
    return scores[0], [scores[0] - score for score in scores[1:]]


def _pictures(cover: _Cover, boxes: Sequence[Box]) -> Iterator[Image.Image]:
    yield cover.image
    for box in boxes:
        yield cover.covered(box)


def _windows(rows: int, columns: int, side: int) -> list[tuple[int, int, int, int]]:
    """Return boxes in cells (left, top, right, bottom, the last two beyond the end).

    They hang over the edges, so that a cell at the edge is covered as often as any other.
    """
    boxes = []
    for top in range(1 - side + _STRIDE // 2, rows, _STRIDE):
        for left in range(1 - side + _STRIDE // 2, columns, _STRIDE):
            box = (max(0, left), max(0, top), min(columns, left + side), min(rows, top + side))
            if box[0] < box[2] and box[1] < box[3]:
                boxes.append(box)
    return boxes


def _spread(
    windows: Sequence[tuple[int, int, int, int]],
    drops: Sequence[float],
    rows: int,
    columns: int,
) -> npt.NDArray[np.float32]:
    """Return for each cell the mean drop over the windows of each size, averaged over sizes."""
    heat = np.zeros((rows, columns))
    times = np.zeros((rows, columns))
    for (left, top, right, bottom), drop in zip(windows, drops, strict=True):
        heat[top:bottom, left:right] += drop
        times[top:bottom, left:right] += 1
    return np.asarray(heat / np.maximum(times, 1), dtype=np.float32)


def _hot_box(grid: npt.NDArray[np.float32]) -> tuple[int, int, int, int]:
    """Return the box, in cells, of the hottest cell and those as hot that hang together with it."""
    rows, columns = grid.shape
    start = divmod(int(grid.argmax()), columns)
    peak = float(grid[start])
    least = _HOT * peak if peak > 0 else peak
    seen, edge = {start}, [start]
    while edge:
        row, column = edge.pop()
        for near in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            inside = 0 <= near[0] < rows and 0 <= near[1] < columns
            if inside and near not in seen and grid[near] >= least:
                seen.add(near)
                edge.append(near)
    down, across = zip(*seen, strict=True)
    return min(across), min(down), max(across) + 1, max(down) + 1


def _shrunk(image: Image.Image, encoder: Encoder) -> Image.Image:
    """Return the picture no larger than the model can make use of: covering is then cheap."""
    from PIL import Image

    height, width = encoder.preprocess(image).shape[:2]
    # The shorter side decides: many models cut the longer one down to it.
    scale = _OVERSAMPLE * max(height, width) / min(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BOX)


def _as_shares(box: tuple[int, int, int, int], rows: int, columns: int) -> Box:
    left, top, right, bottom = box
    return left / columns, top / rows, right / columns, bottom / rows


def _pixels(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    left, top, right, bottom = box
    return (
        round(left * size[0]),
        round(top * size[1]),
        round(right * size[0]),
        round(bottom * size[1]),
    )


def _third(place: float, words: tuple[str, str, str]) -> str:
    return words[min(2, int(3 * place))]
