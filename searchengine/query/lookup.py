"""What is indexed, looked up by id, path or uri; and taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from searchengine.errors import NotFoundError
from searchengine.query.keys import resolve_id, resolve_uri
from searchengine.records import ITEM_FIELDS, MODALITIES, Item
from searchengine.store.filters import Prefix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from searchengine.query.resolve import Vector
    from searchengine.records import Modality, Side
    from searchengine.store.contract import Store

_KEPT = 64


class Lookup:
    """One version of a corpus, item by item. Both sides are looked in, images first."""

    def __init__(self, store: Store, side_of: Callable[[Modality], Side]) -> None:
        self._store = store
        self._side_of = side_of
        self._corpus = side_of(MODALITIES[0]).corpus
        self._vectors: dict[str, Vector] = {}

    def item(self, key: str) -> Item:
        """Return an item by id, path or uri. Raises ``NotFoundError``."""
        wanted = resolve_id(key)
        found = self._row(wanted, ITEM_FIELDS)
        if found is None:
            raise self._not_found(key)
        modality, row = found
        return Item(modality=modality, **row)

    def ids(self, key: str) -> list[tuple[Modality, str]]:
        """Return the side and id of an item, or of all items of a file that holds many.

        Raises ``NotFoundError``.
        """
        wanted = resolve_id(key)
        if (found := self._row(wanted, ("id",))) is not None:
            return [(found[0], wanted)]
        parts = list(self._parts(key))
        if not parts:
            raise self._not_found(key)
        return [(modality, row["id"]) for modality, row in parts]

    def _parts(self, key: str) -> Iterator[tuple[Modality, Mapping[str, Any]]]:
        """Yield the side and the row (id, uri) of each item of a file that holds many."""
        if key.startswith("id:") or "#" in key:
            return
        prefix = Prefix("uri", resolve_uri(key) + "#")
        for modality in MODALITIES:
            side = self._side_of(modality)
            if self._store.describe(side) is not None:
                for row in self._store.scan(side, where=prefix, fields=("id", "uri")):
                    yield modality, row

    def _not_found(self, key: str) -> NotFoundError:
        first = next(iter(self._parts(key)), None)
        if first is None:
            return NotFoundError(
                f"{key} is not in corpus {self._corpus!r}", hint="searchengine stats shows what is"
            )
        return NotFoundError(
            f"{key} is indexed in parts",
            hint=f"name one of them: {key}#{first[1]['uri'].partition('#')[2]}",
        )

    def stat(self, key: str) -> tuple[int, int] | None:
        """Return size and mtime of an indexed image; its vector is kept for what follows."""
        try:
            row = self._store.fetch(
                self._side_of("image"), [key], ("id", "size", "mtime_ns", "vector")
            ).get(key)
        except NotFoundError:
            return None
        if row is None:
            return None
        if len(self._vectors) >= _KEPT:
            self._vectors.clear()
        self._vectors[key] = row["vector"]
        return row["size"], row["mtime_ns"]

    def vector(self, key: str) -> tuple[Modality, Vector]:
        """Return an item's side and stored vector. Raises ``NotFoundError``."""
        if (kept := self._vectors.pop(key, None)) is not None:
            return "image", kept
        found = self._row(key, ("id", "vector"))
        if found is None:
            raise NotFoundError(
                f"no item {key} in corpus {self._corpus!r}",
                hint="search results show the ids there are",
            )
        return found[0], found[1]["vector"]

    def _row(self, key: str, fields: tuple[str, ...]) -> tuple[Modality, Mapping[str, Any]] | None:
        for modality in MODALITIES:
            try:
                row = self._store.fetch(self._side_of(modality), [key], fields).get(key)
            except NotFoundError:  # no such side
                continue
            if row is not None:
                return modality, row
        return None
