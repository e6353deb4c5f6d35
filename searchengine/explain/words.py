"""A text cut into what can be left out of it: words, or single characters of CJK scripts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MAX_UNITS = 96
"""Units of one text that are looked at: models read 77 tokens or fewer of most texts."""

# Han with its extensions, kana, and Thai, Lao, Khmer and Burmese: scripts without spaces.
_UNSPACED = (
    "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\U00020000-\U000323af"
)
_UNIT = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")
_HAS_LETTER = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Unit:
    """One piece of a text: ``text[start:end]``."""

    start: int
    end: int
    joined: bool
    """Whether it follows the unit before it without a space, in a script that writes none."""


@dataclass(frozen=True, slots=True)
class Omission:
    """A text with one or two neighbouring units left out."""

    units: tuple[int, ...]
    """Places of the units left out, ascending."""
    text: str


def split_units(text: str) -> list[Unit]:
    """Return the words of a text, in order; of scripts without spaces, the characters.

    Punctuation that stands alone is no unit.
    """
    units: list[Unit] = []
    for found in _UNIT.finditer(text):
        if not _HAS_LETTER.search(found[0]):
            continue
        alone = len(found[0]) == 1 and bool(re.match(f"[{_UNSPACED}]", found[0]))
        before = units[-1] if units else None
        joined = alone and before is not None and before.end == found.start()
        if joined and before is not None:
            joined = bool(re.match(f"[{_UNSPACED}]", text[before.start]))
        units.append(Unit(found.start(), found.end(), joined))
    return units


def omissions(text: str, units: Sequence[Unit]) -> list[Omission]:
    """Return the texts that are left when each unit goes, and each pair of joined characters.

    A Chinese word is mostly two characters: of a pair, either one often still says it, so that
    neither would seem to matter alone. A text that would be empty is left out.
    """
    left: list[Omission] = []
    for place, unit in enumerate(units):
        left.append(Omission((place,), _without(text, unit.start, unit.end)))
        if unit.joined:
            left.append(
                Omission((place - 1, place), _without(text, units[place - 1].start, unit.end))
            )
    return [one for one in left if _HAS_LETTER.search(one.text)]


def unit_moves(
    count: int, left_out: Sequence[Omission], drops: npt.NDArray[np.float64]
) -> list[float | None]:
    """Return for each of ``count`` units its share of the score's drops, ``drops[i]`` being what
    the score falls by with ``left_out[i]``.

    A unit's share is the mean over the omissions it is in, a pair counting half for each of the
    two. ``None`` for a unit that was never left out.
    """
    shares: list[list[float]] = [[] for _ in range(count)]
    for one, drop in zip(left_out, drops, strict=True):
        for place in one.units:
            shares[place].append(float(drop) / len(one.units))
    return [sum(some) / len(some) if some else None for some in shares]


def _without(text: str, start: int, end: int) -> str:
    before, after = text[:start], text[end:]
    if before.endswith(" ") or not before:
        after = after.lstrip(" ")
    return (before + after).strip()
