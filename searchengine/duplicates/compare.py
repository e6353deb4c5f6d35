"""Tells whether two pictures that lie on each other show the same, pixel by pixel.

Pixels agree where the value of one is within what the other has next to that place: half a pixel
of misalignment, another resampling or an edge blurred by compression makes no difference (the
idea of the sampling-insensitive measure of Birchfield and Tomasi, 1998). Where pixels do not
agree, they may still be explained by a translucent white, grey or black overlay, the usual
watermark: the picture below shows through. What is left unexplained, and texture that does not
correlate, is something else in the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from searchengine.duplicates.align import places, sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from searchengine.duplicates.align import Floats
    from searchengine.duplicates.pixels import Bytes

    Mask = NDArray[np.bool_]

_TOLERANCE = 22
"""Levels (of 255) by which a pixel may leave the range of the other picture's neighbourhood: a
JPEG of quality 15 and smaller reaches it."""
_MARGIN = 0.04
"""Edges of either picture that are not compared, as a share of half its side."""
_INKS = (0.0, 128.0, 255.0)
_THICKEST = 0.7
"""Share of a pixel that an overlay may cover: what is behind it still shows."""
_BLOCK = 8
"""Side of the blocks whose texture is compared, in pixels."""
_STROKE = 12
"""Side of a square that the strokes of a watermark's letters do not fill, in pixels."""
_TEXTURE = 8.0
"""Standard deviation, in levels, from which a block has texture to compare."""
_LIKE = 0.5
"""Correlation from which the textures of two blocks are like each other."""
_FEW = 8
"""With fewer blocks of texture than this, each counts as if there were as many."""


@dataclass(frozen=True, slots=True)
class Differences:
    """How two aligned pictures differ, an array with a value a pair each, float32."""

    shared: Floats
    """Share of the first picture that was compared."""
    unexplained: Floats
    """Share of the compared pixels that differ with no overlay to explain it."""
    densest: Floats
    """Greatest share of such pixels in any square of 8 x 8: a thing, where noise is spread."""
    overlaid: Floats
    """Share of the compared pixels that an overlay explains."""
    solid: Floats
    """Greatest share of such pixels in any square of 12 x 12: letters leave gaps."""
    unlike: Floats
    """Share of the blocks with texture in both in which it does not correlate."""
    crossed: Floats
    """Blocks with texture in the first picture alone, or those in the second alone if they are
    fewer. A watermark is on one of two; where either has what the other lacks, both are other
    pictures, however faint it is."""


def compare(first: Bytes, second: Bytes, maps: Floats) -> Differences:
    """Compare pairs of pictures, RGB, uint8 (pairs, size, size, 3), under their maps."""
    pairs, size = first.shape[:2]
    at = places(size)
    to = maps @ at
    values = sample(second.astype(np.float32), to[:, 0], to[:, 1])
    moved: Bytes = (values.reshape(first.shape) + 0.5).astype(np.uint8)
    valid = _compared(maps, at, to).reshape(pairs, size, size)
    differs = valid & _outside(moved, first) & _outside(first, moved)
    explained = _overlaid(first, moved, differs)
    rest = differs & ~explained
    count = np.maximum(valid.sum(axis=(1, 2)), 1)
    unlike, crossed = _textures(first, moved, valid, valid & ~explained)
    return Differences(
        shared=(valid.sum(axis=(1, 2)) / size**2).astype(np.float32),
        unexplained=(rest.sum(axis=(1, 2)) / count).astype(np.float32),
        densest=_densest(rest, _BLOCK),
        overlaid=(explained.sum(axis=(1, 2)) / count).astype(np.float32),
        solid=_densest(explained, _STROKE),
        unlike=unlike,
        crossed=crossed,
    )


def _compared(maps: Floats, at: Floats, to: Floats) -> Mask:
    """What is inside both pictures, but for margins: wider where a turn may have left corners."""
    across = 1 - (_MARGIN + 2 * np.abs(maps[:, 0, 1]))[:, None]
    down = 1 - (_MARGIN + 2 * np.abs(maps[:, 1, 0]))[:, None]
    inside: Mask = (np.abs(to[:, 0]) < across) & (np.abs(to[:, 1]) < down)
    inside &= (np.abs(at[0]) < across) & (np.abs(at[1]) < down)
    return inside


def _outside(values: Bytes, other: Bytes) -> Mask:
    """Where values are not within the other picture's values around that place, any channel."""
    low = np.maximum(_around(other, np.minimum), _TOLERANCE) - _TOLERANCE  # uint8: no wrapping
    high = np.minimum(_around(other, np.maximum), 255 - _TOLERANCE) + _TOLERANCE
    beyond = (values < low) | (values > high)
    return np.asarray(beyond.any(axis=-1), np.bool_)


def _around(pictures: Bytes, choose: np.ufunc) -> Bytes:
    """The least or greatest value in the 3 x 3 pixels around each, every channel by itself."""
    padded = np.pad(pictures, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    rows = choose(choose(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    found: Bytes = choose(choose(rows[:, :, :-2], rows[:, :, 1:-1]), rows[:, :, 2:])
    return found


def _overlaid(first: Bytes, second: Bytes, differs: Mask) -> Mask:
    """Where one translucent ink over one of the pictures explains the other.

    One ink and one direction for the whole pair: those that explain most.
    """
    pair, row, column = np.nonzero(differs)
    a, b = (x[pair, row, column].astype(np.float32) for x in (first, second))
    best, most = np.zeros(len(pair), np.bool_), np.full(len(differs), -1)
    for below, above in ((a, b), (b, a)):
        change = above - below
        for ink in _INKS:
            way = ink - below
            thick = (change * way).sum(axis=-1) / np.maximum((way * way).sum(axis=-1), 1.0)
            left = np.abs(change - thick[:, None] * way).max(axis=-1)
            fits = (thick > 0) & (thick < _THICKEST) & (left < _TOLERANCE)
            count = np.bincount(pair[fits], minlength=len(differs))
            best = np.where((count > most)[pair], fits, best)
            most = np.maximum(count, most)
    explained = np.zeros_like(differs)
    explained[pair[best], row[best], column[best]] = True
    return explained


def _densest(found: Mask, step: int) -> Floats:
    """Greatest share of the pixels found in any square of that side."""
    sums = found.astype(np.float32).cumsum(axis=1).cumsum(axis=2)
    sums = np.pad(sums, ((0, 0), (1, 0), (1, 0)))
    square = sums[:, step:, step:] - sums[:, :-step, step:] - sums[:, step:, :-step]
    square += sums[:, :-step, :-step]
    densest: Floats = square.max(axis=(1, 2)) / np.float32(step**2)
    return densest


def _textures(first: Bytes, second: Bytes, valid: Mask, plain: Mask) -> tuple[Floats, Floats]:
    """Compare the texture of every block: ``unlike`` among ``plain`` pixels, and ``crossed``."""
    a = _blocks(first.mean(axis=-1, dtype=np.float32))
    b = _blocks(second.mean(axis=-1, dtype=np.float32))
    total, power_a, power_b, both = _moments(a, b, _blocks(valid.astype(np.float32)))
    enough = total > _BLOCK**2 / 2
    in_first = (power_a > _TEXTURE**2 * total) & (power_b < power_a / 4) & enough
    in_second = (power_b > _TEXTURE**2 * total) & (power_a < power_b / 4) & enough
    crossed = np.minimum(in_first.sum(axis=1), in_second.sum(axis=1))
    total, power_a, power_b, both = _moments(a, b, _blocks(plain.astype(np.float32)))
    textured = np.minimum(power_a, power_b) > _TEXTURE**2 * total
    textured &= total > _BLOCK**2 / 2
    like = both > _LIKE * np.sqrt(power_a * power_b)
    unlike = (textured & ~like).sum(axis=1) / np.maximum(textured.sum(axis=1), _FEW)
    return unlike.astype(np.float32), crossed.astype(np.float32)


def _moments(a: Floats, b: Floats, weight: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Weights, squares of a, squares of b and products, summed over each block, means removed."""
    total = np.maximum(weight.sum(axis=-1), 1)
    a = a - ((weight * a).sum(axis=-1) / total)[..., None]
    b = b - ((weight * b).sum(axis=-1) / total)[..., None]
    squares = (weight * a * a).sum(axis=-1), (weight * b * b).sum(axis=-1)
    return total, *squares, (weight * a * b).sum(axis=-1)


def _blocks(values: Floats) -> Floats:
    pairs, size = values.shape[:2]
    side = size // _BLOCK
    cut = values.reshape(pairs, side, _BLOCK, side, _BLOCK).transpose(0, 1, 3, 2, 4)
    blocks: Floats = cut.reshape(pairs, side * side, _BLOCK * _BLOCK)
    return blocks
