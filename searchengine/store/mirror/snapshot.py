"""The rows of one side at one moment. Never changed: a write makes the next one of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from searchengine.store.mirror.chunk import Chunk, merged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy.typing as npt

    Alive = npt.NDArray[np.bool_] | None

_SMALL = 256
"""Chunks of fewer rows are put together: rows written one by one must not be searched so."""


@dataclass(frozen=True)
class Snapshot:
    """Chunks, and which of their rows are there."""

    chunks: tuple[Chunk, ...] = ()
    alive: tuple[Alive, ...] = field(default=(), repr=False)
    """A mask for each chunk, bool (n,); ``None`` where all of it is there."""

    @cached_property
    def count(self) -> int:
        """How many rows there are."""
        return sum(_alive_in(*part) for part in self.parts())

    @cached_property
    def nbytes(self) -> int:
        """About how much memory the chunks take."""
        return sum(chunk.nbytes for chunk in self.chunks)

    def parts(self) -> Iterator[tuple[Chunk, Alive]]:
        """Yield every chunk with its mask."""
        yield from zip(self.chunks, self.alive, strict=True)

    def without(self, ids: Iterable[str]) -> Snapshot:
        """Return the rows without those of these ids."""
        ids = list(ids)
        alive: list[Alive] = []
        for chunk, mask in self.parts():
            gone = [chunk.places[one] for one in ids if one in chunk.places]
            if gone:
                mask = np.ones(len(chunk), bool) if mask is None else mask.copy()
                mask[gone] = False
            alive.append(mask)
        return _tidy(replace(self, alive=tuple(alive)))

    def having(self, added: Sequence[Chunk]) -> Snapshot:
        """Return the rows with more, that replace those of the same id. The last word counts."""
        now = self
        for chunk in added:
            if len(chunk.places) < len(chunk):  # an id twice: ``places`` has the last
                last = np.zeros(len(chunk), bool)
                last[list(chunk.places.values())] = True
                chunk = merged([(chunk, last)])
            now = now.without(chunk.places)
            now = _tidy(Snapshot((*now.chunks, chunk), (*now.alive, None)))
        return now

    def find(self, ids: Sequence[str]) -> list[tuple[int, int]]:
        """Return of each id that is there the number of its chunk and its place in it."""
        found = []
        for one in dict.fromkeys(ids):
            for number, (chunk, mask) in enumerate(self.parts()):
                at = chunk.places.get(one)
                if at is not None and (mask is None or mask[at]):
                    found.append((number, at))
                    break
        return found


def _alive_in(chunk: Chunk, mask: Alive) -> int:
    return len(chunk) if mask is None else int(np.count_nonzero(mask))


def _tidy(now: Snapshot) -> Snapshot:
    """Drop chunks with nothing in them; put the last ones together while they are small."""
    parts: list[tuple[Chunk, Any]] = []
    for chunk, mask in now.parts():
        there = _alive_in(chunk, mask)
        if 2 * there < len(chunk) and there:  # more gaps than rows: the rest moves together
            parts.append((merged([(chunk, mask)]), None))
        elif there:
            parts.append((chunk, None if there == len(chunk) else mask))
    while len(parts) > 1 and all(_alive_in(*part) < _SMALL for part in parts[-2:]):
        parts[-2:] = [(merged(parts[-2:]), None)]
    return Snapshot(tuple(chunk for chunk, _ in parts), tuple(mask for _, mask in parts))
