"""Libraries that are installed only where a person asked for them."""

from __future__ import annotations

import re

from searchengine.errors import DecodeError

_NAMED = re.compile(r"crossmodal-searchengine\[(\w+)\]")


def missing_extra(what: str, extra: str) -> DecodeError:
    """Return the error for files that need an extra; ``what`` names them: "RAW pictures"."""
    return DecodeError(f"{what} need an extra: pip install 'crossmodal-searchengine[{extra}]'")


def extra_named(error: Exception) -> str | None:
    """Return the extra whose absence an error is about, ``None`` for any other error."""
    found = _NAMED.search(str(error))
    return found[1] if found else None
