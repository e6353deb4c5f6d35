"""Parts of a file, and answers that say that nothing has changed: RFC 9110, 13 and 14."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_RANGE = re.compile(r"bytes=\s*(\d{0,19})-(\d{0,19})\s*")


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes from ``start`` up to, not with, ``end``."""

    start: int
    end: int


class UnsatisfiableError(Exception):
    """No byte of the file is in the range."""


def is_known(etag: str, headers: Mapping[str, str]) -> bool:
    """Whether the asker has it already (``If-None-Match``, compared weakly)."""
    said = headers.get("if-none-match")
    if said is None:
        return False
    known = {one.strip().removeprefix("W/") for one in said.split(",")}
    return "*" in known or etag.removeprefix("W/") in known


def wanted_span(size: int, etag: str, headers: Mapping[str, str]) -> Span | None:
    """Return the part that is asked for, ``None`` for the whole.

    Several ranges, another unit and a range of another state of the file (``If-Range``) are the
    whole. Raises ``UnsatisfiableError``.
    """
    found = _RANGE.fullmatch(headers.get("range", ""))
    if found is None or (not found[1] and not found[2]):
        return None
    if headers.get("if-range", etag) != etag:
        return None
    if not found[1]:  # the last so many
        start, end = max(0, size - int(found[2])), size
    else:
        start, end = int(found[1]), min(size, int(found[2] or size) + 1)
        if found[2] and int(found[2]) < int(found[1]):
            return None  # no range at all
    if start >= min(end, size):
        raise UnsatisfiableError
    return Span(start, min(end, size))
