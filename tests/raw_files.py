"""Small RAW files (DNG, as its specification 1.4 has it) with and without an embedded preview."""

from __future__ import annotations

import io
import struct
from itertools import pairwise

import numpy as np
from PIL import Image

Entry = tuple[int, int, int, bytes]
"""Tag, type, count, value."""


def preview(size: tuple[int, int] = (360, 270)) -> bytes:
    """A JPEG: red on the left, green on the right."""
    image = Image.new("RGB", size, (200, 30, 30))
    image.paste((30, 160, 60), (size[0] // 2, 0, size[0], size[1]))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92)
    return out.getvalue()


def dng(
    size: tuple[int, int] = (640, 480),
    previews: tuple[bytes, ...] = (),
    *,
    orientation: int = 1,
    version: bool = True,
    make: str = "Testmaker",
) -> bytes:
    """A sensor of 16 bits a pixel, all of it one grey, with these JPEGs as its previews.

    Without ``version`` it is what other makers' RAW files are: a TIFF of a colour filter array.
    """
    width, height = size
    sensor = np.full(width * height, 1500, "<u2").tobytes()
    blobs = [*previews, sensor]
    places = [0] * (len(previews) + 2 + len(blobs))
    for _ in range(2):  # once to learn where everything comes to stand, once with that
        parts = _parts(size, previews, sensor, places, orientation, version, make)
        starts = [8, *[0] * (len(parts) + len(blobs))]
        for at, part in enumerate([*parts, *blobs]):
            starts[at + 1] = starts[at] + len(part) + len(part) % 2
        places = starts[:-1]
        parts = _parts(size, previews, sensor, places, orientation, version, make)
    data = b"II*\0" + struct.pack("<I", 8)
    for (start, end), part in zip(pairwise(starts), [*parts, *blobs], strict=True):
        data += part.ljust(end - start, b"\0")
    return data


def _parts(
    size: tuple[int, int],
    previews: tuple[bytes, ...],
    sensor: bytes,
    places: list[int],
    orientation: int,
    version: bool,
    make: str,
) -> list[bytes]:
    """The directories: the sensor's, one a preview, the EXIF."""
    count = len(previews)
    main = [
        _long(254, 0), _long(256, size[0]), _long(257, size[1]), _short(258, 16), _short(259, 1),
        _short(262, 32803), _text(271, make), _text(272, "Model 1"), _long(273, places[-1]),
        _short(274, orientation), _short(277, 1), _long(278, size[1]), _long(279, len(sensor)),
        _long(34665, places[count + 1]), _short(33421, 2, 2), (33422, 1, 4, bytes((0, 1, 1, 2))),
        _long(50717, 4095), (50721, 10, 9, struct.pack("<18i", *_IDENTITY)), _short(50778, 21),
        (50728, 5, 3, struct.pack("<6I", *[1] * 6)),
    ]  # fmt: skip
    if version:
        main.append((50706, 1, 4, bytes((1, 4, 0, 0))))
    if previews:
        main.append(_long(330, *places[1 : count + 1]))
    parts = [_directory(main, places[0])]
    for at, jpeg in enumerate(previews):
        width, height = Image.open(io.BytesIO(jpeg)).size
        entries = [
            _long(254, 1), _long(256, width), _long(257, height), _short(258, 8, 8, 8),
            _short(259, 7), _short(262, 6), _long(273, places[count + 2 + at]), _short(277, 3),
            _long(278, height), _long(279, len(jpeg)),
        ]  # fmt: skip
        parts.append(_directory(entries, places[at + 1]))
    exif = [_text(36867, "2024:06:01 12:30:00"), _text(0xA434, "Lens 50")]
    return [*parts, _directory(exif, places[count + 1])]


_IDENTITY = [x for value in (1, 0, 0, 0, 1, 0, 0, 0, 1) for x in (value, 1)]


def _directory(entries: list[Entry], start: int) -> bytes:
    out, extra = struct.pack("<H", len(entries)), b""
    after = start + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in sorted(entries):
        if len(value) > 4:
            place = struct.pack("<I", after + len(extra))
            extra += value + b"\0" * (len(value) % 2)
            value = place
        out += struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")
    return out + struct.pack("<I", 0) + extra


def _short(tag: int, *values: int) -> Entry:
    return tag, 3, len(values), struct.pack(f"<{len(values)}H", *values)


def _long(tag: int, *values: int) -> Entry:
    return tag, 4, len(values), struct.pack(f"<{len(values)}I", *values)


def _text(tag: int, text: str) -> Entry:
    return tag, 2, len(text) + 1, text.encode() + b"\0"
