"""Pairs to groups, each around a keeper.

Two steps. Union-find (Tarjan 1975) finds what hangs together at all. Within that, the best item
becomes a keeper and takes what has been checked against itself; the best of the rest is the next.
A long chain, in which every picture is like the next and the last nothing like the first, so
falls apart into groups whose members all go with their keeper (leader clustering, Hartigan 1975).
A keeper looks around itself along the pairs, and on from those that it has taken: the cost grows
with the pairs, not with the square of what hangs together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Places = NDArray[np.int32]
    Pairs = NDArray[np.int32]


class UnionFind:
    """Sets of the places 0 to n - 1 that grow together; 4 bytes a place."""

    def __init__(self, count: int) -> None:
        self._parent = np.arange(count, dtype=np.int32)

    def find(self, place: int) -> int:
        """Return the place that stands for the set of this one."""
        parent = self._parent
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = int(parent[place])
        return place

    def join(self, one: int, other: int) -> None:
        """Make two sets one."""
        one, other = self.find(one), self.find(other)
        if one != other:
            self._parent[max(one, other)] = min(one, other)


def linked(count: int, pairs: Pairs) -> Iterator[list[int]]:
    """Yield what hangs together by pairs, int32 (n, 2) of places: two places and more, ascending.

    Places without a pair cost nothing but their 4 bytes.
    """
    sets = UnionFind(count)
    for one, other in pairs.tolist():
        sets.join(one, other)
    involved = np.unique(pairs)
    heads = np.fromiter((sets.find(int(at)) for at in involved), np.int32, len(involved))
    order = np.argsort(heads, kind="stable")
    edges = np.flatnonzero(np.diff(heads[order])) + 1
    for part in np.split(involved[order], edges):
        if len(part) > 1:
            yield part.tolist()


class Neighbours:
    """The places that each is paired with: 8 bytes a pair and a place each."""

    def __init__(self, count: int, pairs: Pairs) -> None:
        ends = np.concatenate([pairs, pairs[:, ::-1]])
        order = np.argsort(ends[:, 0], kind="stable")
        self._others = ends[order, 1]
        self._starts = np.searchsorted(ends[order, 0], np.arange(count + 1))

    def of(self, place: int) -> list[int]:
        """Return what a place is paired with."""
        found: list[int] = self._others[self._starts[place] : self._starts[place + 1]].tolist()
        return found


def around_keepers(
    members: list[int],
    rank: Places,
    neighbours: Neighbours,
    go_together: Callable[[int, list[int]], list[bool]],
) -> Iterator[list[int]]:
    """Split what hangs together into groups whose members all go with the first, their keeper.

    ``rank`` is every place's rank as a keeper, smallest first, and the order within a group.
    ``go_together`` is asked of a keeper and others and answers for each.
    """
    taken: set[int] = set()
    for keeper in sorted(members, key=lambda place: int(rank[place])):
        if keeper in taken:
            continue
        group, seen, border = [keeper], {keeper}, [keeper]
        while border:
            around = {one for place in border for one in neighbours.of(place)} - seen - taken
            seen |= around
            asked = sorted(around)
            fits = go_together(keeper, asked) if asked else []
            border = [one for one, fine in zip(asked, fits, strict=True) if fine]
            group += border
        taken.update(group)
        if len(group) > 1:
            yield [keeper, *sorted(group[1:], key=lambda place: int(rank[place]))]
