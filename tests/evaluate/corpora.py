"""Small corpora of known vectors, and plain loops over them to compare with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from searchengine.encoders.fake import FakeEncoder
from searchengine.identity import item_id
from searchengine.records import Item, Side
from searchengine.store.contract import Found, Row, SideInfo, SideSpec
from searchengine.store.memory import MemoryStore

CORPUS = "test"
DIM = FakeEncoder().dim


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def item(path: str, *, modality: str = "image", **fields: Any) -> Item:
    uri = f"file://{path}"
    return Item(
        id=item_id(uri),
        uri=uri,
        modality=modality,  # type: ignore[arg-type]
        revision="1",
        content_hash="0" * 32,
        size=1,
        mtime_ns=1,
        mime="image/jpeg",
        **fields,
    )


def fill(store: MemoryStore, items: Sequence[Item], vectors: np.ndarray) -> SideInfo:
    side = Side(CORPUS, items[0].modality)
    encoder = FakeEncoder()
    store.ensure(SideSpec(side, encoder.name, encoder.fingerprint, DIM))
    store.upsert(side, [Row(one, vector) for one, vector in zip(items, vectors, strict=True)])
    info = store.describe(side)
    assert info is not None
    return info


class ForgetfulStore(MemoryStore):
    """Stands for an approximate index: a short answer lacks its best hit, a long one has all."""

    enough = 50

    def describe(self, side: Side, *, fresh: bool = True) -> SideInfo | None:
        from dataclasses import replace

        info = super().describe(side, fresh=fresh)
        return None if info is None else replace(info, index="HNSW")

    def search(self, side: Side, vectors: Any, *, limit: int, **options: Any) -> list[list[Found]]:
        if limit >= self.enough:
            return super().search(side, vectors, limit=limit, **options)
        return [hits[1:] for hits in super().search(side, vectors, limit=limit + 1, **options)]


def plain_order(queries: np.ndarray, ids: Sequence[str], vectors: np.ndarray) -> list[list[str]]:
    """Every id for every query: by score to six digits, then by id."""
    orders = []
    for query in queries:
        scores = [round(float(np.dot(query, vector)), 6) for vector in vectors]
        order = sorted(range(len(ids)), key=lambda n: (-scores[n], ids[n]))
        orders.append([ids[n] for n in order])
    return orders


def plain_metrics(
    orders: Sequence[Sequence[str]], wanted: Sequence[Iterable[str]], k: int
) -> Mapping[str, float]:
    """The metrics in their textbook form, one query at a time."""
    rows = []
    for order, right in zip(orders, map(set, wanted), strict=True):
        places = [place for place, one in enumerate(order, 1) if one in right]
        rows.append(
            {
                f"success@{k}": float(bool(places) and places[0] <= k),
                f"recall@{k}": sum(place <= k for place in places) / len(right),
                f"precision@{k}": sum(place <= k for place in places) / k,
                "map": sum(n / place for n, place in enumerate(places, 1)) / len(right),
                "mrr": 1 / places[0] if places else 0.0,
            }
        )
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
