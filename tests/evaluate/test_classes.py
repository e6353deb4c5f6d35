"""Classes read from the fields of images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from searchengine.errors import QueryError
from searchengine.evaluate.classes import read_classes
from searchengine.store.memory import MemoryStore
from tests.evaluate.corpora import DIM, fill, item, unit


def classes_of(field: str, rows: list[dict[str, Any]]) -> tuple[dict[str, int], int]:
    store = MemoryStore()
    items = [item(f"/x/{n}.jpg", **fields) for n, fields in enumerate(rows)]
    info = fill(store, items, unit(np.ones((len(rows), DIM))))
    found = read_classes(store, info, field)
    return {name: len(ids) for name, ids in found.members.items()}, found.unlabelled


def test_a_folder_counts_by_its_own_name() -> None:
    rows: list[dict[str, Any]] = [
        {"folder": "/train/hat"},
        {"folder": "/test/hat"},
        {"folder": "/train/a hat"},
        {"folder": "/"},
        {},
    ]
    assert classes_of("folder", rows) == ({"/": 1, "a hat": 1, "hat": 2}, 1)


def test_any_field_will_do() -> None:
    rows: list[dict[str, Any]] = [{"camera": "A"}, {"camera": "A"}, {"camera": "B"}, {}]
    assert classes_of("camera", rows) == ({"A": 2, "B": 1}, 1)
    assert classes_of("width", [{"width": 640}, {"width": None}]) == ({"640": 1}, 1)


def test_columns_of_ones_own() -> None:
    rows: list[dict[str, Any]] = [
        {"meta": {"kind": "cat", "a": {"b": 1}}},
        {"meta": {"kind": "cat", "a.b": 1}},
        {"meta": {"kind": ""}},
        {"meta": {"kind": None}},
        {"meta": {"other": True}},
    ]
    assert classes_of("meta.kind", rows) == ({"cat": 2}, 3)
    assert classes_of("meta.a.b", rows) == ({"1": 2}, 3)
    assert classes_of("meta.other", rows) == ({"True": 1}, 4)


@pytest.mark.parametrize(
    ("field", "message", "hint"),
    [
        ("nosuch", "there is no field 'nosuch'", "folder"),
        ("meta", "there is no field 'meta'", "meta.KEY"),
        ("vector", "there is no field 'vector'", "folder"),
        ("camera", "no image of the corpus has a camera", "--classes folder"),
        ("meta.no", "no image of the corpus has a meta.no", "there is meta.tags, meta.tree"),
        ("meta.tags", "meta.tags holds lists", "one word"),
        ("meta.tree", "meta.tree holds objects", "one word"),
    ],
)
def test_what_is_no_class_is_refused(field: str, message: str, hint: str) -> None:
    with pytest.raises(QueryError, match=message) as error:
        classes_of(field, [{"meta": {"tags": ["a", "b"], "tree": {"a": 1}}}])
    assert hint in error.value.hint
