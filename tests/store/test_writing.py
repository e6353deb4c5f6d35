"""What goes over the wire in a write is what pymilvus would make of the same rows."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from pymilvus import DataType
from pymilvus.client.prepare import Prepare

from searchengine.records import Item
from searchengine.store.bm25 import item_terms
from searchengine.store.fields import TAKEN_AT_MS, TERMS, VECTOR, encode_item
from searchengine.store.writing import parts_of, request_of
from tests.store.cases import make_item

INTS = ("size", "mtime_ns", "width", "height", TAKEN_AT_MS)
KINDS = {
    **dict.fromkeys(INTS, DataType.INT64),
    "latitude": DataType.DOUBLE,
    "longitude": DataType.DOUBLE,
    "meta": DataType.JSON,
    VECTOR: DataType.FLOAT_VECTOR,
    TERMS: DataType.SPARSE_FLOAT_VECTOR,
}


def items() -> list[Item]:
    return [
        make_item(1),
        make_item(2, caption="Ein Hund, zwei Hünde 一只狗 🐶", mtime_ns=-5, latitude=-1.5e-300),
        make_item(3, caption=None, width=None, meta={"a": [1, None, True, {"ü": -(2**63) + 2}]}),
        make_item(4, caption="dog " * 300, taken_at="2024-06-01T12:30:00+02:00", longitude=180.0),
    ]


def encoded(full_text: bool) -> list[dict[str, Any]]:
    rows = [encode_item(item) for item in items()]
    if full_text:
        for row in rows:
            row[TERMS] = item_terms(row["id"], row["caption"])
    return rows


def as_pymilvus_makes_it(rows: list[dict[str, Any]], vectors: Any) -> Any:
    fields = [
        {
            "name": name,
            "type": KINDS.get(name, DataType.VARCHAR),
            "params": {"max_length": 65_535},
            "is_primary": name == "id",
        }
        for name in (*rows[0], VECTOR)
    ]
    columns = [
        {
            "name": field["name"],
            "type": field["type"],
            "values": vectors.tolist()
            if field["name"] == VECTOR
            else [row[field["name"]] for row in rows],
        }
        for field in fields
    ]
    return Prepare.batch_upsert_param("where", columns, "", fields)


@pytest.mark.parametrize("full_text", [False, True])
@pytest.mark.parametrize("dim", [1, 40, 700])
def test_a_request_is_the_one_that_pymilvus_makes(full_text: bool, dim: int) -> None:
    rows = encoded(full_text)
    vectors = np.random.default_rng(dim).normal(size=(len(rows), dim)).astype(np.float32)
    ours, theirs = request_of("where", rows, vectors), as_pymilvus_makes_it(rows, vectors)
    assert ours.collection_name == theirs.collection_name == "where"
    assert ours.num_rows == theirs.num_rows == len(rows)
    expected = {field.field_name: field for field in theirs.fields_data}
    assert set(expected) == {field.field_name for field in ours.fields_data}
    for field in ours.fields_data:
        other = expected[field.field_name]
        if field.field_name == "meta":
            mine, wanted = (list(one.scalars.json_data.data) for one in (field, other))
            assert [json.loads(one) for one in mine] == [json.loads(one) for one in wanted]
            field.scalars.ClearField("json_data")
            other.scalars.ClearField("json_data")
        if field.field_name == TERMS:  # pymilvus takes the last number for the highest
            other.vectors.sparse_float_vector.dim = field.vectors.sparse_float_vector.dim
        assert field == other, field.field_name
    if full_text:
        dims = [max(row[TERMS]) + 1 for row in rows]
        (terms,) = (one for one in ours.fields_data if one.field_name == TERMS)
        assert terms.vectors.sparse_float_vector.dim == max(dims)


def test_vectors_that_are_a_part_of_others_go_as_they_are() -> None:
    rows = encoded(False)[:2]
    wide = np.arange(4 * 6, dtype=np.float32).reshape(4, 6)
    for vectors in (wide[1:3], wide[::2], np.asfortranarray(wide[:2]), wide[:2, ::2]):
        (field,) = (
            one for one in request_of("c", rows, vectors).fields_data if one.field_name == VECTOR
        )
        assert field.vectors.dim == vectors.shape[1]
        assert list(field.vectors.float_vector.data) == vectors.ravel(order="C").tolist()


def test_parts_hold_all_rows_in_order_and_few_bytes() -> None:
    rows = [encode_item(make_item(n, caption="word " * 2_000)) for n in range(1_500)]
    vectors = np.zeros((len(rows), 256), np.float32)
    vectors[:, 0] = range(len(rows))
    parts = list(parts_of(rows, vectors))
    assert len(parts) > 1
    assert [row["id"] for part, _ in parts for row in part] == [row["id"] for row in rows]
    assert np.concatenate([values for _, values in parts])[:, 0].tolist() == list(range(1_500))
    assert all(request_of("c", *part).ByteSize() < 64 * 1024 * 1024 for part in parts)
