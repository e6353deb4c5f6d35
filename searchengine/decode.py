"""Bytes to pixels: one upright RGB picture, or one clear error.

The only place that opens pictures. The bytes may come from anywhere, so what a
file is comes from its first bytes and never from its name, its size is checked
before anything is decoded, and whatever Pillow raises comes out as an
``ItemError``. Pillow's own limit is a global that other users of this process
share; it is left alone, and the picture classes are called directly instead of
through ``Image.open``, which enforces it.
"""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from searchengine.errors import DecodeError, LimitError
from searchengine.extras import missing_extra
from searchengine.jpeg import load_reduced, reduced_pixels
from searchengine.raw import RAW_SUFFIXES, decode_raw, raw_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import Image, ImageFile

    from searchengine.encoders.contract import Pixels

IMAGE_SUFFIXES: frozenset[str] = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".gif", ".tif", ".tiff"}
    | {".bmp", ".heic", ".heif"}
    | RAW_SUFFIXES
)
"""Names that promise a picture, in lower case. The content decides."""

_KINDS: dict[str, tuple[str, str, str]] = {
    "AVIF": ("image/avif", "PIL.AvifImagePlugin", "AvifImageFile"),
    "BMP": ("image/bmp", "PIL.BmpImagePlugin", "BmpImageFile"),
    "GIF": ("image/gif", "PIL.GifImagePlugin", "GifImageFile"),
    "HEIF": ("image/heic", "pillow_heif", "HeifImageFile"),
    # also the first picture of an MPO, the multi-picture JPEG of phones
    "JPEG": ("image/jpeg", "PIL.JpegImagePlugin", "JpegImageFile"),
    "PNG": ("image/png", "PIL.PngImagePlugin", "PngImageFile"),
    "TIFF": ("image/tiff", "PIL.TiffImagePlugin", "TiffImageFile"),
    "WEBP": ("image/webp", "PIL.WebPImagePlugin", "WebPImageFile"),
}
"""Media type, and the class that reads it."""
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}

_CONTAINERS = (b"%PDF-", b"\x1a\x45\xdf\xa3")
"""How PDFs and Matroska films begin; MP4 films begin as AVIF does."""
_ORIENTATION = 0x0112
_SIDEWAYS = {5, 6, 7, 8}
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""How to turn a picture of an EXIF orientation upright, in Pillow's words."""
_TILE_WIDTH, _TILE_LENGTH = 322, 323
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825

_QUIET = ("ignore", None, Warning, re.compile(r"PIL\."), 0)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture as it is looked at."""

    seen: Image.Image | Pixels
    """Mode RGB, upright, no transparency; uint8 (h, w, 3) where the decoder gave just that."""
    width: int
    """Pixels, of the whole upright picture."""
    height: int
    mime: str
    """From the content."""
    reduced_from: tuple[int, int] | None = None
    """Width and height of what was decoded, if it was reduced on the way."""
    header: Image.Image | None = None
    """The opened file where ``seen`` has none of its tags."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole upright picture."""
        return self.width, self.height

    @property
    def tagged(self) -> Image.Image:
        """What the file's EXIF can be read from, orientation included; perhaps without pixels."""
        return self.header or self.image

    @property
    def image(self) -> Image.Image:
        """``seen`` as an image, made anew from pixels. Its EXIF is still the file's."""
        from PIL import Image

        if isinstance(self.seen, Image.Image):
            return self.seen
        image = Image.fromarray(self.seen)
        if self.header is not None:
            _carry_exif(self.header, image)
        return image


def decode_image(
    data: bytes, *, max_pixels: int, reduction: Callable[[int, int], int] | None = None
) -> Decoded:
    """Decode the first (or only) frame of a JPEG, PNG, WebP, AVIF, GIF, TIFF, BMP or HEIC file.

    Of a camera's RAW file it is the preview (see ``raw``). Transparency is laid on white, 16 bits
    a channel are scaled to 8, the EXIF orientation is applied.
    Thread-safe; Pillow lets go of the GIL while it decodes.

    ``reduction`` is asked, with width and height of the upright picture, by
    which power of two (1, 2, 4, 8) it may be reduced on the way. Of a JPEG the
    inverse transform is then computed at that size only, which saves most of
    the work; every byte is still read, so that what is damaged is still found.
    The sides of ``image`` are then those of the picture over the factor, rounded
    up. Other formats are decoded whole.

    Raises ``LimitError`` for more than ``max_pixels`` pixels, before they are
    decoded, and ``DecodeError`` for anything that is no whole picture.
    """
    if (raw := raw_type(data)) is not None:
        preview = partial(decode_image, max_pixels=max_pixels, reduction=reduction)
        return decode_raw(data, raw, max_pixels=max_pixels, decode=preview)
    kind = _kind_of(data)
    quiet_pillow()
    try:
        picture = _open(kind, data)
        check_pixels(*picture.size, max_pixels)
        if kind == "JPEG" and reduction is not None:
            return _decode_jpeg(picture, data, reduction)
        if kind == "TIFF":
            _prepare_tiff(picture, max_pixels)
        picture.load()
        image = _flatten(_turned(picture, _orientation(picture)))
    except (DecodeError, LimitError):
        raise
    except MemoryError:
        raise LimitError(
            f"not enough memory to decode this {kind} picture; a lower ingest.max_pixels "
            "(SEARCHENGINE_INGEST__MAX_PIXELS) refuses such pictures beforehand"
        ) from None
    except Exception as error:  # a broken picture makes Pillow raise nearly anything
        _raise_for(error, kind)
    if kind == "TIFF":
        _carry_tiff_exif(picture, image)
    else:
        _carry_exif(picture, image)
    return Decoded(image, *image.size, _KINDS[kind][0])


def is_picture(data: bytes | None) -> bool:
    """Whether the first bytes promise a picture of a known kind (64 of them are enough)."""
    try:
        return data is not None and bool(raw_type(data) or _kind_of(data))
    except DecodeError:
        return False


def picture_type(data: bytes) -> str:
    """Return the media type of a picture from its first bytes. Raises ``DecodeError``."""
    return raw_type(data) or _KINDS[_kind_of(data)][0]


def check_pixels(width: int, height: int, max_pixels: int) -> None:
    """Raise ``LimitError`` for a picture of more than ``max_pixels`` pixels."""
    if width * height > max_pixels:
        raise LimitError(
            f"{width:,} x {height:,} pixels are more than the limit ingest.max_pixels = "
            f"{max_pixels:,} (SEARCHENGINE_INGEST__MAX_PIXELS)",
            hint="raise that limit if you trust the file",
        )


def quiet_pillow() -> None:
    """Make sure that Pillow's warnings about odd files do not leak.

    What is wrong enough to matter comes out as an error. ``catch_warnings``
    would not do: it swaps the filters of the whole process under other threads.
    """
    if _QUIET not in warnings.filters:
        warnings.filterwarnings("ignore", module=_QUIET[3].pattern)


def _kind_of(data: bytes) -> str:
    """Return the format of a picture (a key of ``_KINDS``) from its first bytes."""
    head = data[:64]
    if not head:
        raise DecodeError("the file is empty (0 bytes)")
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if head.startswith(b"BM"):
        return "BMP"
    if head[4:8] == b"ftyp":
        end = min(int.from_bytes(head[:4], "big"), len(head))
        brands = {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}
        if brands & _AVIF_BRANDS:
            return "AVIF"
        if brands & _HEIF_BRANDS:
            return "HEIF"
    raise DecodeError(
        "not a picture: the content is none of JPEG, PNG, WebP, AVIF, GIF, TIFF, BMP, HEIC, RAW",
        hint="of a PDF or a film, name a part: book.pdf#page=3, film.mp4#frame=3"
        if head.startswith(_CONTAINERS) or head[4:8] == b"ftyp"
        else "",
    )


def _open(kind: str, data: bytes) -> ImageFile.ImageFile:
    """Read the header of a picture; nothing is decoded yet."""
    _, module, name = _KINDS[kind]
    try:
        picture_class = getattr(import_module(module), name)
    except ImportError:
        if kind != "HEIF":
            raise
        raise missing_extra("HEIC pictures", "heic") from None
    picture: ImageFile.ImageFile = picture_class(io.BytesIO(data))
    return picture


def _decode_jpeg(
    picture: ImageFile.ImageFile, data: bytes, reduction: Callable[[int, int], int]
) -> Decoded:
    """Decode an opened JPEG, reduced where that is asked for."""
    orientation = _orientation(picture)
    width, height = picture.size[::-1] if orientation in _SIDEWAYS else picture.size
    factor, mime = reduction(width, height), _KINDS["JPEG"][0]
    seen: Image.Image = picture
    if factor > 1 and (pixels := reduced_pixels(picture, data, factor)) is not None:
        if orientation not in _TURNS:
            return Decoded(pixels, width, height, mime, (width, height), header=picture)
        from PIL.Image import fromarray

        seen = fromarray(pixels)
    else:
        load_reduced(picture, factor)
    image = _flatten(_turned(seen, orientation))
    _carry_exif(picture, image)
    reduced = image.size != (width, height)
    return Decoded(image, width, height, mime, (width, height) if reduced else None)


def _raise_for(error: Exception, kind: str) -> NoReturn:
    from PIL import Image

    if isinstance(error, Image.DecompressionBombError):  # some formats check it themselves
        raise LimitError(f"beyond Pillow's own limit for {kind} pictures: {error}") from error
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    raise DecodeError(f"damaged or truncated {kind} picture: {reason}") from error


def _prepare_tiff(picture: ImageFile.ImageFile, max_pixels: int) -> None:
    """Refuse tiles far larger than the picture, and read the tags while the file is open."""
    tags = picture.tag_v2  # type: ignore[attr-defined]
    check_pixels(int(tags.get(_TILE_WIDTH, 0)), int(tags.get(_TILE_LENGTH, 0)), max_pixels)
    try:
        exif = picture.getexif()
        exif.get_ifd(_EXIF_IFD)
        exif.get_ifd(_GPS_IFD)
    except Exception:  # odd tags are no reason to lose the picture
        return


def _carry_tiff_exif(picture: Image.Image, image: Image.Image) -> None:
    """Give an image made from a TIFF its tags, without those that describe the TIFF itself."""
    from PIL.Image import Exif

    try:
        old, new = picture.getexif(), Exif()
        for tag in (0x010F, 0x0110):  # make, model
            if tag in old:
                new[tag] = old[tag]
        for ifd in (_EXIF_IFD, _GPS_IFD):
            if values := old.get_ifd(ifd):
                new[ifd] = dict(values)
        image.info["exif"] = new.tobytes()
    except Exception:  # as above
        image.info.pop("exif", None)


def _carry_exif(picture: Image.Image, image: Image.Image) -> None:
    """Give a new canvas the tags of what it was made from."""
    for key in ("exif", "Raw profile type exif"):
        if key in picture.info:
            image.info[key] = picture.info[key]


def _orientation(picture: Image.Image) -> int:
    """Return how the picture is turned, 1 to 8, or another number that means nothing."""
    try:
        orientation = picture.getexif().get(_ORIENTATION)
    except Exception:  # EXIF that cannot be read says nothing about the orientation
        return 1
    return orientation if isinstance(orientation, int) else 1


def _turned(picture: Image.Image, orientation: int) -> Image.Image:
    from PIL.Image import Transpose

    turn = _TURNS.get(orientation)
    return picture if turn is None else picture.transpose(Transpose[turn])


def _flatten(image: Image.Image) -> Image.Image:
    """Return the image in mode RGB, itself if it is."""
    from PIL.Image import new

    if image.mode.startswith(("I", "F")):
        image = _to_8_bit(image)
    if image.has_transparency_data:
        if image.mode != "RGBA":
            image = image.convert("RGBA")
        canvas = new("RGB", image.size, "white")
        canvas.paste(image, mask=image)
        return canvas
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Return a grey image of 16 or 32 bits (or floats) in mode L, or LA if it has a clear colour.

    Sixteen bits are scaled by 255/65535, where Pillow would clip or shift. For
    32 bits and floats no white is defined: 1.0, 255 and 65,535 are taken for it
    where nothing is brighter (1.0 for floats only), else the brightest pixel.
    """
    import numpy as np
    from PIL.Image import fromarray, merge

    values = np.asarray(image)
    clear = image.info.get("transparency")
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        grey = ((np.arange(65_536, dtype=np.uint32) * 255 + 32_767) // 65_535).astype(np.uint8)
        scaled = grey[values]
    else:
        floats = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        top = float(floats.max())
        levels = (1.0, 255.0, 65_535.0) if values.dtype.kind == "f" else (255.0, 65_535.0)
        white = next((level for level in levels if top <= level), top)
        scaled = np.rint(np.clip(floats, 0, white) * (255 / white)).astype(np.uint8)
    result = fromarray(scaled)
    if isinstance(clear, int):
        alpha = np.where(values == clear, 0, 255).astype(np.uint8)
        result = merge("LA", (result, fromarray(alpha)))
    return result
