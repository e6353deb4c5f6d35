"""Amounts as people write and read them: 10M, 1_000_000, 2.7 TiB, 3 days."""

from __future__ import annotations

import math
import re

from searchengine.errors import SettingsError

_SUFFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9, "t": 1e12}
_COUNT = re.compile(r"(\d+(?:\.\d*)?(?:e[+]?\d+)?|\.\d+)([kmgbt]?)", re.IGNORECASE)
_THOUSANDS = re.compile(r"\d{1,3}([,_ ]\d{3})+|\d+(_\d+)*")
MOST = 10**15


def parse_count(text: str) -> int:
    """Return the whole number of 1 or more that ``1e9``, ``10M``, ``1_000_000`` or ``2.5k`` means.

    Raises ``SettingsError`` for anything else.
    """
    plain = text.strip()
    if _THOUSANDS.fullmatch(plain):
        plain = re.sub("[,_ ]", "", plain)
    found = _COUNT.fullmatch(plain)
    value = float(found[1]) * _SUFFIXES[found[2].lower()] if found else math.nan
    if not 1 <= value <= MOST or value != round(value):
        raise SettingsError(
            f"{text!r} is no number of items",
            hint="write a whole number of 1 or more: 1000000, 1_000_000, 1e6, 10M, 2.5B",
        )
    return round(value)


def bytes_text(count: float) -> str:
    """Return so many bytes in the unit people would use: ``2.7 TiB``."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 999.5:
            return f"{_short(size)} {unit}"
        size /= 1024
    return f"{_short(size)} PiB"


def count_text(count: float) -> str:
    """Return a number with its thousands apart; of large ones no more than three figures."""
    if count < 10:
        return _short(count)
    if count < 100_000:
        return f"{round(count):,}"
    step = 10 ** (math.floor(math.log10(count)) - 2)
    return f"{round(count / step) * step:,}"


def hours_text(hours: float) -> str:
    """Return a time as people say it: ``40 s``, ``12 min``, ``7.5 h``, ``3.1 days``."""
    if hours < 1 / 60:
        return f"{_short(hours * 3600)} s"
    if hours < 1:
        return f"{_short(hours * 60)} min"
    return f"{_short(hours)} h" if hours < 72 else f"{_short(hours / 24)} days"


def core_text(ms: float) -> str:
    """Return the time of cores that work beside each other: ``12 core-ms``, ``1.7 core-s``."""
    return f"{_short(ms)} core-ms" if ms < 999.5 else f"{_short(ms / 1e3)} core-s"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 99.5 or value == round(value) else f"{value:.2g}"
