"""Queries to measure an index with, made of what a corpus holds, and their exact answers.

Three kinds, for an index finds the neighbours of each with a different ease:

- items of the side, each left out of its answer: "more like this one";
- new ones of the same kind. An item is a node of a graph index, one step from its neighbours; a
  query that is none has to find its way there (recall@10 of HNSW with ef 27 over 20,000 clustered
  vectors: items 0.97, unseen ones 0.82). So new ones are put together from items: every coordinate,
  in one random basis, is that of some near neighbour of an item. From how many neighbours is chosen
  for each so that it comes as near to its k-th neighbour as the item does to its own, which is as
  near as an unseen one comes. Their recall is that of vectors held out, or a little lower;
- items of the corpus's other side, where it has one: texts lie elsewhere than images.
"""

from __future__ import annotations

import heapq
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from searchengine.evaluate.exact import nearest
from searchengine.records import MODALITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from searchengine.encoders.contract import Vectors
    from searchengine.records import Side
    from searchengine.store.contract import Found, SideInfo, Store

_PARENTS = (8, 16, 24, 32, 48, 64, 96)
"""From so many neighbours a new query may be put together."""
_ITEMS_A_CALL = 32
_SEED = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """Queries of one kind, with the exact answers."""

    kind: str
    """``images``, ``texts`` (what the corpus holds), ``new images`` or ``new texts``."""
    vectors: Vectors
    """float32 (n, dim), of unit length."""
    own: tuple[str, ...] | None
    """The items they are, where they are items of the searched side."""
    exact: list[list[Found]]


def ask(
    store: Store,
    info: SideInfo,
    k: int,
    queries: int,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Asked]:
    """Return up to ``queries`` queries of each kind with their exact ``k`` nearest items.

    The side is read once, in bounded memory. The same corpus gives the same queries.
    """
    modality = info.side.modality
    ids, items = _sampled(store, info.side, queries)
    made = _new_ones(store, info, items)
    other = _other(store, info)
    others = _sampled(store, other.side, queries)[1] if other is not None else items[:0]
    rest = [""] * (len(made) * len(items) + len(others))
    own = [*ids, *rest]
    tell(f"comparing {len(own):,} queries with {info.count:,} items")
    best = nearest(store, info.side, np.concatenate([items, *made, others]), k, own=own)
    lots = [best[at : at + len(items)] for at in range(0, len(own) - len(others), len(items))]
    asked = [
        Asked(f"{modality}s", items, ids, lots[0]),
        Asked(f"new {modality}s", *_as_near(lots[0], made, lots[1:])),
    ]
    if other is not None:
        exact = best[len(own) - len(others) :]
        asked.append(Asked(f"{other.side.modality}s", others, None, exact))
    return asked


def _sampled(store: Store, side: Side, count: int) -> tuple[tuple[str, ...], Vectors]:
    """Return some items of a side, the same ones every time, and their vectors (n, dim)."""

    def place(one: str) -> tuple[int, str]:
        return zlib.crc32(f"{_SEED} {one}".encode()), one

    ids = (str(row["id"]) for row in store.scan(side, fields=("id",)))
    chosen = heapq.nsmallest(count, ids, key=place)
    rows = store.fetch(side, chosen, ("vector",))
    there = tuple(one for one in chosen if one in rows)
    return there, np.stack([rows[one]["vector"] for one in there])


def _new_ones(store: Store, info: SideInfo, items: Vectors) -> list[Vectors]:
    """Return for each number of neighbours a vector for each item (n, dim), made of them."""
    rng = np.random.default_rng(_SEED)
    basis = np.linalg.qr(rng.normal(size=(info.dim, info.dim)))[0].astype(np.float32)
    numbers = sorted({min(number, info.count) for number in _PARENTS})
    made = [np.empty_like(items) for _ in numbers]
    for place, hits in enumerate(_near(store, info.side, items, numbers[-1])):
        parents = np.stack([hit.fields["vector"] for hit in hits]) @ basis
        for vectors, number in zip(made, numbers, strict=True):
            chosen = rng.integers(0, min(number, len(parents)), info.dim)
            vectors[place] = basis @ parents[chosen, np.arange(info.dim)]
    return [_unit(vectors) for vectors in made]


def _near(store: Store, side: Side, items: Vectors, limit: int) -> Iterator[list[Found]]:
    """Yield the neighbours of each item with their vectors, some items a call."""
    for at in range(0, len(items), _ITEMS_A_CALL):
        some = items[at : at + _ITEMS_A_CALL]
        yield from store.search(side, some, limit=limit, fields=("vector",), fresh=False)


def _as_near(
    items: list[list[Found]], made: list[Vectors], answers: list[list[list[Found]]]
) -> tuple[Vectors, None, list[list[Found]]]:
    """Return of the vectors made for each item the one as near to its neighbours as the item."""
    vectors, exact = np.empty_like(made[0]), []
    for place, mine in enumerate(items):
        gaps = [abs(_farthest(lot[place]) - _farthest(mine)) for lot in answers]
        best = int(np.argmin(gaps))
        vectors[place] = made[best][place]
        exact.append(answers[best][place])
    return vectors, None, exact


def _farthest(hits: list[Found]) -> float:
    return hits[-1].score if hits else 0.0


def _unit(vectors: Vectors) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def _other(store: Store, info: SideInfo) -> SideInfo | None:
    """Return the corpus's other side, if its vectors are of the same space."""
    [modality] = [one for one in MODALITIES if one != info.side.modality]
    other = store.describe(replace(info.side, modality=modality))
    if other is None or other.fingerprint != info.fingerprint or other.count == 0:
        return None
    return other
