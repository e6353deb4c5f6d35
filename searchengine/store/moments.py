"""Points and stretches of time as ISO 8601 writes them, as milliseconds since the epoch."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_STAMP = re.compile(
    r"(?P<y>\d{4})-(?P<mo>\d\d)-(?P<d>\d\d)"
    r"(?:[T ](?P<h>\d\d):(?P<mi>\d\d)(?::(?P<s>\d\d)(?:[.,](?P<f>\d{1,9}))?)?"
    r"\s?(?P<zone>Z|z|[+-]\d\d(?::?\d\d)?)?)?"
)
_CALENDAR = re.compile(r"(?P<y>\d{4})(?:-(?P<mo>\d\d)(?:-(?P<d>\d\d))?)?")


def moment_ms(text: str) -> int | None:
    """Return milliseconds since the epoch, UTC where no offset is given; ``None`` if no time."""
    found = _STAMP.fullmatch(text)
    if found is None:
        return None
    part = found.groupdict()
    try:
        moment = datetime(
            int(part["y"]),
            int(part["mo"]),
            int(part["d"]),
            int(part["h"] or 0),
            int(part["mi"] or 0),
            min(int(part["s"] or 0), 59),  # a leap second is the second before it
            int((part["f"] or "0").ljust(6, "0")[:6]),
            tzinfo=timezone.utc,
        )
    except ValueError:
        return None
    return (moment - _EPOCH - _offset(part["zone"])) // timedelta(milliseconds=1)


def stretch_ms(text: str) -> tuple[int, int] | None:
    """Return the half-open stretch ``[start, end)`` that a literal names, in milliseconds.

    ``2024``, ``2024-06`` and ``2024-06-01`` are a whole year, month and day (of
    UTC); anything finer is one moment, one millisecond long. ``None`` if no time.
    """
    found = _CALENDAR.fullmatch(text)
    if found is None:
        start = moment_ms(text)
        return None if start is None else (start, start + 1)
    year, month, day = (int(found[key]) if found[key] else 0 for key in ("y", "mo", "d"))
    first = moment_ms(f"{year:04}-{month or 1:02}-{day or 1:02}")
    if first is None:
        return None
    if day:
        return first, first + 86_400_000
    if month and month < 12:
        return first, moment_ms(f"{year:04}-{month + 1:02}-01") or first
    if year == 9999:
        return first, (moment_ms("9999-12-31") or first) + 86_400_000
    return first, moment_ms(f"{year + 1:04}-01-01") or first


def _offset(zone: str | None) -> timedelta:
    if zone is None or zone in "Zz":
        return timedelta(0)
    digits = zone[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -offset if zone[0] == "-" else offset
