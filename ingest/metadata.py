"""What a picture knows of itself: when, with what and where it was taken.

Tags as in Exif 3.0 (CIPA DC-008). Cameras, phones and editors write all kinds
of nonsense into them; a value that makes no sense is unknown, never an error.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from numbers import Real
from typing import TYPE_CHECKING, Any

from searchengine.decode import quiet_pillow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL import Image

_MAKE, _MODEL = 0x010F, 0x0110
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_TAKEN, _TAKEN_OFFSET, _TAKEN_SUBSEC = 0x9003, 0x9011, 0x9291
_LENS_MAKE, _LENS_MODEL = 0xA433, 0xA434
_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE = 1, 2, 3, 4
_GPS_TIME, _GPS_DATE = 7, 29

_MAX_CHARS = 200
_STAMP = re.compile(r"(\d{4})[:\-/](\d\d)[:\-/](\d\d)[ T](\d\d):(\d\d)(?::(\d\d))?")
_DATE = re.compile(r"(\d{4})[:\-/](\d\d)[:\-/](\d\d)")
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")

_QUARTER = timedelta(minutes=15)
_STALE = timedelta(seconds=60)
"""How old a GPS fix (or how wrong a camera's clock) may be for the offset still to be derived."""
_WEST, _EAST = timedelta(hours=-12), timedelta(hours=14)
"""The offsets that are in use on Earth."""


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """What the EXIF of a picture says. ``None`` means unknown; strings are never empty."""

    taken_at: str | None = None
    """ISO 8601 local time, with the UTC offset where it is known."""
    camera: str | None = None
    lens: str | None = None
    latitude: float | None = None
    """Degrees, north positive. Known together with the longitude or not at all."""
    longitude: float | None = None
    """Degrees, east positive."""


def read_exif(image: Image.Image) -> PhotoFacts:
    """Return what the picture's EXIF says. Never raises, whatever is in there."""
    quiet_pillow()
    try:
        exif = image.getexif()
    except Exception:  # Pillow raises many kinds of errors for broken EXIF
        return PhotoFacts()
    details, gps = _directory(exif, _EXIF_IFD), _directory(exif, _GPS_IFD)
    position = _position(gps)
    return PhotoFacts(
        taken_at=_taken_at(details, gps),
        camera=_named(_text(exif.get(_MAKE)), _text(exif.get(_MODEL))),
        lens=_named(_text(details.get(_LENS_MAKE)), _text(details.get(_LENS_MODEL))),
        latitude=position[0] if position else None,
        longitude=position[1] if position else None,
    )


def exif_facts(image: Image.Image) -> dict[str, Any]:
    """Return what the picture's EXIF says, in the words of ``records.Item``. Never raises."""
    return asdict(read_exif(image))


def _directory(exif: Image.Exif, tag: int) -> Mapping[int, Any]:
    try:
        return exif.get_ifd(tag)
    except Exception:  # as above
        return {}


def _text(value: object) -> str | None:
    """Return a tag's text: cut at its NUL, without control characters, at most 200 long."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str):
        return None
    value = value[:65_536].split("\0", 1)[0]
    with suppress(UnicodeError):  # ASCII by the letter, UTF-8 by custom; Pillow reads Latin-1
        value = value.encode("latin-1").decode("utf-8")
    printable = "".join(c if c.isprintable() else " " for c in value)
    return " ".join(printable.split())[:_MAX_CHARS].rstrip() or None


def _named(make: str | None, model: str | None) -> str | None:
    """Join make and model, unless the model says the make already (``Canon EOS R5``)."""
    if make is None or model is None:
        return model or make
    if make.split()[0].casefold() == model.split()[0].casefold():
        return model  # also NIKON CORPORATION with NIKON D750
    return f"{make} {model}"[:_MAX_CHARS].rstrip()


def _taken_at(details: Mapping[int, Any], gps: Mapping[int, Any]) -> str | None:
    found = _STAMP.match(_text(details.get(_TAKEN)) or "")
    if found is None:
        return None
    try:
        local = datetime(*(int(part or 0) for part in found.groups()))  # type: ignore[arg-type]
    except ValueError:  # 0000:00:00, the 31st of June
        return None
    text = local.isoformat(timespec="seconds")
    fraction = (_text(details.get(_TAKEN_SUBSEC)) or "")[:9]
    if fraction.isascii() and fraction.isdigit() and int(fraction):
        text += f".{fraction[:3]:0<3}"
    offset = _written_offset(details)
    return text + (_gps_offset(local, gps) if offset is None else offset)


def _written_offset(details: Mapping[int, Any]) -> str | None:
    """Return the offset the camera wrote, as ``+02:00``."""
    text = _text(details.get(_TAKEN_OFFSET)) or ""
    if text in ("Z", "z"):
        return "+00:00"
    found = _OFFSET.fullmatch(text)
    if found is None:
        return None
    sign, hours, minutes = found[1], int(found[2]), int(found[3])
    offset = timedelta(hours=hours, minutes=minutes) * (-1 if sign == "-" else 1)
    if minutes > 59 or not _WEST <= offset <= _EAST:
        return None
    return f"{sign}{hours:02}:{minutes:02}"


def _gps_offset(local: datetime, gps: Mapping[int, Any]) -> str:
    """Return the offset between the camera's clock and the satellites', which keep UTC.

    Empty unless they are a whole number of quarter hours apart, as time zones are.
    """
    date = _DATE.match(_text(gps.get(_GPS_DATE)) or "")
    clock = _numbers(gps.get(_GPS_TIME))
    if date is None or clock is None or len(clock) != 3:
        return ""
    try:
        utc = datetime(int(date[1]), int(date[2]), int(date[3])) + timedelta(
            hours=clock[0], minutes=clock[1], seconds=clock[2]
        )
        ahead = local - utc
    except (ValueError, OverflowError):
        return ""
    offset = round(ahead / _QUARTER) * _QUARTER
    if abs(ahead - offset) > _STALE or not _WEST <= offset <= _EAST:
        return ""
    minutes = abs(offset) // timedelta(minutes=1)
    return f"{'-' if offset < timedelta(0) else '+'}{minutes // 60:02}:{minutes % 60:02}"


def _position(gps: Mapping[int, Any]) -> tuple[float, float] | None:
    latitude = _degrees(gps.get(_LATITUDE), gps.get(_LATITUDE_REF), "NS", 90.0)
    longitude = _degrees(gps.get(_LONGITUDE), gps.get(_LONGITUDE_REF), "EW", 180.0)
    if latitude is None or longitude is None:
        return None
    if latitude == 0 and longitude == 0:  # what devices without a fix write
        return None
    return latitude, longitude


def _degrees(value: object, ref: object, signs: str, limit: float) -> float | None:
    """Return degrees, minutes and seconds as signed degrees."""
    parts = _numbers(value)
    side = (_text(ref) or "").upper()[:1]
    if parts is None or not 1 <= len(parts) <= 3 or not side or side not in signs:
        return None
    degrees = math.fsum(part / float(60**place) for place, part in enumerate(parts))
    if min(parts) < 0 or degrees > limit:
        return None
    return round(-degrees if side == signs[1] else degrees, 7)  # 7 places are a centimetre


def _numbers(value: object) -> list[float] | None:
    """Return a tag's numbers (whole, real or rational), or ``None`` if one of them is none."""
    parts = value if isinstance(value, tuple | list) else (value,)
    if not all(isinstance(part, Real) for part in parts):
        return None
    try:
        numbers = [float(part) for part in parts[:4]]
    except (ArithmeticError, ValueError):  # a rational over zero, a whole number beyond floats
        return None
    return numbers if numbers and all(map(math.isfinite, numbers)) else None
