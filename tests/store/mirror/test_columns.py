"""A filter over columns says of every row what ``matches`` says of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from operator import eq, ge, gt, le, lt, ne
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

from searchengine.store.fields import TAKEN_AT_MS, encode_item
from searchengine.store.filters import Compare, Filter, IsNull, Not, OneOf, Within, matches
from searchengine.store.filters.columns import compared, passing
from searchengine.store.mirror.chunk import KEPT, Chunk
from tests.store.filter_cases import filters, make_rows

ROWS = make_rows()
ITEMS = [asdict(row.item) for row in ROWS]
OPERATORS = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


def chunk_of(rows: list[Any]) -> Chunk:
    """Return rows as Lite keeps them."""
    encoded = [encode_item(row.item) for row in rows]
    columns = {}
    for name in KEPT:
        values = [row[name] for row in encoded]
        kind = {int: pa.int64(), float: pa.float64()}.get(type(values[0]), pa.string())
        if name == "meta":
            values = [json.dumps(value) for value in values]
        columns[name] = pa.array(values, type=kind)
    return Chunk([row["id"] for row in encoded], np.stack([row.vector for row in rows]), columns)


CHUNK = chunk_of(ROWS)


@settings(
    max_examples=800, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(filters)
def test_any_filter(where: Filter) -> None:
    expected = [matches(where, item) for item in ITEMS]
    assert passing(where, CHUNK).tolist() == expected


def test_numbers_that_no_array_holds() -> None:
    """Python compares whole numbers with fractions exactly; arrays would round one of them."""
    edges = (2**53, 2**53 + 1, -(2**53) - 1, 2**62, 2**63 - 1, 1, 0, -1)
    whole = np.array(edges, np.int64)
    broken = np.array([0.0, -0.0, 0.5, 2.0**53, 1e18, -1e200, 1e300], np.float64)
    values = (
        *edges, 2**63, -(2**63) - 1, 10**400, -(10**400), 2.0**53, 0.5, -0.5, 1e300, 9.3e18, 1e18
    )  # fmt: skip
    for array in (whole, broken):
        for value in values:
            for op, compare in OPERATORS.items():
                expected = [compare(one, value) for one in array.tolist()]
                assert compared(array, op, value).tolist() == expected, (op, value, array.dtype)


@pytest.mark.parametrize("radius", [0.0, 1.0, 1e5, 2.0e7, 20_015_114.0, 2.1e7])
def test_distances_are_settled_as_python_does(radius: float) -> None:
    rng = np.random.default_rng(3)
    for latitude, longitude in zip(
        rng.uniform(-90, 90, 40), rng.uniform(-180, 180, 40), strict=True
    ):
        for centre in ((latitude, longitude), (-latitude, longitude - 180 * np.sign(longitude))):
            where = Within(float(centre[0]), float(centre[1]), radius)
            expected = [matches(where, item) for item in ITEMS]
            assert passing(where, CHUNK).tolist() == expected


def test_every_row_is_told_from_those_with_other_types() -> None:
    for where in (
        Compare("meta.a", "==", True),
        Compare("meta.a", "==", 1),
        Compare("meta.a", "!=", 1.0),
        OneOf("meta.a", (True, "1")),
        Not(IsNull("meta.a")),
        IsNull("id"),
        IsNull("size", negated=True),
    ):
        assert passing(where, CHUNK).tolist() == [matches(where, item) for item in ITEMS]
    assert TAKEN_AT_MS in KEPT
