"""RAW pictures of cameras: told by their content, seen through the preview they carry.

A camera writes the JPEG it would have made into its RAW file. That preview is
what people see of the file, it is decoded in a fraction of the time that it
takes to develop the sensor's data, and it is what this decodes: the largest
there is. Only a file without one (or with no more than a thumbnail) is
developed, at half size.

LibRaw does it, by way of rawpy (the extra ``raw``).
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from searchengine.errors import DecodeError, LimitError
from searchengine.extras import missing_extra

if TYPE_CHECKING:
    from collections.abc import Callable

    from searchengine.decode import Decoded

RAW_SUFFIXES: frozenset[str] = frozenset(
    {".dng", ".nef", ".nrw", ".cr2", ".cr3", ".arw", ".srf", ".sr2", ".orf", ".rw2", ".raf"}
    | {".pef", ".srw", ".3fr", ".erf", ".kdc", ".mrw", ".x3f", ".iiq", ".rwl"}
)
"""Names that promise a RAW picture, in lower case. The content decides."""

_MAGICS: tuple[tuple[bytes, str], ...] = (
    (b"FUJIFILMCCD-RAW", "image/x-fuji-raf"),
    (b"IIU\0", "image/x-panasonic-rw2"),
    (b"IIRO", "image/x-olympus-orf"),
    (b"IIRS", "image/x-olympus-orf"),
    (b"MMOR", "image/x-olympus-orf"),
    (b"FOVb", "image/x-sigma-x3f"),
    (b"\0MRM", "image/x-minolta-mrw"),
)
_TIFF = (b"II*\0", b"MM\0*")
_MAKERS = {
    b"NIKON": "image/x-nikon-nef",
    b"SONY": "image/x-sony-arw",
    b"PENTAX": "image/x-pentax-pef",
    b"SAMSUNG": "image/x-samsung-srw",
}
_PHOTOMETRIC, _MAKE, _ORIENTATION, _SUB_IFDS = 262, 271, 274, 330
_EXIF_IFD, _GPS_IFD, _DNG_VERSION = 0x8769, 0x8825, 50706
_SENSOR = {32803, 34892}
"""Colour filter array, and linear RAW: what no picture for looking at is made of."""
_MOST_ENTRIES, _MOST_IFDS = 512, 16

_LEAST_SIDE = 256
"""Pixels; a preview of less is a thumbnail, and the file is developed instead."""
_FULL = 0.9
"""A preview whose long side is this share of the sensor's is the picture at its full size."""


@dataclass(frozen=True, slots=True)
class _Preview:
    """The embedded picture: a JPEG file, or pixels."""

    jpeg: bytes | None
    pixels: Any


def raw_type(data: bytes) -> str | None:
    """Return the media type of a RAW file from its content, ``None`` if it is none.

    A RAW file of most makers is a TIFF. It is told from a picture by what only
    sensors give: a colour filter array, or the version tag of a DNG.
    """
    for magic, mime in _MAGICS:
        if data.startswith(magic):
            return mime
    if data[4:12] == b"ftypcrx ":
        return "image/x-canon-cr3"
    if not data.startswith(_TIFF):
        return None
    if data[8:10] == b"CR":
        return "image/x-canon-cr2"
    try:
        return _tiff_raw_type(data)
    except (struct.error, IndexError):  # a broken TIFF is for Pillow to judge
        return None


def decode_raw(
    data: bytes, mime: str, *, max_pixels: int, decode: Callable[[bytes], Decoded]
) -> Decoded:
    """Return what a RAW picture looks like, upright; ``decode`` decodes the JPEG in it.

    Width and height are the picture's at full size, even where the preview is smaller.
    Raises ``LimitError`` and ``DecodeError`` as ``decode_image`` does.
    """
    rawpy = _library()
    from searchengine.decode import check_pixels

    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            sizes = raw.sizes
            # What the sensor has is only read where it is developed, but the file says it here.
            check_pixels(sizes.raw_width, sizes.raw_height, max_pixels)
            flip = int(sizes.flip)
            preview = _preview(rawpy, raw)
            shown = _seen(preview, flip, decode)
            if shown is None or min(shown.size) < _LEAST_SIDE:
                shown = _developed(rawpy, raw, shown)
    except rawpy.LibRawError as error:
        raise DecodeError(f"damaged or unknown RAW picture: {_reason(error)}") from error
    except MemoryError:
        raise LimitError("not enough memory to decode this RAW picture") from None
    full = (sizes.height, sizes.width) if flip in (5, 6) else (sizes.width, sizes.height)
    if max(shown.size) >= _FULL * max(full):
        full = shown.size
    if (exif := _own_exif(data)) is not None:
        image = shown.image
        image.info["exif"] = exif
        image.getexif().load(exif)  # in place of the preview's, which may have been read already
        shown = replace(shown, seen=image, header=None)
    return replace(shown, width=full[0], height=full[1], mime=mime)


def _library() -> Any:
    try:
        import rawpy
    except ImportError:
        raise missing_extra("RAW pictures", "raw") from None
    return rawpy


def _reason(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return text or type(error).__name__


def _preview(rawpy: Any, raw: Any) -> _Preview | None:
    try:
        found = raw.extract_thumb()
    except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):
        return None
    if found.format == rawpy.ThumbFormat.JPEG:
        return _Preview(found.data, None)
    return _Preview(None, found.data)


def _seen(
    preview: _Preview | None, flip: int, decode: Callable[[bytes], Decoded]
) -> Decoded | None:
    """Return the preview upright, or ``None`` where it is missing or broken."""
    if preview is None:
        return None
    if preview.jpeg is None:
        return _turned(_as_decoded(preview.pixels), flip)
    try:
        decoded = decode(preview.jpeg)
    except DecodeError:
        return None
    # Few previews say how the camera was held; LibRaw writes it into those without any EXIF.
    says = decoded.tagged.getexif().get(_ORIENTATION)
    return decoded if says else _turned(decoded, flip)


def _developed(rawpy: Any, raw: Any, thumbnail: Decoded | None) -> Decoded:
    """Return the sensor's picture, upright at half size; the thumbnail if that fails."""
    try:
        return _as_decoded(raw.postprocess(half_size=True, use_camera_wb=True))
    except rawpy.LibRawError:
        if thumbnail is None:
            raise
        return thumbnail


def _as_decoded(pixels: Any) -> Decoded:
    """Return uint8 (h, w), (h, w, 1) or (h, w, 3) as an RGB picture."""
    from PIL.Image import fromarray

    from searchengine.decode import Decoded

    if pixels.ndim == 3 and pixels.shape[2] == 1:  # sensors without a colour filter
        pixels = pixels[:, :, 0]
    if pixels.ndim == 3 and pixels.shape[2] != 3:
        raise DecodeError(f"a RAW picture of {pixels.shape[2]} colours is not known")
    image = fromarray(pixels).convert("RGB")
    return Decoded(image, *image.size, "image/x-raw")


def _turned(shown: Decoded, flip: int) -> Decoded:
    from PIL.Image import Transpose

    turn = {3: Transpose.ROTATE_180, 5: Transpose.ROTATE_90, 6: Transpose.ROTATE_270}.get(flip)
    if turn is None:
        return shown
    image = shown.image.transpose(turn)
    if flip == 3:
        return replace(shown, seen=image)
    return replace(
        shown,
        seen=image,
        width=shown.height,
        height=shown.width,
        reduced_from=shown.reduced_from and shown.reduced_from[::-1],
    )


def _own_exif(data: bytes) -> bytes | None:
    """Return what the RAW file itself says of the shot, where it is a TIFF or like one."""
    from PIL.Image import Exif

    if data[:2] not in (b"II", b"MM"):
        return None
    file = io.BytesIO(data)
    if not data.startswith(_TIFF):
        file.write(_TIFF[data[:2] == b"MM"])  # Olympus's and Panasonic's own magic
        file.seek(0)
    try:
        old, new = Exif(), Exif()
        old.load_from_fp(file)
        for tag in (_MAKE, _MAKE + 1, _ORIENTATION):
            if tag in old:
                new[tag] = old[tag]
        for ifd in (_EXIF_IFD, _GPS_IFD):
            if values := old.get_ifd(ifd):
                new[ifd] = {tag: value for tag, value in values.items() if tag != 0x927C}
        found: bytes = new.tobytes()
    except Exception:  # odd tags are no reason to lose the picture
        return None
    return found


def _tiff_raw_type(data: bytes) -> str | None:
    order = "<" if data.startswith(b"II") else ">"
    first = _entries(data, struct.unpack_from(order + "I", data, 4)[0], order)
    if _DNG_VERSION in first:
        return "image/x-adobe-dng"
    directories = [first]
    if _SUB_IFDS in first:
        count, value = first[_SUB_IFDS]
        at = [value]
        if count > 1:
            at = list(struct.unpack_from(f"{order}{min(count, _MOST_IFDS)}I", data, value))
        directories += [_entries(data, offset, order) for offset in at]
    if not any(_short(one.get(_PHOTOMETRIC), order) in _SENSOR for one in directories):
        return None
    count, value = first.get(_MAKE, (0, 0))
    make = data[value : value + min(count, 16)].upper()
    return next((mime for name, mime in _MAKERS.items() if make.startswith(name)), "image/x-raw")


def _entries(data: bytes, offset: int, order: str) -> dict[int, tuple[int, int]]:
    """Return count and value (or its offset) of each tag of a directory of a TIFF."""
    (count,) = struct.unpack_from(order + "H", data, offset)
    found: dict[int, tuple[int, int]] = {}
    for place in range(min(count, _MOST_ENTRIES)):
        tag, _, number, value = struct.unpack_from(order + "HHII", data, offset + 2 + 12 * place)
        found[tag] = (number, value)
    return found


def _short(entry: tuple[int, int] | None, order: str) -> int:
    """Return a tag's one SHORT: the first two of the four bytes that were read as a number."""
    if entry is None:
        return -1
    return entry[1] & 0xFFFF if order == "<" else entry[1] >> 16
