"""The same picture or not: a cheap look at signatures, then a close look at the pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from searchengine.duplicates.align import align, identity, inverse, places, sample
from searchengine.duplicates.compare import Differences, compare
from searchengine.duplicates.pixels import shrink

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from searchengine.duplicates.align import Floats
    from searchengine.duplicates.pixels import Bytes

    Mask = NDArray[np.bool_]

SHAPES = 0.25
"""Aspect ratios further apart than this (natural logarithm) are not compared: a crop of a tenth
makes a difference of 0.11."""

_AT_ONCE = 16
"""Pairs looked at closely at a time: what fits a processor's cache."""


def may_be_same(first: Bytes, second: Bytes, shapes: Floats) -> tuple[Mask, Floats]:
    """Tell from signatures, uint8 (pairs, s, s, 3), which pairs deserve a close look.

    ``shapes``: the aspect ratios (width / height) of both pictures, float32 (pairs, 2). Also
    returns where to begin the close look: maps, float32 (pairs, 2, 3).
    """
    a, b = first.astype(np.float32), second.astype(np.float32)
    plausible, maps = _plausible(a, b, shapes)
    again = np.flatnonzero(~plausible)  # the search may find back where it did not find there
    found, back = _plausible(b[again], a[again], shapes[again, ::-1])
    plausible[again] = found
    maps[again[found]] = inverse(back[found])
    return plausible, maps


def _plausible(first: Floats, second: Floats, shapes: Floats) -> tuple[Mask, Floats]:
    if not len(first):
        return np.zeros(0, np.bool_), identity(0)
    start = identity(len(first))
    maps, agreement = align(first.mean(-1), second.mean(-1), start, 8, robust=False)
    worst = _worst(first, second, maps)
    plausible = (agreement > 0.5) & (worst[:, 0] < 110) & (worst[:, 1] < 75)
    return plausible & _ordinary(maps, shapes, 1.5), maps


def are_same(first: Bytes, second: Bytes, maps: Floats, shapes: Floats) -> Mask:
    """Tell which pairs, uint8 (pairs, 128, 128, 3), show the same, from a first guess of maps."""
    same = np.zeros(len(first), np.bool_)
    for at in range(0, len(first), _AT_ONCE):
        part = slice(at, at + _AT_ONCE)
        same[part] = _look_closely(first[part], second[part], maps[part], shapes[part])
    again = np.flatnonzero(~same)
    for at in range(0, len(again), _AT_ONCE):  # and back, as above
        some = again[at : at + _AT_ONCE]
        back = inverse(maps[some])
        same[some] = _look_closely(second[some], first[some], back, shapes[some, ::-1])
    return same


def _look_closely(first: Bytes, second: Bytes, maps: Floats, shapes: Floats) -> Mask:
    same = np.zeros(len(first), np.bool_)
    a, b = shrink(first, 32), shrink(second, 32)
    maps, agreement = align(a.mean(-1), b.mean(-1), maps, 5, robust=False)
    worst = _worst(a, b, maps)
    near = (agreement > 0.65) & (worst[:, 0] < 110) & (worst[:, 1] < 75)
    left = np.flatnonzero(near & _ordinary(maps, shapes, 1.3))
    if not len(left):
        return same
    first, second = first[left], second[left]
    a, b = shrink(first, 64).mean(-1), shrink(second, 64).mean(-1)
    maps, agreement = align(a, b, maps[left], 4)
    fair = (agreement > 0.85) & _ordinary(maps, shapes[left], 1.12)
    same[left] = fair & verdict(compare(first, second, maps))
    return same


def verdict(seen: Differences) -> Mask:
    """Tell from their differences which pairs show the same."""
    return (
        (seen.shared > 0.6)
        & (seen.unexplained < 0.002)
        & (seen.densest < 0.15)
        & (seen.overlaid < 0.3)
        & (seen.solid < 0.85)
        & (seen.unlike < 0.3)
        & (seen.crossed < 2)
    )


def _worst(first: Floats, second: Floats, maps: Floats) -> Floats:
    """Differences that 2 % and 5 % of the pixels exceed, in levels: float32 (pairs, 2)."""
    pairs, size = first.shape[:2]
    to = maps @ places(size)
    moved = sample(second, to[:, 0], to[:, 1])
    inside = (np.abs(to) < 1 - 1.5 / size).all(axis=1)
    apart = np.abs(moved - first.reshape(pairs, -1, 3)).max(axis=-1) * inside
    points = size * size
    at = [points - points // 50, points - points // 20]
    found: Floats = np.partition(apart, at, axis=1)[:, at]
    return found


def _ordinary(maps: Floats, shapes: Floats, stretch: float) -> Mask:
    """Tell which maps a copy may have: a little crop, a little turn, no more than that stretch.

    The stretch is the ratio of the singular values of the map between the pictures as they are,
    before they were squeezed into squares.
    """
    unsqueezed = maps[:, :, :2].copy()
    unsqueezed[:, 0] *= shapes[:, 1, None]
    unsqueezed[:, :, 0] /= shapes[:, 0, None]
    values = np.linalg.svd(unsqueezed, compute_uv=False)
    sides = np.stack([maps[:, 0, 0], maps[:, 1, 1]])
    fair: Mask = (values[:, 0] < stretch * values[:, 1]) & (sides > 0.8).all(axis=0)
    fair &= (sides < 1.25).all(axis=0)
    turned = np.maximum(np.abs(maps[:, 0, 1]), np.abs(maps[:, 1, 0]))
    fair &= (turned < 0.15) & (np.abs(maps[:, :, 2]).max(axis=1) < 0.25)
    return fair
