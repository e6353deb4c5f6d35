"""The columns of an item: what they hold, how they go into the database and come out.

Milvus 2.3 has no nullable columns, so "unknown" is one reserved value a column,
which nobody outside this folder ever sees: rows go in and come out as the
fields of ``records.Item``, with ``None`` for unknown.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from searchengine.errors import ItemError, LimitError, QueryError
from searchengine.store.moments import moment_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from searchengine.records import Item, Modality

INT64_MAX = 2**63 - 1
UNKNOWN_INT = -INT64_MAX
"""One above the least INT64: servers cannot read the least one in a filter."""
UNKNOWN_FLOAT = 1e300
UNKNOWN_TEXT = ""
VARCHAR_BYTES = 65_535
"""Milvus's own limit on a VARCHAR, in bytes of UTF-8."""
_SURROGATE = re.compile("[\ud800-\udfff]")
JSON_BYTES = 65_536
"""Milvus's own limit on a JSON value, in bytes."""

VECTOR = "vector"
MODALITY = "modality"
TAKEN_AT_MS = "taken_at_ms"
"""The column ``taken_at`` is compared and sorted by: milliseconds since the epoch."""
TERMS = "caption_terms"
"""The sparse vector that ``caption`` is searched by (``store.bm25``), where a side has it."""


class Kind(Enum):
    """What a column holds, as filters see it."""

    TEXT = "text"
    INT = "whole number"
    FLOAT = "number"
    TIME = "time"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the database."""

    name: str
    kind: Kind
    optional: bool = False
    """Whether ``None`` (unknown) is allowed."""
    max_bytes: int = VARCHAR_BYTES
    """For text: bytes of UTF-8."""


COLUMNS: tuple[Column, ...] = (
    Column("id", Kind.TEXT, max_bytes=32),
    Column("uri", Kind.TEXT),
    Column("revision", Kind.TEXT, max_bytes=1024),
    Column("content_hash", Kind.TEXT, max_bytes=64),
    Column("size", Kind.INT),
    Column("mtime_ns", Kind.INT),
    Column("mime", Kind.TEXT, max_bytes=255),
    Column("width", Kind.INT, optional=True),
    Column("height", Kind.INT, optional=True),
    Column("caption", Kind.TEXT, optional=True),
    Column("taken_at", Kind.TIME, optional=True, max_bytes=64),
    Column("camera", Kind.TEXT, optional=True, max_bytes=1024),
    Column("lens", Kind.TEXT, optional=True, max_bytes=1024),
    Column("latitude", Kind.FLOAT, optional=True),
    Column("longitude", Kind.FLOAT, optional=True),
    Column("folder", Kind.TEXT, optional=True),
    Column("meta", Kind.JSON),
)
"""All columns but the vector. The key comes first."""

BY_NAME: dict[str, Column] = {column.name: column for column in COLUMNS}
ALL_FIELDS: tuple[str, ...] = (*BY_NAME, MODALITY)
"""Every field of ``Item``; the modality is the side's, and is stored with it."""


def check_fields(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names once each, or raise ``QueryError`` for one that is no field."""
    chosen = tuple(dict.fromkeys(names))
    for name in chosen:
        if name not in BY_NAME and name not in (VECTOR, MODALITY):
            known = ", ".join((*ALL_FIELDS, VECTOR))
            raise QueryError(f"there is no field {name!r}", hint=f"The fields are: {known}.")
    return chosen


def stored_columns(names: Iterable[str]) -> list[str]:
    """Return the database's columns behind field names, for ``output_fields``."""
    return [name for name in names if name != MODALITY]


def encode_item(item: Item) -> dict[str, Any]:
    """Return the item as the database's columns, all of them but the vector.

    Raises ``LimitError`` for a value that is too long (captions are cut instead)
    and ``ItemError`` for one that is no value of its column.
    """
    row: dict[str, Any] = {}
    for (column, encode), value in zip(_WAYS, _VALUES(item), strict=True):
        if value is None and not column.optional:
            raise ItemError(f"{_name(item)}: {column.name} must be known")
        row[column.name] = encode(item, column, value)
    row[TAKEN_AT_MS] = UNKNOWN_INT
    if row["taken_at"]:
        moment = moment_ms(row["taken_at"])
        if moment is None:
            raise ItemError(
                f"{_name(item)}: taken_at {row['taken_at']!r} is no ISO 8601 time",
                hint="Write it like 2024-06-01T12:30:00+02:00, or leave it unknown.",
            )
        row[TAKEN_AT_MS] = moment
    return row


def decode_field(name: str, value: Any) -> Any:
    """Return a column's value as it is in ``Item``: ``None`` for the reserved value."""
    column = BY_NAME[name]
    if column.kind is Kind.JSON:
        return dict(value) if value else {}
    if column.kind is Kind.INT:
        number = int(value)
        return None if column.optional and number == UNKNOWN_INT else number
    if column.kind is Kind.FLOAT:
        number_ = float(value)
        return None if column.optional and number_ == UNKNOWN_FLOAT else number_
    text = str(value)
    return None if column.optional and text == UNKNOWN_TEXT else text


def decode_row(row: Mapping[str, Any], names: Iterable[str], modality: Modality) -> dict[str, Any]:
    """Return the named fields of a database row as in ``Item``; ``vector`` as float32 (dim,)."""
    fields: dict[str, Any] = {}
    for name in names:
        if name == MODALITY:
            fields[name] = modality
        elif name == VECTOR:
            import numpy as np

            fields[name] = np.asarray(row[VECTOR], dtype=np.float32)
        else:
            fields[name] = decode_field(name, row[name])
    return fields


def _encode_text(item: Item, column: Column, value: str | None) -> str:
    if value is None:
        return UNKNOWN_TEXT
    if value.isascii() and len(value) <= column.max_bytes:  # nearly all, at a third of the time
        return value
    data = clean_text(value).encode("utf-8")
    if len(data) > column.max_bytes:
        if column.name != "caption":
            raise LimitError(
                f"{_name(item)}: {column.name} has {len(data):,} bytes, "
                f"and {column.max_bytes:,} is the limit"
            )
        data = data[: column.max_bytes]
    return data.decode("utf-8", "ignore")  # a character cut in two goes altogether


def _encode_int(item: Item, column: Column, value: int | None) -> int:
    if value is None:
        return UNKNOWN_INT
    number = int(value)
    if not UNKNOWN_INT < number <= INT64_MAX:
        raise LimitError(f"{_name(item)}: {column.name} {number} does not fit in 64 bits")
    return number


def _encode_float(item: Item, column: Column, value: float | None) -> float:
    if value is None:
        return UNKNOWN_FLOAT
    number = float(value)
    if not math.isfinite(number) or abs(number) >= UNKNOWN_FLOAT:
        raise ItemError(f"{_name(item)}: {column.name} {number} is no finite number")
    return number


def _encode_json(item: Item, column: Column, value: Mapping[str, Any]) -> dict[str, Any]:
    if not value:
        return {}
    clean = _clean_json(item, column, dict(value))
    data = json.dumps(clean, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    if len(data) > JSON_BYTES:
        raise LimitError(
            f"{_name(item)}: {column.name} has {len(data):,} bytes as JSON, "
            f"and {JSON_BYTES:,} is the limit"
        )
    assert isinstance(clean, dict)
    return clean


def _clean_json(item: Item, column: Column, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, int):
        return _encode_int(item, column, value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ItemError(f"{_name(item)}: {column.name} holds {value}, which JSON has not")
        return value
    if isinstance(value, dict):
        return {clean_text(str(k)): _clean_json(item, column, v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_clean_json(item, column, v) for v in value]
    raise ItemError(f"{_name(item)}: {column.name} holds a {type(value).__name__}, not JSON")


_ENCODE: dict[Kind, Callable[[Item, Column, Any], Any]] = {
    Kind.TEXT: _encode_text,
    Kind.TIME: _encode_text,
    Kind.INT: _encode_int,
    Kind.FLOAT: _encode_float,
    Kind.JSON: _encode_json,
}
_WAYS = [(column, _ENCODE[column.kind]) for column in COLUMNS]
_VALUES = attrgetter(*BY_NAME)


def clean_text(text: str) -> str:
    """Return the text with bytes that were no UTF-8 (lone surrogates) as U+FFFD."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _name(item: Item) -> str:
    return item.uri or item.id
