"""Small upright pictures of files, made cheaply and without trusting the files."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

from searchengine.containers.reading import picture_bytes
from searchengine.decode import check_pixels, decode_image, quiet_pillow
from searchengine.errors import (
    DecodeError,
    LimitError,
    NotFoundError,
    ReadError,
    UnsupportedError,
)
from searchengine.extras import extra_named
from searchengine.identity import path_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from PIL import Image

MAX_PIXELS = 178_956_970
"""Larger pictures are not opened for a thumbnail (Pillow's limit for decompression bombs)."""


def item_thumbnail(
    uri: str, meta: Mapping[str, Any] | None, size: tuple[int, int]
) -> Image.Image | str:
    """Return the picture of an indexed image as ``thumbnail`` does, be it a part of a file.

    ``meta`` is the item's: a frame of a film is found by the time in it.
    """
    path = path_of(uri)
    if path is None:
        return "not on this machine"
    if "#" not in uri:
        return thumbnail(path, size)
    try:
        data = picture_bytes(uri, meta, max_pixels=MAX_PIXELS)
        return small(decode_image(data, max_pixels=MAX_PIXELS).image, size, upright=True)
    except NotFoundError:
        return "file is gone"
    except UnsupportedError:
        return "inside another file"
    except ReadError:
        return "not readable"
    except (LimitError, MemoryError):
        return "too large"
    except DecodeError as error:
        return _why_broken(error)


def thumbnail(path: Path, size: tuple[int, int]) -> Image.Image | str:
    """Return the picture, RGB, upright and within ``size`` pixels, or why there is none.

    The reason is a few words to write in its place. A JPEG is decoded at the
    smallest scale that is large enough (``Image.draft``).
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever
            return "not a file"
        return _draft(path, size) or small(
            decode_image(path.read_bytes(), max_pixels=MAX_PIXELS).image, size, upright=True
        )
    except FileNotFoundError:
        return "file is gone"
    except OSError as error:
        return "not readable" if error.errno else "broken picture"  # Pillow's have no number
    except (LimitError, MemoryError):
        return "too large"
    except DecodeError as error:
        return _why_broken(error)


def _why_broken(error: DecodeError) -> str:
    extra = extra_named(error)
    return f"needs the extra {extra}" if extra else "broken picture"


def small(image: Image.Image, size: tuple[int, int], *, upright: bool = False) -> Image.Image:
    """Return an RGB copy within ``size`` pixels; what is transparent becomes white.

    It is turned as its EXIF says, unless it is ``upright`` already.
    """
    from PIL import Image, ImageOps

    if not upright:
        image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image.thumbnail(size)
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image)
        return white
    image = image.convert("RGB")
    image.thumbnail(size)
    return image


def _draft(path: Path, size: tuple[int, int]) -> Image.Image | None:
    """Return a small picture of a JPEG, ``None`` for what is none."""
    from PIL.JpegImagePlugin import JpegImageFile

    quiet_pillow()
    with path.open("rb") as file:
        if file.read(3) != b"\xff\xd8\xff":
            return None
        file.seek(0)
        try:
            with JpegImageFile(file) as image:
                check_pixels(image.width, image.height, MAX_PIXELS)
                image.draft("RGB", (2 * size[0], 2 * size[1]))
                return small(image, size)
        except (LimitError, MemoryError):
            raise
        except Exception as error:  # a broken picture makes Pillow raise nearly anything
            raise DecodeError(f"damaged JPEG picture: {error}") from error
