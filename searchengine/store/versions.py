"""Two versions of a corpus side by side: which collection a side is, and how one takes over.

A version is a collection a side; its label says which version it is of, and its name follows from
that. Of the live version each side has an alias, of the one that is being made (the draft) another;
the version that was live before has none, and the live one's label names it.

Two aliases cannot be changed in one step, and a reader must never take the images of one version
and the texts of another. So one alias decides: the images', where there is one, else the texts'.
Whoever looks for texts looks at that one, too; where the two disagree, the texts are those of the
version that it names, by their name. ``steps`` puts the changes in an order in which exactly one
of them changes what a reader sees, both sides at once:

* killed before that one, nothing has changed for anybody, and the same command begins again;
* killed after it, all has: the same command does what is left, which nobody sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from searchengine.records import MODALITIES, Side
from searchengine.store import naming

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from searchengine.records import Modality
    from searchengine.store.naming import Label


class Seen(Protocol):
    """A collection of ours, as an alias or its own name led to it."""

    @property
    def collection(self) -> str:
        """Its physical name."""

    @property
    def label(self) -> Label:
        """What it says of itself."""


SeenT = TypeVar("SeenT", bound=Seen)


def locate(side: Side, look: Callable[[str], SeenT | None]) -> SeenT | None:
    """Return the collection that is a side now, ``None`` if there is none.

    ``look`` returns what is behind an alias or the name of a collection, ``None`` for nothing of
    ours.
    """
    if side.version:
        found = look(naming.collection_of(side, side.version))
    else:
        found = look(naming.alias_of(side))
        decides = naming.alias_of(Side(side.corpus, MODALITIES[0], side.draft))
        if found is not None and side.modality != MODALITIES[0]:
            first = look(decides)
            if first is not None and first.label.version != found.label.version:
                found = look(naming.collection_of(side, first.label.version))
    if found is None or found.label.side != Side(side.corpus, side.modality):
        return None
    return found


def leading(corpus: str, look: Callable[[str], SeenT | None], *, draft: bool) -> SeenT | None:
    """Return the collection that says which version is live, or which is the draft."""
    for modality in MODALITIES:
        found = look(naming.alias_of(Side(corpus, modality, draft)))
        if found is not None:
            return found
    return None


@dataclass(frozen=True, slots=True)
class Step:
    """One change of an alias."""

    what: Literal["point", "drop"]
    alias: str
    collection: str = ""
    """Where it points to from then on, whether it was there or not."""


def steps(
    corpus: str, now: Collection[Modality], then: Collection[Modality], to: str
) -> list[Step]:
    """Return the changes that make a version live that has the sides ``then``; ``now`` are those
    of the version until now.

    Where there are images now, their alias decides: what is done to the texts' alias before it is
    changed, nobody sees. Where there are none, it decides once it is there, so it comes first.
    """
    first, second = (_step(Side(corpus, modality), then, to) for modality in MODALITIES)
    if MODALITIES[0] not in now:
        return [first, second]
    return [second, first] if second.what == "point" else [first, second]


def _step(side: Side, then: Collection[Modality], to: str) -> Step:
    alias = naming.alias_of(side)
    if side.modality in then:
        return Step("point", alias, naming.collection_of(side, to))
    return Step("drop", alias)
