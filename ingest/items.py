"""One item on its way through the stages: from what has to be done to what waits for its vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.containers import part_bytes, part_item
from searchengine.errors import ItemError, ReadError
from searchengine.identity import content_hash
from searchengine.records import Item
from searchengine.store.fields import encode_item

if TYPE_CHECKING:
    from ingest.decoding import Decoding
    from ingest.plan import Todo
    from ingest.sources.contract import Source
    from searchengine.encoders.contract import Encoder, Pixels, Vectors


@dataclass(frozen=True, slots=True)
class Loaded:
    """Its bytes have been read."""

    todo: Todo
    data: bytes
    hash: str


@dataclass(frozen=True, slots=True)
class Known:
    """Its content has been met before: the vector is taken over, the model not asked."""

    todo: Todo
    item: Item
    vector: Any
    source_id: str
    """Of the row the vector comes from."""


@dataclass(frozen=True, slots=True)
class Ready:
    """It waits for its vector: ``pixels`` for an image, the caption for a text."""

    todo: Todo
    item: Item
    pixels: Pixels | None


@dataclass(frozen=True, slots=True)
class Failed:
    """It cannot be indexed."""

    todo: Todo
    error: ItemError


def load(source: Source, todo: Todo) -> Loaded | Failed:
    """Read an asset's bytes."""
    asset = todo.asset
    try:
        if asset.modality == "text":
            data = (asset.caption or "").encode("utf-8", "replace")
        elif asset.part is not None:
            data = part_bytes(asset.part)
        else:
            data = source.open(asset)
    except ItemError as error:
        return Failed(todo, error)
    except OSError as error:
        return Failed(todo, ReadError(f"cannot read: {error.strerror or error}"))
    return Loaded(todo, data, content_hash(data))


def make_ready(one: Loaded, encoder: Encoder, decoding: Decoding) -> Ready | Failed:
    """Decode an asset to the model's pixels, and gather what is known of it."""
    try:
        ready = _make_ready(one, encoder, decoding)
        encode_item(ready.item)  # what the database would refuse is a failed item, not a run
    except ItemError as error:
        return Failed(one.todo, error)
    return ready


def encode(encoder: Encoder, batch: list[Ready]) -> Vectors:
    """Return float32 (n, dim) for n items of one modality."""
    if batch[0].pixels is not None:
        return encoder.encode_images(
            np.stack([one.pixels for one in batch if one.pixels is not None])
        )
    return encoder.encode_texts([one.item.caption or "" for one in batch])


def _make_ready(one: Loaded, encoder: Encoder, decoding: Decoding) -> Ready:
    asset = one.todo.asset
    common: dict[str, Any] = {
        "id": one.todo.id,
        "uri": asset.uri,
        "modality": asset.modality,
        "revision": asset.revision,
        "content_hash": one.hash,
        "size": asset.size or len(one.data),
        "mtime_ns": asset.mtime_ns,
        "caption": asset.caption,
        "folder": asset.folder,
        "meta": asset.meta,
    }
    if asset.modality == "text":
        return Ready(one.todo, Item(mime="text/plain", **common), None)
    facts, pixels = decoding.picture(encoder, one.data)
    item = Item(**facts, **common)
    if asset.part is not None:
        item = part_item(item, asset.part)
    return Ready(one.todo, item, pixels)
