"""What goes over the wire in a write: rows as one request of columns, in parts a server takes.

``MilvusClient.upsert`` looks at every value of every row by itself, and the layer below it at every
component of every vector. Rows that come here are checked already (``fields.encode_item``,
``vectors.checked_rows``), so they are packed as they are: vectors by copying their bytes.
"""

from __future__ import annotations

import json
import struct
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from searchengine.store.fields import COLUMNS, TAKEN_AT_MS, TERMS, VECTOR, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from searchengine.encoders.contract import Vectors
    from searchengine.store.bm25 import Terms

_ROWS_A_WRITE = 5_000
_BYTES_A_WRITE = 16 * 1024 * 1024
"""A quarter of what a server takes in one call: sizes are estimated."""
_TEXTS = itemgetter(*(column.name for column in COLUMNS if column.kind in (Kind.TEXT, Kind.TIME)))
_PACKED = b"\x0a"
"""In protobuf's wire format: field 1, a length and as many bytes."""


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


def request_of(collection: str, rows: Sequence[Mapping[str, Any]], vectors: Vectors) -> Any:
    """Return the request that writes rows of ``fields.encode_item`` (with or without ``TERMS``).

    ``vectors`` are float32 (n, dim), one a row, n >= 1. It is a ``milvus_pb2.UpsertRequest``.
    """
    from pymilvus.grpc_gen import milvus_pb2

    request = milvus_pb2.UpsertRequest(collection_name=collection, num_rows=len(rows))
    for name, number, slot in _columns():
        values: Any = [row[name] for row in rows]
        if slot == "json_data":
            values = [_json(value) for value in values]
        field = request.fields_data.add(type=number, field_name=name)
        getattr(field.scalars, slot).data.extend(values)
    dense, sparse = _vector_types()
    field = request.fields_data.add(type=dense, field_name=VECTOR)
    field.vectors.dim = vectors.shape[1]
    field.vectors.float_vector.MergeFromString(_floats(vectors))
    if TERMS in rows[0]:
        terms = [row[TERMS] for row in rows]
        field = request.fields_data.add(type=sparse, field_name=TERMS)
        field.vectors.sparse_float_vector.contents.extend(map(_sparse, terms))
        field.vectors.sparse_float_vector.dim = 1 + max(map(max, terms))
    return request


@cache
def _columns() -> tuple[tuple[str, int, str], ...]:
    """Return of each scalar column its name, its type's number, and where its values go."""
    from pymilvus import DataType

    kinds = {
        Kind.INT: (int(DataType.INT64), "long_data"),
        Kind.FLOAT: (int(DataType.DOUBLE), "double_data"),
        Kind.JSON: (int(DataType.JSON), "json_data"),
    }
    text = (int(DataType.VARCHAR), "string_data")
    columns = [(column.name, *kinds.get(column.kind, text)) for column in COLUMNS]
    return (*columns, (TAKEN_AT_MS, *kinds[Kind.INT]))


@cache
def _vector_types() -> tuple[int, int]:
    from pymilvus import DataType

    return int(DataType.FLOAT_VECTOR), int(DataType.SPARSE_FLOAT_VECTOR)


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode() if value else b"{}"


def _floats(vectors: Vectors) -> bytes:
    """Return all components one after another as a serialised ``FloatArray``."""
    data = vectors.astype("<f4", copy=False).tobytes()
    return _PACKED + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    """Return a number as protobuf writes it, seven bits a byte, the lowest first."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _sparse(terms: Terms) -> bytes:
    """Return a sparse vector as Milvus keeps it: (uint32, float32) pairs, by rising numbers."""
    return struct.pack("<" + "If" * len(terms), *chain.from_iterable(sorted(terms.items())))


def _weight(row: Mapping[str, Any]) -> int:
    """Return about how many bytes a row takes, without its vector."""
    texts = sum(map(len, _TEXTS(row)))
    words = 8 * len(row.get(TERMS, ()))
    return 4 * texts + words + 200 + (len(str(row["meta"])) if row["meta"] else 0)
