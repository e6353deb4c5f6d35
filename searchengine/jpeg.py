"""JPEGs at a part of their size: the inverse transform is computed for fewer pixels.

Only halves, quarters and eighths, at which libjpeg-turbo keeps the lowest frequencies of each
block and loses nothing else; in between it is slower and farther from a resize of the whole.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image, ImageFile


def load_reduced(picture: ImageFile.ImageFile, data: bytes, factor: int) -> Image.Image:
    """Decode an opened JPEG at one over ``factor`` (1, 2, 4, 8) of its size, rounded up.

    libjpeg-turbo is called directly where simplejpeg is installed: the pixels
    are Pillow's, without its detours. Whatever is odd about a file, and be it a
    warning, is left to Pillow, so that what is refused does not depend on it.
    Raises what Pillow raises.
    """
    if factor > 1:
        if (image := _direct(picture, data, factor)) is not None:
            return image
        width, height = picture.size
        picture.draft(None, (max(1, width // factor), max(1, height // factor)))
    picture.load()
    return picture


def _direct(picture: ImageFile.ImageFile, data: bytes, factor: int) -> Image.Image | None:
    colours = {"RGB": "RGB", "L": "GRAY"}.get(picture.mode)
    simplejpeg = _simplejpeg()
    if simplejpeg is None or colours is None:
        return None
    width, height = (-(-side // factor) for side in picture.size)
    try:
        pixels = simplejpeg.decode_jpeg(
            data, colours, min_width=width, min_height=height, strict=True
        )
    except (ValueError, RuntimeError):
        return None
    if pixels.shape[:2] != (height, width):  # a tiny picture for which another scale will do
        return None
    from PIL.Image import fromarray

    return fromarray(pixels if colours == "RGB" else pixels[:, :, 0])


@cache
def _simplejpeg() -> Any:
    """Return the library, ``None`` without it; a failed import costs too much to try each time."""
    try:
        import simplejpeg
    except ImportError:
        return None
    return simplejpeg
