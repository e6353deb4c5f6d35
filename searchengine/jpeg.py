"""JPEGs at a part of their size: the inverse transform is computed for fewer pixels.

Only halves, quarters and eighths, at which libjpeg-turbo keeps the lowest frequencies of each
block and loses nothing else; in between it is slower and farther from a resize of the whole.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import ImageFile

    from searchengine.encoders.contract import Pixels


def reduced_pixels(picture: ImageFile.ImageFile, data: bytes, factor: int) -> Pixels | None:
    """Decode an opened JPEG at one over ``factor`` (2, 4, 8) of its size: uint8 (h, w, 3), RGB.

    The sides are rounded up. libjpeg-turbo is called directly where simplejpeg is installed: the
    pixels are Pillow's, without its copies of them. Whatever is odd about a file, and be it a
    warning, is left to Pillow and gives ``None``, so that what is refused does not depend on it.
    """
    simplejpeg = _simplejpeg()
    if simplejpeg is None or picture.mode not in ("RGB", "L"):
        return None
    width, height = (-(-side // factor) for side in picture.size)
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(
            data, "RGB", min_width=width, min_height=height, strict=True
        )
    except (ValueError, RuntimeError):
        return None
    # a tiny picture may come at another scale that will do
    return pixels if pixels.shape[:2] == (height, width) else None


def load_reduced(picture: ImageFile.ImageFile, factor: int) -> None:
    """Have Pillow load an opened JPEG at one over ``factor`` (1, 2, 4, 8) of its size, rounded up.

    Raises what Pillow raises.
    """
    if factor > 1:
        width, height = picture.size
        picture.draft(None, (max(1, width // factor), max(1, height // factor)))
    picture.load()


def reduced_by() -> str:
    """Return the name of what ordinary JPEGs are reduced by here."""
    return "Pillow" if _simplejpeg() is None else "simplejpeg"


@cache
def _simplejpeg() -> Any:
    """Return the library, ``None`` without it; a failed import costs too much to try each time."""
    try:
        import simplejpeg
    except ImportError:
        return None
    return simplejpeg
