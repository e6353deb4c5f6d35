"""Rows that Lite takes in our way are those it takes in its own way, and refused is what was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from searchengine.store.lite_files import write_lite_files_leanly
from searchengine.store.lite_rows import take_rows_leanly

write_lite_files_leanly()  # before Lite is imported
take_rows_leanly()

from milvus_lite import CollectionSchema, DataType, FieldSchema  # noqa: E402
from milvus_lite.adapter.grpc.translators import records  # noqa: E402
from milvus_lite.engine import collection  # noqa: E402
from milvus_lite.exceptions import SchemaValidationError  # noqa: E402
from pymilvus.grpc_gen import schema_pb2  # noqa: E402

SCHEMA = CollectionSchema(
    fields=[
        FieldSchema(name="id", dtype=DataType.VARCHAR, max_length=32, is_primary=True),
        FieldSchema(name="width", dtype=DataType.INT64),
        FieldSchema(name="vector", dtype=DataType.FLOAT_VECTOR, dim=4),
    ]
)
VECTORS = np.random.default_rng(0).random((3, 4), np.float32)


def column(vectors: Any) -> list[Any]:
    """Return vectors as Lite takes them out of a request."""
    data = schema_pb2.FieldData(type=101, field_name="vector")
    data.vectors.dim = vectors.shape[1]
    data.vectors.float_vector.data.extend(vectors.ravel().tolist())
    found: list[Any] = records._extract_vector_column(data, 101, len(vectors))
    return found


def test_it_is_in_force_and_stays_so() -> None:
    assert take_rows_leanly()
    before = collection.validate_record
    assert take_rows_leanly()
    assert collection.validate_record is before


def test_vectors_of_a_request_are_what_was_sent() -> None:
    taken = column(VECTORS)
    np.testing.assert_array_equal(np.asarray(taken, np.float32), VECTORS)
    record = {"id": "a", "width": 1, "vector": taken[0]}
    collection.validate_record(record, SCHEMA)
    assert record["vector"] is taken[0]
    assert len(record["vector"]) == 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"vector": column(VECTORS[:, :3])[0]}, "expected dim 4, got 3"),
        ({"vector": [1.0, 0.0, "0", 0.0]}, "must be numeric"),
        ({"vector": None}, "missing or None"),
        ({"width": "wide"}, "width"),
        ({"id": None}, "primary key"),
    ],
)
def test_what_was_refused_is_refused(change: dict[str, Any], said: str) -> None:
    record = {"id": "a", "width": 1, "vector": column(VECTORS)[0], **change}
    with pytest.raises(SchemaValidationError, match=said):
        collection.validate_record(record, SCHEMA)
    assert record["vector"] == {"vector": column(VECTORS)[0], **change}["vector"]
