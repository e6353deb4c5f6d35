"""Content that is in the index already, under this place or another: its vector is taken over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest.items import Failed, Known, Loaded
from ingest.overlap import chunks
from ingest.plan import carry
from searchengine.errors import ItemError
from searchengine.records import ITEM_FIELDS
from searchengine.store.fields import encode_item
from searchengine.store.filters import OneOf

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ingest.clock import StageClock
    from searchengine.records import Modality, Side
    from searchengine.store.contract import Store

CHUNK = 64
"""New assets whose content is looked up at a time."""


def match(
    loaded: Iterable[Loaded | Failed],
    store: Store,
    existing: Mapping[Modality, Side],
    clock: StageClock,
    most_bytes: int,
) -> Iterator[Loaded | Known | Failed]:
    """Tell what the model has to see from what the index knows.

    ``existing`` are the sides that hold anything yet; the others are not asked, and where there are
    none, nothing waits for a chunk to fill. At most ``most_bytes`` and one item more are held.
    """
    for chunk in chunks(loaded, CHUNK if existing else 1, _weight, most_bytes):
        fresh = [one for one in chunk if isinstance(one, Loaded)]
        with clock.busy("match", len(fresh)):
            known = _known_content(fresh, store, existing)
        for one in chunk:
            row = None if isinstance(one, Failed) else known.get(_key(one))
            yield one if row is None or isinstance(one, Failed) else _taken_over(one, row)
        del chunk, fresh, one  # their bytes are not held while the next chunk fills


def _weight(one: Loaded | Failed) -> int:
    return len(one.data) if isinstance(one, Loaded) else 0


def _key(one: Loaded) -> tuple[Modality, str]:
    return one.todo.asset.modality, one.hash


def _known_content(
    fresh: list[Loaded], store: Store, existing: Mapping[Modality, Side]
) -> dict[tuple[Modality, str], dict[str, Any]]:
    """Return rows by their content; a row of the item itself goes before others."""
    known: dict[tuple[Modality, str], dict[str, Any]] = {}
    own = {one.todo.id for one in fresh}
    for modality, side in existing.items():
        hashes = sorted({one.hash for one in fresh if one.todo.asset.modality == modality})
        if not hashes:
            continue
        rows = store.scan(
            side,
            where=OneOf("content_hash", tuple(hashes)),
            fields=(*ITEM_FIELDS, "vector"),
        )
        for row in rows:
            key = (modality, row["content_hash"])
            if key not in known or row["id"] in own:
                known[key] = dict(row)
    return known


def _taken_over(one: Loaded, row: dict[str, Any]) -> Known | Failed:
    item = carry(row, one.todo)
    try:
        encode_item(item)
    except ItemError as error:
        return Failed(one.todo, error)
    return Known(one.todo, item, row["vector"], row["id"])
