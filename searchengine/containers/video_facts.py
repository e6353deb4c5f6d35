"""What a film knows of itself: when, where and with what it was taken.

Phones and cameras write it as QuickTime and MP4 metadata; what makes no sense is unknown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_STARTS = ("com.apple.quicktime.creationdate", "creation_time")
"""The first has the offset of the place, the second is UTC."""
_PLACES = ("com.apple.quicktime.location.ISO6709", "location", "location-eng")
_POINT = re.compile(r"([+-]\d{1,2}(?:\.\d+)?)([+-]\d{1,3}(?:\.\d+)?)(?:[+-]|/|CRS|$)")
"""ISO 6709, degrees."""
_FIRST_YEAR = 1980
"""Clocks that were never set begin in 1904 or 1970."""
_MAX_CHARS = 200


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """``None`` means unknown."""

    starts: datetime | None = None
    camera: str | None = None
    latitude: float | None = None
    longitude: float | None = None

    def taken_at(self, seconds: float) -> str | None:
        """Return when the frame at that time was taken, ISO 8601."""
        if self.starts is None:
            return None
        try:
            moment = self.starts + timedelta(seconds=round(seconds))
        except OverflowError:
            return None
        return moment.replace(microsecond=0).isoformat()


def read_facts(metadata: Mapping[str, str]) -> VideoFacts:
    """Return what the metadata of a container says. Never raises."""
    place = _place(metadata)
    return VideoFacts(
        starts=_start(metadata),
        camera=_camera(metadata),
        latitude=place[0] if place else None,
        longitude=place[1] if place else None,
    )


def _start(metadata: Mapping[str, str]) -> datetime | None:
    for key in _STARTS:
        text = metadata.get(key, "").strip().replace("Z", "+00:00")
        text = re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            continue
        if moment.year >= _FIRST_YEAR:
            return moment
    return None


def _place(metadata: Mapping[str, str]) -> tuple[float, float] | None:
    found = next((m for key in _PLACES if (m := _POINT.match(metadata.get(key, "")))), None)
    if found is None:
        return None
    latitude, longitude = float(found[1]), float(found[2])
    if abs(latitude) > 90 or abs(longitude) > 180 or (latitude == 0 and longitude == 0):
        return None
    return latitude, longitude


def _camera(metadata: Mapping[str, str]) -> str | None:
    make = _clean(metadata.get("com.apple.quicktime.make") or metadata.get("make"))
    model = _clean(metadata.get("com.apple.quicktime.model") or metadata.get("model"))
    if make and model and not model.casefold().startswith(make.casefold()):
        return f"{make} {model}"[:_MAX_CHARS]
    return model or make


def _clean(text: str | None) -> str | None:
    printable = "".join(c if c.isprintable() else " " for c in text or "")
    return " ".join(printable.split())[:_MAX_CHARS] or None
