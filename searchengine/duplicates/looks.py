"""Takes pairs of items to their pixels: signatures of all, a close look at what is left."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from searchengine.containers.reading import place_of
from searchengine.duplicates.judge import SHAPES, are_same, may_be_same
from searchengine.duplicates.pixels import SIDE, SMALL, read_picture, read_signatures
from searchengine.duplicates.workers import in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    from numpy.typing import NDArray

    from searchengine.duplicates.align import Floats
    from searchengine.duplicates.groups import Pairs
    from searchengine.duplicates.pixels import Bytes
    from searchengine.duplicates.table import Table

    Told = Callable[[int, int], None]

_FILES_A_TASK = 64
_PAIRS_A_TASK = 128
_PAIRS_AT_ONCE = 512
_KEPT_PICTURES = 1_024
"""Pictures a process keeps for the next pairs: 48 KiB each."""

_kept_picture = lru_cache(_KEPT_PICTURES)(read_picture)


@dataclass(slots=True)
class Looks:
    """What is known of the items' pixels: 769 bytes an item."""

    table: Table
    uris: Callable[[list[str]], Mapping[str, str]]
    """Ids to uris, of those that exist."""
    workers: int = 1
    compared: int = 0
    """Pairs whose signatures were compared."""
    looked_at: int = 0
    """Pairs that were looked at closely."""
    _signatures: Bytes = field(init=False)
    _readable: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self._signatures = np.zeros((len(self.table), SMALL, SMALL, 3), np.uint8)
        self._readable = np.zeros(len(self.table), np.bool_)

    def read(self, rows: Iterable[Mapping[str, Any]], told: Told | None = None) -> int:
        """Read the pictures of rows (``id``, ``uri``, ``meta``); return how many could not be."""
        done = lost = 0
        for task, (signatures, readable) in in_order(
            _signatures_of, _batches(rows, _FILES_A_TASK), self.workers
        ):
            places = self.table.places_of([key for key, _ in task])
            known = places >= 0
            self._signatures[places[known]] = signatures[known]
            self._readable[places[known]] = readable[known]
            done, lost = done + len(task), lost + int((known & ~readable).sum())
            if told:
                told(done, len(self.table))
        return lost

    def same(self, pairs: Pairs, told: Told | None = None) -> NDArray[np.bool_]:
        """Tell which pairs of places, int32 (n, 2), show the same picture."""
        same = np.zeros(len(pairs), np.bool_)
        tasks, done = self._close_looks(pairs), 0
        for (at, *_), found in in_order(_look, tasks, self.workers):
            same[at] = found
            done = int(at[-1]) + 1
            if told:
                told(done, len(pairs))
        return same

    def _close_looks(self, pairs: Pairs) -> Iterator[Close]:
        """Yield tasks of those pairs whose signatures may be the same picture's."""
        waiting: list[tuple[NDArray[np.int64], Floats]] = []
        count = 0
        for at, maps in self._promising(pairs):
            waiting.append((at, maps))
            count += len(at)
            if count >= _PAIRS_A_TASK:
                yield from self._tasks(pairs, waiting)
                waiting, count = [], 0
        if count:
            yield from self._tasks(pairs, waiting)

    def _promising(self, pairs: Pairs) -> Iterator[tuple[NDArray[np.int64], Floats]]:
        shapes, readable = self.table.shapes, self._readable
        for start in range(0, len(pairs), _PAIRS_AT_ONCE):
            one, other = pairs[start : start + _PAIRS_AT_ONCE].T
            both = np.maximum(np.stack([shapes[one], shapes[other]], axis=1), 1e-3)
            fit = np.abs(np.log(both[:, 0] / both[:, 1])) < SHAPES
            at = np.flatnonzero(fit & readable[one] & readable[other])
            if len(at):
                self.compared += len(at)
                a, b = self._signatures[one[at]], self._signatures[other[at]]
                plausible, maps = may_be_same(a, b, both[at])
                yield start + at[plausible], maps[plausible]

    def _tasks(
        self, pairs: Pairs, waiting: list[tuple[NDArray[np.int64], Floats]]
    ) -> Iterator[Close]:
        at = np.concatenate([one for one, _ in waiting])
        maps = np.concatenate([one for _, one in waiting])
        involved = np.unique(pairs[at])
        ids = [self.table.id_of(int(place)) for place in involved]
        known = self.uris(ids)
        uris = [known.get(one, "") for one in ids]
        for start in range(0, len(at), _PAIRS_A_TASK):
            part = slice(start, start + _PAIRS_A_TASK)
            self.looked_at += len(at[part])
            chosen = pairs[at[part]]
            yield (
                at[part],
                uris,
                np.searchsorted(involved, chosen),
                maps[part],
                np.stack(
                    [self.table.shapes[chosen[:, 0]], self.table.shapes[chosen[:, 1]]], axis=1
                ),
            )


Close = tuple["NDArray[np.int64]", "list[str]", "NDArray[np.int64]", "Floats", "Floats"]
"""Places in the list of pairs; uris; pairs of places in these; maps; aspect ratios."""


def _signatures_of(task: list[tuple[str, str]]) -> tuple[Bytes, NDArray[np.bool_]]:
    return read_signatures([uri for _, uri in task])


def _look(task: Close) -> NDArray[np.bool_]:
    _, uris, pairs, maps, shapes = task
    same = np.zeros(len(pairs), np.bool_)
    for start in range(0, len(pairs), 16):  # few at a time: pictures are 48 KiB each
        part = slice(start, start + 16)
        a = [_kept_picture(uris[one]) for one in pairs[part, 0]]
        b = [_kept_picture(uris[one]) for one in pairs[part, 1]]
        there = [x is not None and y is not None for x, y in zip(a, b, strict=True)]
        first, second = _stack(a), _stack(b)
        same[part] = are_same(first, second, maps[part], shapes[part]) & np.array(there)
    return same


def _stack(pictures: list[Bytes | None]) -> Bytes:
    """Those that are gone since their signatures were made are black here."""
    black = np.zeros((SIDE, SIDE, 3), np.uint8)
    return np.stack([black if one is None else one for one in pictures])


def _batches(rows: Iterable[Mapping[str, Any]], size: int) -> Iterator[list[tuple[str, str]]]:
    source = ((row["id"], place_of(row["uri"], row["meta"])) for row in rows)
    while batch := list(islice(source, size)):
        yield batch
