"""Filters over the fields of an item: said by people as text, built by programs as values."""

from __future__ import annotations

from searchengine.store.filters.evaluate import matches
from searchengine.store.filters.fieldref import FieldRef
from searchengine.store.filters.jsonform import filter_from_json, filter_to_json
from searchengine.store.filters.nodes import (
    And,
    Compare,
    Contains,
    Filter,
    Has,
    IsNull,
    Not,
    OneOf,
    Or,
    Prefix,
    Suffix,
    Within,
    has_position,
)
from searchengine.store.filters.parse import parse_filter
from searchengine.store.filters.pushdown import Dialect, Pushed, compile_milvus, push_down
from searchengine.store.filters.suspect import check_against
from searchengine.store.filters.text import filter_text

__all__ = [
    "And",
    "Compare",
    "Contains",
    "Dialect",
    "FieldRef",
    "Filter",
    "Has",
    "IsNull",
    "Not",
    "OneOf",
    "Or",
    "Prefix",
    "Pushed",
    "Suffix",
    "Within",
    "check_against",
    "compile_milvus",
    "filter_from_json",
    "filter_text",
    "filter_to_json",
    "has_position",
    "matches",
    "parse_filter",
    "push_down",
]
