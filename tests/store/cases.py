"""What the store tests write: items, rows and sides with as little as possible in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from searchengine.errors import NotFoundError
from searchengine.identity import file_uri, item_id
from searchengine.records import Item, Side
from searchengine.store.capabilities import capabilities_of
from searchengine.store.contract import Row, SideSpec, Store
from searchengine.store.milvus import MilvusStore

DIM = 32


def unit(vectors: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Return the vectors at unit length."""
    array = np.asarray(vectors, dtype=np.float32)
    return np.asarray(array / np.linalg.norm(array, axis=-1, keepdims=True), np.float32)


def make_item(number: int = 0, **fields: object) -> Item:
    """Return an item with every obligatory field, unlike those of other numbers."""
    uri = file_uri(f"/photos/{number:06}.jpg")
    values: dict[str, object] = {
        "id": item_id(uri),
        "uri": uri,
        "modality": "image",
        "revision": f"r{number}",
        "content_hash": f"{number:032x}",
        "size": number,
        "mtime_ns": 1_700_000_000_000_000_000 + number,
        "mime": "image/jpeg",
    }
    return Item(**{**values, **fields})  # type: ignore[arg-type]


def spec_of(corpus: str, dim: int = DIM, profile: str = "auto", **changes: str) -> SideSpec:
    """Return what an encoder asks of a side."""
    values = {"model": "fake/one", "fingerprint": "a" * 32, **changes}
    return SideSpec(Side(corpus, "image"), dim=dim, profile=profile, **values)


def rows_of(count: int, dim: int = DIM, seed: int = 0) -> list[Row]:
    """Return rows with random unit vectors."""
    vectors = unit(np.random.default_rng(seed).normal(size=(count, dim)))
    return [Row(make_item(number), vector) for number, vector in enumerate(vectors)]


def drop_quietly(store: Store, corpus: str) -> None:
    """Drop a corpus that may not be there."""
    try:
        store.drop(corpus)
    except NotFoundError:
        return


def allow_all(store: Store) -> Store:
    """Let a store build what a full server of its version can.

    The tests' server comes in one wheel, where some indexes are refused because of
    its storage; ``tests/conftest.py`` runs it so that they can be tried after all.
    """
    assert isinstance(store, MilvusStore)
    connection = store._connection
    if not connection.is_lite:
        full = capabilities_of(connection.capabilities.version.removesuffix("-lite"))
        connection.capabilities = replace(full, profiles=full.profiles - {"DISKANN"})
    return store
