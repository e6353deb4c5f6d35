"""Values that any JSON parser reads (RFC 8259), whatever went in."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence, Set
from typing import Any


def plain(value: Any) -> Any:
    """Return the value as JSON has it: NaN and infinities become ``None``.

    Bytes and characters that are no text come out as ``?``, sets as sorted
    lists, numbers of other libraries as Python's; anything else as its ``str``.
    """
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, (bytes, bytearray)):
        return clean_text(bytes(value).decode("utf-8", "surrogateescape"))
    if isinstance(value, Mapping):
        return {clean_text(str(key)): plain(inner) for key, inner in value.items()}
    if isinstance(value, Set):
        return sorted((plain(inner) for inner in value), key=str)
    if isinstance(value, Sequence):
        return [plain(inner) for inner in value]
    for to_python in ("item", "tolist", "isoformat"):  # numpy scalars, arrays; dates
        method = getattr(value, to_python, None)
        if callable(method) and getattr(value, "ndim", 0) == (to_python == "tolist"):
            return plain(method())
    return clean_text(str(value))


def clean_text(text: str) -> str:
    """Return the text without lone surrogates, which UTF-8 cannot carry."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def dump(value: Any, *, indent: int | None = None) -> str:
    """Return strict JSON text; characters of all scripts stand as themselves."""
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False, indent=indent)
