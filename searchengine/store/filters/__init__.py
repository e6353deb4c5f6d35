"""Filters over the fields of an item: said by people as text, built by programs as values."""

from __future__ import annotations

from searchengine.store.filters.evaluate import matches
from searchengine.store.filters.nodes import (
    And,
    Compare,
    Contains,
    Filter,
    IsNull,
    Not,
    OneOf,
    Or,
    Prefix,
)
from searchengine.store.filters.parse import parse_filter
from searchengine.store.filters.pushdown import Dialect, Pushed, compile_milvus, push_down

__all__ = [
    "And",
    "Compare",
    "Contains",
    "Dialect",
    "Filter",
    "IsNull",
    "Not",
    "OneOf",
    "Or",
    "Prefix",
    "Pushed",
    "compile_milvus",
    "matches",
    "parse_filter",
    "push_down",
]
