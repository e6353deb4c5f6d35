"""What goes over the wire in a write: rows turned into columns, in parts a server takes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from searchengine.store.fields import COLUMNS, TAKEN_AT_MS, TERMS, VECTOR, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from searchengine.encoders.contract import Vectors

_ROWS_A_WRITE = 5_000
_BYTES_A_WRITE = 16 * 1024 * 1024
"""A quarter of what a server takes in one call: sizes are estimated."""

Columns = list[dict[str, Any]]
"""Each with ``name``, ``type`` (of pymilvus) and ``values``, one a row."""


def parts_of(
    rows: Sequence[dict[str, Any]], vectors: Vectors
) -> Iterator[tuple[list[dict[str, Any]], Vectors]]:
    """Split encoded rows and their vectors so that no call is larger than a server takes."""
    start, size = 0, 0
    for at, row in enumerate(rows):
        weight = _weight(row) + 4 * vectors.shape[1]
        if at > start and (at - start >= _ROWS_A_WRITE or size + weight > _BYTES_A_WRITE):
            yield list(rows[start:at]), vectors[start:at]
            start, size = at, 0
        size += weight
    if start < len(rows):
        yield list(rows[start:]), vectors[start:]


def columns_of(rows: Sequence[Mapping[str, Any]], vectors: Vectors) -> Columns:
    """Return rows (of ``fields.encode_item``, with or without ``TERMS``) column by column."""
    columns = []
    for field in input_fields(full_text=TERMS in rows[0]):
        name = field["name"]
        values = vectors.tolist() if name == VECTOR else [row[name] for row in rows]
        columns.append({"name": name, "type": field["type"], "values": values})
    return columns


@cache
def input_fields(*, full_text: bool) -> list[dict[str, Any]]:
    """Return what pymilvus wants to know of a side's columns to pack them."""
    from pymilvus import DataType

    plain = {Kind.INT: DataType.INT64, Kind.FLOAT: DataType.DOUBLE, Kind.JSON: DataType.JSON}
    fields: list[dict[str, Any]] = [
        {
            "name": column.name,
            "type": plain.get(column.kind, DataType.VARCHAR),
            "params": {"max_length": column.max_bytes},
            "is_primary": column.name == "id",
        }
        for column in COLUMNS
    ]
    fields.append({"name": TAKEN_AT_MS, "type": DataType.INT64})
    fields.append({"name": VECTOR, "type": DataType.FLOAT_VECTOR})
    if full_text:
        fields.append({"name": TERMS, "type": DataType.SPARSE_FLOAT_VECTOR})
    return fields


def _weight(row: Mapping[str, Any]) -> int:
    """Return about how many bytes a row takes, without its vector."""
    texts = sum(len(value) for value in row.values() if isinstance(value, str))
    words = 8 * len(row.get(TERMS, ()))
    return 4 * texts + words + 200 + (len(str(row["meta"])) if row["meta"] else 0)
