"""Finds how one picture has to be scaled, shifted and turned to lie on another.

Many pairs at a time: a Gauss-Newton search for the affine map with the smallest robust
difference, coarse to fine (Lucas and Kanade 1981; in the inverse compositional form of Baker and
Matthews, "Lucas-Kanade 20 Years On", 2004). As in the enhanced correlation coefficient of
Evangelidis and Psarakis (2008), brightness and contrast are free; as in Black and Anandan (1996),
pixels that cannot agree, those under a watermark for one, lose their weight. It starts at "no
change", so what it finds are small changes: a crop of a tenth, a turn of a few degrees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_HUBER = 2.0
"""Residuals beyond this many standard deviations weigh less. Weights that fall to nothing would
leave out the small things on a plain ground, which tell best where the picture lies."""
_LEAST_SIGMA = 0.1
"""Of a picture with standard deviation 1: what compression alone does to a pixel."""
_PRIOR = 0.03
"""Weight of "no change" against a pixel of a picture with standard deviation 1."""
_FAR = 0.6
"""A step beyond this (of half the picture) is a search that has lost its way."""


def identity(pairs: int) -> Floats:
    """Return the map that changes nothing, float32 (pairs, 2, 3).

    A map takes the place (x, y, 1) of the first picture to that of the second. Places run from
    -1 to 1 over each picture, so a map holds for every resolution.
    """
    return np.tile(np.eye(2, 3, dtype=np.float32), (pairs, 1, 1))


def inverse(maps: Floats) -> Floats:
    """Return the maps from the second pictures to the first."""
    whole = np.tile(np.eye(3, dtype=np.float32), (len(maps), 1, 1))
    whole[:, :2] = maps
    # a map that folds the picture flat has no inverse: the least of them do
    flat = np.abs(np.linalg.det(whole)) < 0.05
    whole[flat] = np.eye(3, dtype=np.float32)
    back: Floats = np.linalg.inv(whole)[:, :2]
    return back


def places(size: int) -> Floats:
    """Return x, y, 1 of the pixel centres of a square picture, float32 (3, size * size)."""
    line = (np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1
    y, x = np.meshgrid(line, line, indexing="ij")
    return np.stack([x.ravel(), y.ravel(), np.ones(size * size, np.float32)])


def sample(pictures: Floats, x: Floats, y: Floats) -> Floats:
    """Return the pictures' values at places, bilinear; outside, those of the nearest edge.

    float32 (pairs, size, size, channels) at (pairs, points) gives (pairs, points, channels).
    """
    pairs, size = pictures.shape[:2]
    column = np.clip((x + 1) * (size / 2) - 0.5, 0, size - 1)
    row = np.clip((y + 1) * (size / 2) - 0.5, 0, size - 1)
    left = np.minimum(column.astype(np.int32), size - 2)
    top = np.minimum(row.astype(np.int32), size - 2)
    right, below = (column - left)[..., None], (row - top)[..., None]
    flat = pictures.reshape(pairs * size * size, -1)
    at = top * size + left + (np.arange(pairs, dtype=np.int32) * (size * size))[:, None]
    upper = flat[at] * (1 - right) + flat[at + 1] * right
    lower = flat[at + size] * (1 - right) + flat[at + size + 1] * right
    values: Floats = upper * (1 - below) + lower * below
    return values


def align(
    first: Floats, second: Floats, start: Floats, steps: int, *, robust: bool = True
) -> tuple[Floats, Floats]:
    """Return better maps, and how well the pictures then agree.

    ``first``, ``second``: grey, float32 (pairs, size, size). ``start``: maps, float32
    (pairs, 2, 3), improved by at most ``steps`` steps. The agreement, float32 (pairs,), is the
    normalised correlation with the robust weights, -1 to 1; 0 where the search got lost.
    """
    pairs, size = first.shape[:2]
    at = places(size)
    template = _standard(first.reshape(pairs, -1))
    other = _standard(second.reshape(pairs, -1)).reshape(pairs, size, size, 1)
    slopes = _slopes(template.reshape(pairs, size, size), at)
    maps, agreement = start.astype(np.float32), np.zeros(pairs, np.float32)
    for step in range(steps + 1):
        to = maps @ at
        seen = sample(other, to[:, 0], to[:, 1])[..., 0]
        inside = (np.abs(to) < 1 - 1 / size).all(axis=1).astype(np.float32)
        residual, weight = _residual(template, seen, inside, robust)
        agreement = _correlation(template, seen, weight)
        if step < steps:
            maps = _step(maps, slopes, residual, weight)
    return maps, np.where(_lost(maps), 0, agreement).astype(np.float32)


def _standard(values: Floats) -> Floats:
    centred = values - values.mean(axis=1, keepdims=True)
    standard: Floats = centred / np.maximum(centred.std(axis=1, keepdims=True), 1.0)
    return standard


def _slopes(pictures: Floats, at: Floats) -> Floats:
    """How every pixel changes with each of the six numbers of a map: (pairs, 6, points)."""
    pairs, size = pictures.shape[:2]
    down, across = np.gradient(pictures, 2 / size, axis=(1, 2))
    slopes = np.stack([across.reshape(pairs, 1, -1) * at, down.reshape(pairs, 1, -1) * at], axis=1)
    return slopes.reshape(pairs, 6, -1)


def _residual(
    template: Floats, seen: Floats, inside: Floats, robust: bool
) -> tuple[Floats, Floats]:
    """Return the difference after the best gain and offset, and every pixel's weight."""
    weight = inside
    for again in range(2 if robust else 1):
        total = np.maximum(weight.sum(axis=1, keepdims=True), 1.0)
        t = template - (weight * template).sum(axis=1, keepdims=True) / total
        s = seen - (weight * seen).sum(axis=1, keepdims=True) / total
        power = np.maximum((weight * s * s).sum(axis=1, keepdims=True), 1e-3)
        gain = np.clip((weight * t * s).sum(axis=1, keepdims=True) / power, 0.5, 2.0)
        residual = gain * s - t
        if robust and not again:
            # the mean absolute difference: a median costs ten times as much
            sigma = 1.25 * (weight * np.abs(residual)).sum(axis=1, keepdims=True) / total
            reach = _HUBER * np.maximum(sigma, _LEAST_SIGMA)
            weight = inside * np.minimum(1, reach / np.maximum(np.abs(residual), 1e-6))
    return residual, weight


def _correlation(template: Floats, seen: Floats, weight: Floats) -> Floats:
    total = np.maximum(weight.sum(axis=1, keepdims=True), 1.0)
    t = template - (weight * template).sum(axis=1, keepdims=True) / total
    s = seen - (weight * seen).sum(axis=1, keepdims=True) / total
    both = (weight * t * s).sum(axis=1)
    scale = (weight * t * t).sum(axis=1) * (weight * s * s).sum(axis=1)
    found: Floats = both / np.sqrt(np.maximum(scale, 1e-6))
    return found


def _step(maps: Floats, slopes: Floats, residual: Floats, weight: Floats) -> Floats:
    """One inverse compositional step: undo the small map that explains the residual.

    A picture of stripes does not tell how far it is shifted along them. There the prior decides
    that it is not.
    """
    weighted = slopes * weight[:, None]
    normal = weighted @ slopes.transpose(0, 2, 1)
    strength = _PRIOR * weight.sum(axis=1)
    normal += strength[:, None, None] * np.eye(6, dtype=np.float32)
    so_far = (maps - np.eye(2, 3, dtype=np.float32)).reshape(-1, 6)
    pull = weighted @ residual[..., None] + (strength[:, None] * so_far)[..., None]
    change = np.linalg.solve(normal, pull).reshape(-1, 2, 3)
    small = np.tile(np.eye(3, dtype=np.float32), (len(maps), 1, 1))
    small[:, :2] += np.clip(change, -0.3, 0.3)
    composed = np.tile(np.eye(3, dtype=np.float32), (len(maps), 1, 1))
    composed[:, :2] = maps
    after = (composed @ np.linalg.inv(small))[:, :2].astype(np.float32)
    return np.where(_lost(after)[:, None, None], maps, after)


def _lost(maps: Floats) -> NDArray[np.bool_]:
    moved = np.abs(maps - np.eye(2, 3, dtype=np.float32)).max(axis=(1, 2))
    lost: NDArray[np.bool_] = ~np.isfinite(moved) | (moved > _FAR)
    return lost
