"""The little pictures that are compared: read from the files, or shrunk from one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from searchengine.present.thumbnails import item_thumbnail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

SIDE = 128
"""Pixels, either way: a picture is squeezed into a square, for a map takes care of its shape.
Things of 3 % of the picture's width are 4 pixels wide."""
SMALL = 16
"""Side of the signature that every picture leaves in memory, in pixels."""


def read_picture(uri: str) -> Bytes | None:
    """Return an indexed picture, RGB, uint8 (SIDE, SIDE, 3); ``None`` where it cannot be read.

    ``uri`` is the item's ``place_of``: a frame or a page is taken out of its file again.
    """
    from PIL import Image

    picture = item_thumbnail(uri, None, (2 * SIDE, 2 * SIDE))
    if isinstance(picture, str):
        return None
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR), np.uint8)


def read_signatures(uris: Sequence[str]) -> tuple[Bytes, NDArray[np.bool_]]:
    """Return the signatures of pictures, uint8 (n, SMALL, SMALL, 3), and which could be read."""
    found = np.zeros((len(uris), SMALL, SMALL, 3), np.uint8)
    readable = np.zeros(len(uris), np.bool_)
    for at, uri in enumerate(uris):
        picture = read_picture(uri)
        if picture is not None:
            found[at] = np.rint(shrink(picture[None], SMALL)[0])
            readable[at] = True
    return found, readable


def shrink(pictures: NDArray[np.generic], side: int) -> NDArray[np.float32]:
    """Return square pictures (n, s, s, 3) at a side that divides theirs, float32, by averaging."""
    count, factor = len(pictures), pictures.shape[1] // side
    parts = pictures.reshape(count, side, factor, side, factor, 3)
    small: NDArray[np.float32] = parts.mean(axis=(2, 4), dtype=np.float32)
    return small
