"""What a search for duplicates asks for and what it finds. Frozen, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from searchengine.store.filters import Filter

Tier = Literal["same", "similar"]
TIERS: tuple[Tier, ...] = ("same", "similar")

Why = Literal["keeper", "bytes", "pixels", "vector"]
"""Why an item is in a group: it is the keeper, has its bytes, shows the same, or is like it."""

DEFAULT_THRESHOLD = 0.9
"""Cosine from which pictures are similar (see docs/duplicates.md for the measurement)."""
DEFAULT_NEIGHBOURS = 16


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for."""

    tiers: tuple[Tier, ...] = TIERS
    threshold: float = DEFAULT_THRESHOLD
    """Cosine from which pictures are similar, -1 to 1."""
    where: Filter | None = None
    """Only among the items that match."""
    neighbours: int = DEFAULT_NEIGHBOURS
    """How many nearest items of each are compared with it."""
    workers: int = 1
    """Processes that read and compare pictures."""


@dataclass(frozen=True, slots=True)
class Member:
    """An item of a group. ``None`` means unknown."""

    id: str
    uri: str
    why: Why
    width: int | None
    height: int | None
    size: int
    """Bytes."""
    taken_at: str | None
    score: float | None = None
    """Cosine to the keeper (or a copy of it), in the tier "similar"."""


@dataclass(frozen=True, slots=True)
class Group:
    """Items that belong together, the suggested keeper first, the others best first."""

    tier: Tier
    members: tuple[Member, ...]

    @property
    def keeper(self) -> Member:
        """The one to keep: most pixels, largest file, oldest known date, smallest id."""
        return self.members[0]


@dataclass(frozen=True, slots=True)
class Findings:
    """The groups, one after another, and what was looked at to find them."""

    groups: Iterator[Group]
    """First all of the tier "same", then all of "similar"; can be read once."""
    items: int
    pairs: int
    """Pairs of near neighbours."""
    compared: int
    """Pairs whose pixels were compared, coarsely."""
    looked_at: int
    """Pairs whose pixels were compared closely."""
    unreadable: int
    """Pictures whose file is gone or unreadable: "same" by their bytes alone."""
