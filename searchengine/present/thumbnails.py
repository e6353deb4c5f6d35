"""Small upright pictures of files, made cheaply and without trusting the files."""

from __future__ import annotations

import stat
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

MAX_PIXELS = 178_956_970
"""Larger pictures are not opened for a thumbnail (Pillow's limit for decompression bombs)."""


def thumbnail(path: Path, size: tuple[int, int]) -> Image.Image | str:
    """Return the picture, RGB, upright and within ``size`` pixels, or why there is none.

    The reason is a few words to write in its place. A JPEG is decoded at the
    smallest scale that is large enough (``Image.draft``).
    """
    from PIL import Image

    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever
            return "not a file"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                if image.width * image.height > MAX_PIXELS:
                    return "too large"
                image.draft("RGB", (2 * size[0], 2 * size[1]))
                return small(image, size)
    except FileNotFoundError:
        return "file is gone"
    except PermissionError:
        return "not readable"
    except Image.DecompressionBombError:
        return "too large"
    except Exception:  # Pillow's plugins raise whatever a broken file makes of them
        return "broken picture"


def small(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return an upright RGB copy within ``size`` pixels; what is transparent becomes white."""
    from PIL import Image, ImageOps

    if image.mode == "P" or "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode.startswith(("I", "F")):
        image = _eight_bits(image)
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image.thumbnail(size)
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    image = image.convert("RGB")
    image.thumbnail(size)
    return image


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return grey levels 0 to 255 of a picture with 16 bits a level, or with floats 0 to 1."""
    import numpy as np
    from PIL import Image

    levels = np.nan_to_num(np.asarray(image, dtype=np.float32))
    top = float(levels.max(initial=0))
    full = 1.0 if top <= 1 else 255.0 if top <= 255 else 65535.0
    return Image.fromarray((levels.clip(0, full) * (255 / full)).astype(np.uint8))
