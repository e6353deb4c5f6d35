"""What a candidate is grouped, counted and sorted by: the keys there are, and their values."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from searchengine.errors import QueryError
from searchengine.identity import display
from searchengine.store.fields import ALL_FIELDS
from searchengine.store.moments import moment_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from searchengine.query.pool import Candidate

CALENDAR: dict[str, int] = {"day": 10, "month": 7, "year": 4}
"""How much of ``taken_at``, as written, names its local day, month or year."""
EVENT = "event"
FILE = "file"
"""What a frame, a page or a row is part of; any other item is a file of its own."""
EVENT_GAP_MS = 6 * 3600 * 1000
"""Longer without a photo, and the next one begins another event."""
_OWN = ("score", "relevance")


def check_key(key: str, *, ordered: bool = False) -> str:
    """Return the key, or raise ``QueryError`` if it names nothing.

    A key is a field of ``Item``, ``meta.KEY`` (``meta.camera.body`` looks inside), ``day``,
    ``month``, ``year``, ``event`` or ``file``; ``ordered`` also allows ``score`` and ``relevance``.
    """
    head, *path = key.split(".")
    if head == "meta":
        if not path or not all(path):
            raise QueryError("meta holds many values", hint="name one of them: meta.KEY")
        return key
    known = (*(name for name in ALL_FIELDS if name != "meta"), *CALENDAR, EVENT, FILE)
    if key not in known and not (ordered and key in _OWN):
        names = ", ".join((*known, *(_OWN if ordered else ()), "meta.KEY"))
        raise QueryError(f"there is no field {key!r}", hint=f"the fields are: {names}")
    return key


def fields_for(key: str) -> tuple[str, ...]:
    """Return the columns that must be asked of the store for a key to be known."""
    if key in CALENDAR or key == EVENT:
        return ("taken_at",)
    if key == FILE:
        return ("uri",)
    head = key.split(".")[0]
    return (head,) if head in ALL_FIELDS and head not in ("id", "modality") else ()


def value_of(candidate: Candidate, key: str) -> Any:
    """Return the value of a checked key other than ``event``; ``None`` if it is unknown.

    ``day``, ``month`` and ``year`` are those of the place where the picture was taken, as its
    ``taken_at`` is written. Empty text is no value, and neither is a number that is none (NaN).
    """
    if key in ("id", "modality", *_OWN):
        value = getattr(candidate, key)
    elif key in CALENDAR:
        moment = candidate.fields.get("taken_at")
        value = None if _moment(moment) is None else str(moment)[: CALENDAR[key]]
    elif key == FILE:
        uri = candidate.fields.get("uri")
        value = display(_file_of(uri)) if isinstance(uri, str) else None
    elif key.startswith("meta."):
        value = candidate.fields.get("meta")
        for name in key.split(".")[1:]:
            value = value.get(name) if isinstance(value, dict) else None
    else:
        value = candidate.fields.get(key)
    if value == "" or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value


def events(candidates: Sequence[Candidate], *, gap_ms: int = EVENT_GAP_MS) -> list[str | None]:
    """Return for each candidate the event that it belongs to; ``None`` without a time.

    Photos, in order of time, are one event until ``gap_ms`` pass without one. Events are those of
    the candidates given, not of the corpus: photos that are not among them bridge no gap. An event
    is called by the time of its first photo, as that is written.
    """
    timed = [
        (moment, candidate.id, place)
        for place, candidate in enumerate(candidates)
        if (moment := _moment(candidate.fields.get("taken_at"))) is not None
    ]
    found: list[str | None] = [None] * len(candidates)
    name, last = "", None
    for moment, _, place in sorted(timed):
        if last is None or moment - last > gap_ms:
            name = str(candidates[place].fields["taken_at"])
        found[place], last = name, moment
    return found


def values_of(candidates: Sequence[Candidate], key: str) -> list[Any]:
    """Return the value of a checked key, ``event`` included, for each candidate."""
    if key == EVENT:
        return list(events(candidates))
    return [value_of(candidate, key) for candidate in candidates]


def shown(value: Any) -> str:
    """Return a value that is known as text: what groups and facets are called.

    ``3`` and ``3.0`` are written alike; lists and objects are written as JSON.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def moment_of(candidate: Candidate) -> int | None:
    """Return when a candidate was taken, in milliseconds since the epoch; ``None`` if unknown."""
    return _moment(candidate.fields.get("taken_at"))


def _moment(value: Any) -> int | None:
    return moment_ms(value) if isinstance(value, str) else None


def _file_of(uri: str) -> str:
    """Return the uri of the file that an item is a part of, be it one inside another."""
    file, _, fragment = uri.partition("#")
    inner = fragment.rpartition("&")[0]
    return f"{file}#{inner}" if inner else file
