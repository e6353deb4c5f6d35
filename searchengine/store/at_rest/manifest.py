"""What the files beside the rows say: which side this is, and which files hold its rows.

Written for Milvus Lite 3.2. Wherever a folder is not exactly as expected, or work was left
unfinished in it, the answer is ``None``, and Lite is opened instead: it knows how to go on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from searchengine.store import naming, versions
from searchengine.store.profiles import PROFILES

if TYPE_CHECKING:
    from pathlib import Path

    from searchengine.records import Side
    from searchengine.store.naming import Label

_MANIFEST_FORMAT: Final = 2
_SCHEMA_FORMAT: Final = 2
_PARTITION: Final = "_default"
_COLLECTIONS: Final = "collections"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A side of a corpus as it lies in the folder."""

    label: Label
    collection: str
    index: str
    """The index profile in force."""
    data: tuple[Path, ...]
    """Parquet files of rows."""
    deleted: tuple[Path, ...]
    """Parquet files of deletions."""


def read_manifest(folder: Path, side: Side) -> Manifest | None:
    """Return where a side's rows are, for holders of the folder's lock.

    ``None`` where the side is not there, where writes wait in a log, and wherever this is not the
    layout that is known.
    """
    try:
        return _read(folder, side)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _read(folder: Path, side: Side) -> Manifest | None:
    seen = versions.locate(side, _Lying(folder).look)
    if seen is None:
        return None
    collection, label, schema = seen.collection, seen.label, seen.schema
    home = folder / _COLLECTIONS / collection
    manifest = _json(home / "manifest.json")
    known = (
        manifest["manifest_format_version"] == _MANIFEST_FORMAT
        and schema["schema_format_version"] == _SCHEMA_FORMAT
        and not schema.get("functions")
        and not schema["enable_dynamic_field"]
    )
    index = str(manifest["index_specs"]["vector"]["index_type"]).upper()
    if (
        not known
        or label.schema != naming.SCHEMA_VERSION
        or index not in PROFILES
        or _unfinished(home)
        or any(files["data_files"] for name, files in _other_partitions(manifest))
    ):
        return None
    base, files = home / "partitions" / _PARTITION, manifest["partitions"][_PARTITION]
    data = tuple(base / name for name in files["data_files"])
    deleted = tuple(base / name for name in files["delta_files"])
    if not all(path.is_file() for path in (*data, *deleted)):
        return None
    return Manifest(label, collection, index, data, deleted)


@dataclass(frozen=True, slots=True)
class _Schema:
    collection: str
    label: Label
    schema: dict[str, Any]


class _Lying:
    """The aliases of a folder, and what is behind them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / _COLLECTIONS
        self._aliases = _json(folder / "aliases.json")

    def look(self, name: str) -> _Schema | None:
        collection = str(self._aliases.get(name, name))
        path = self._folder / collection / "schema.json"
        if not path.is_file():
            return None
        schema = _json(path)
        label = naming.read_label(schema)
        return None if label is None else _Schema(collection, label, schema)


def _unfinished(home: Path) -> bool:
    """Whether rows wait in the log: whoever wrote them has not closed the database."""
    log = home / "wal"
    return log.is_dir() and any(log.iterdir())


def _other_partitions(manifest: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(name, one) for name, one in manifest["partitions"].items() if name != _PARTITION]


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
