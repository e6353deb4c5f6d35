"""Finds the duplicates of a side: table, neighbours, pixels, groups.

Memory grows with the number of items and of near pairs, never with the number of all pairs, and
vectors and pictures pass through: see docs/duplicates.md for the bytes an item.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from searchengine.containers.reading import place_of
from searchengine.duplicates.groups import Neighbours, around_keepers, linked
from searchengine.duplicates.looks import Looks
from searchengine.duplicates.neighbours import collect_pairs, search_neighbours
from searchengine.duplicates.records import Findings, Group, Member, Wanted
from searchengine.duplicates.table import TABLE_FIELDS, read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from searchengine.duplicates.align import Floats
    from searchengine.duplicates.groups import Pairs, Places
    from searchengine.duplicates.neighbours import Near
    from searchengine.duplicates.records import Tier, Why
    from searchengine.duplicates.table import Table
    from searchengine.records import Side
    from searchengine.store.contract import Store

    Told = Callable[[str, int, int], None]

_MEMBER_FIELDS = ("uri", "width", "height", "size", "taken_at")
_GROUPS_A_FETCH = 200

Found = tuple[list[int], list["Why"], list["float | None"]]
"""A group's places (keeper first), why each is in it, and its cosine to the keeper."""


def find_duplicates(
    store: Store, side: Side, wanted: Wanted | None = None, told: Told | None = None
) -> Findings:
    """Find copies and similar pictures among the images of a side. Deletes nothing.

    ``told(doing, done, total)`` hears how far it is. All comparing is done when this returns;
    the groups' items are fetched from the store while the groups are read.

    Raises what the store raises, and ``SearchEngineError`` where a worker process died.
    """
    wanted = wanted or Wanted()
    table = read_table(store.scan(side, where=wanted.where, fields=TABLE_FIELDS))
    copies = _byte_copies(table)
    near = collect_pairs(
        table,
        search_neighbours(
            store,
            side,
            table,
            np.bincount(copies, minlength=len(table))[copies].astype(np.int32),
            count=wanted.neighbours,
            where=wanted.where,
            told=told and (lambda done, total: told("searching neighbours", done, total)),
        ),
    )
    looks = Looks(table, lambda ids: _uris(store, side, ids), wanted.workers)
    # Only what may end up in a group needs pixels. They are needed for "similar" alone as well:
    # copies do not belong there.
    likely = np.full(len(near.pairs), "same" in wanted.tiers) | (near.cosines >= wanted.threshold)
    pairs = _between_contents(near.pairs[likely], copies)
    rows = store.scan(side, where=wanted.where, fields=("id", "uri", "meta"))
    unreadable = looks.read(
        _involved(rows, table, pairs), told and (lambda *at: told("reading pictures", *at))
    )
    shown = pairs[looks.same(pairs, told and (lambda *at: told("comparing pictures", *at)))]
    groups = list(_same(table, copies, shown, looks))
    found: list[tuple[Tier, Iterable[Found]]] = []
    if "same" in wanted.tiers:
        found.append(("same", groups))
    if "similar" in wanted.tiers:
        found.append(("similar", _similar(table, near, groups, wanted.threshold)))
    return Findings(
        groups=_described(store, side, table, found),
        items=len(table),
        pairs=len(near.pairs),
        compared=looks.compared,
        looked_at=looks.looked_at,
        unreadable=unreadable,
    )


def _byte_copies(table: Table) -> NDArray[np.int32]:
    """For every place, the first place with the same content."""
    if not len(table):
        return np.empty(0, np.int32)
    _, first, inverse = np.unique(table.hashes, return_index=True, return_inverse=True)
    return first[inverse].astype(np.int32)


def _between_contents(pairs: Pairs, copies: NDArray[np.int32]) -> Pairs:
    """The pairs between different contents, one item standing for all with its content."""
    if not len(pairs):
        return pairs
    pairs = np.sort(copies[pairs], axis=1)
    return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)


def _involved(
    rows: Iterable[Mapping[str, Any]], table: Table, pairs: Pairs
) -> Iterator[Mapping[str, Any]]:
    """Those rows whose pictures will be compared."""
    needed = np.zeros(len(table), np.bool_)
    needed[pairs.ravel()] = True
    source = iter(rows)
    while page := list(islice(source, 1_024)):
        places = table.places_of([row["id"] for row in page])
        for row, place in zip(page, places.tolist(), strict=True):
            if place >= 0 and needed[place]:
                yield row


def _same(table: Table, copies: Places, shown: Pairs, looks: Looks) -> Iterator[Found]:
    """Yield the groups of items that show the same picture as their keeper."""
    places = np.arange(len(table), dtype=np.int32)
    twins = np.stack([copies, places], axis=1)[copies != places]
    known = set(_keys(shown, len(table)).tolist())

    def go_together(keeper: int, others: list[int]) -> list[bool]:
        contents = copies[others]
        both = np.stack([np.full_like(contents, copies[keeper]), contents], axis=1)
        both = np.sort(both, axis=1)
        keys = _keys(both, len(table))
        unknown = [at for at, key in enumerate(keys.tolist()) if key not in known]
        asked = np.unique(both[unknown], axis=0)
        asked = asked[asked[:, 0] != asked[:, 1]]
        if len(asked):
            known.update(_keys(asked[looks.same(asked)], len(table)).tolist())
        own = (both[:, 0] == both[:, 1]).tolist()
        return [mine or key in known for mine, key in zip(own, keys.tolist(), strict=True)]

    pairs = np.concatenate([twins, shown])
    neighbours = Neighbours(len(table), pairs)
    for members in linked(len(table), pairs):
        for group in around_keepers(members, table.rank, neighbours, go_together):
            own = copies[group[0]]
            why: list[Why] = ["bytes" if copies[one] == own else "pixels" for one in group[1:]]
            yield group, ["keeper", *why], [None] * len(group)


def _similar(table: Table, near: Near, same: list[Found], threshold: float) -> Iterator[Found]:
    """Yield the groups of different pictures near their keeper; of copies, the keeper alone."""
    stands = np.arange(len(table), dtype=np.int32)
    for group, *_ in same:
        stands[group] = group[0]
    close = near.cosines >= threshold
    pairs, cosines = np.sort(stands[near.pairs[close]], axis=1), near.cosines[close]
    best = np.argsort(-cosines, kind="stable")  # of two pairs of copies, the nearer
    keys, first = np.unique(_keys(pairs[best], len(table)), return_index=True)
    pairs, cosines = pairs[best][first], cosines[best][first]
    different = pairs[:, 0] != pairs[:, 1]
    pairs, cosines, keys = pairs[different], cosines[different], keys[different]

    def scores(keeper: int, others: list[int]) -> Floats:
        """Cosines to the keeper, -2 where they are no near pair."""
        both = np.stack([np.full(len(others), keeper), np.array(others)], axis=1)
        wanted = _keys(np.sort(both, axis=1), len(table))
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[at] == wanted, cosines[at], -2).astype(np.float32)

    def go_together(keeper: int, others: list[int]) -> list[bool]:
        return [score > -2 for score in scores(keeper, others).tolist()]

    neighbours = Neighbours(len(table), pairs)
    for members in linked(len(table), pairs):
        for group in around_keepers(members, table.rank, neighbours, go_together):
            found = scores(group[0], group[1:]).tolist()
            ordered = sorted(zip(found, group[1:], strict=True), key=lambda one: -one[0])
            why: list[Why] = ["vector"] * len(ordered)
            yield (
                [group[0], *(one for _, one in ordered)],
                ["keeper", *why],
                [None, *(score for score, _ in ordered)],
            )


def _keys(pairs: NDArray[Any], count: int) -> NDArray[np.int64]:
    """A number a pair of places."""
    keys: NDArray[np.int64] = pairs[:, 0].astype(np.int64) * count + pairs[:, 1]
    return keys


def _described(
    store: Store, side: Side, table: Table, found: list[tuple[Tier, Iterable[Found]]]
) -> Iterator[Group]:
    """Fetch what people want to know of the members, many groups at a time."""
    for tier, groups in found:
        source = iter(groups)
        while part := list(islice(source, _GROUPS_A_FETCH)):
            ids = [table.id_of(place) for places, *_ in part for place in places]
            rows = store.fetch(side, ids, _MEMBER_FIELDS)
            for places, whys, scores in part:
                members = tuple(
                    Member(id=key, why=why, score=score, **rows[key])
                    for place, why, score in zip(places, whys, scores, strict=True)
                    if (key := table.id_of(place)) in rows
                )
                if len(members) > 1 and members[0].why == "keeper":
                    yield Group(tier, members)


def _uris(store: Store, side: Side, ids: list[str]) -> dict[str, str]:
    rows = store.fetch(side, ids, ("uri", "meta"))
    return {key: place_of(row["uri"], row["meta"]) for key, row in rows.items()}
