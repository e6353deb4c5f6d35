"""Why a filter may have matched nothing: what it asks of ``meta``, held against a sample of it.

The columns are typed, and a filter is checked against them when it is made.
What is inside ``meta`` only the corpus knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from searchengine.store.filters.evaluate import type_of
from searchengine.store.filters.fieldref import nearest
from searchengine.store.filters.nodes import (
    And,
    Compare,
    Filter,
    Has,
    IsNull,
    Leaf,
    Not,
    OneOf,
    Or,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from searchengine.store.filters.fieldref import FieldRef

_KEYS_SHOWN = 12
_NOUNS = {"number": "a number", "text": "text", "boolean": "true or false", "list": "a list"}


def check_against(where: Filter, sample: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what in a filter fits none of a sample of the corpus's items, a line each.

    ``sample`` holds the ``meta`` of items, some thousand of them at best; it is
    read once. A key that none of them has, and a value of a type that none of
    them has there, are told of: either makes a test that nothing can pass.
    The lines are in the order of the filter, without repeats; none for an empty
    sample.
    """
    tests = [leaf for leaf in _leaves(where) if leaf.ref.path]
    if not tests:
        return []
    paths = dict.fromkeys(leaf.ref.path for leaf in tests)
    types: dict[tuple[str, ...], set[str]] = {path: set() for path in paths}
    keys: dict[tuple[str, ...], dict[str, None]] = {path[:-1]: {} for path in paths}
    rows = 0
    for meta in sample:
        rows += 1
        for path in types:
            value = _at(meta, path)
            if value is not None:
                types[path].add(type_of(value))
        for parent, known in keys.items():
            inside = _at(meta, parent)
            if isinstance(inside, Mapping):
                known.update(dict.fromkeys(key for key in inside if inside[key] is not None))
    if not rows:
        return []
    said = (_said(leaf, types[leaf.ref.path], list(keys[leaf.ref.path[:-1]])) for leaf in tests)
    return list(dict.fromkeys(line for line in said if line))


def _said(leaf: Leaf, types: set[str], keys: list[str]) -> str:
    if isinstance(leaf, IsNull) and not leaf.negated:
        return ""
    if not types:
        return _no_key(leaf.ref, keys)
    wanted = _wanted(leaf)
    if not wanted or types & wanted:
        return ""
    held = " or ".join(sorted(_NOUNS.get(one, "an object") for one in types))
    if isinstance(leaf, Has):
        return f"{leaf.ref} is {held} in this corpus, and 'has' looks into lists: nothing can match"
    asked = " or ".join(sorted(_NOUNS[one] for one in wanted))
    hint = "; 'has' looks into lists" if types == {"list"} else ""
    return f"{leaf.ref} is {held} in this corpus, compared with {asked}: nothing can match{hint}"


def _wanted(leaf: Leaf) -> set[str]:
    """Return the types of value that could pass; none if any could."""
    if isinstance(leaf, Compare):
        return set() if leaf.op == "!=" else {type_of(leaf.value)}
    if isinstance(leaf, OneOf):
        return set() if leaf.negated else {type_of(value) for value in leaf.values}
    if isinstance(leaf, IsNull):
        return set()
    return {"list"} if isinstance(leaf, Has) else {"text"}


def _no_key(ref: FieldRef, keys: list[str]) -> str:
    near = nearest(ref.path[-1], keys)
    shown = ", ".join(sorted(keys)[:_KEYS_SHOWN]) + (", ..." if len(keys) > _KEYS_SHOWN else "")
    known = f" (known: {shown})" if keys else ""
    meant = f"; did you mean {near}?" if near else ""
    return f"no item has {ref}{known}{meant}"


def _at(meta: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if not isinstance(meta, Mapping):
            return None
        meta = meta.get(key)
    return meta


def _leaves(where: Filter) -> Iterator[Leaf]:
    if isinstance(where, And | Or):
        for operand in where.operands:
            yield from _leaves(operand)
    elif isinstance(where, Not):
        yield from _leaves(where.operand)
    elif isinstance(where, Leaf):
        yield where
