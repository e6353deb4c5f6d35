"""The index over a side's vectors: built, replaced, found, whoever else is at it and however often.

A request whose answer was lost on its way is made again, and Lite refuses to build what is there
and to drop what is gone. Another process may look in between the two halves of a replacement, take
the missing index for one that a killed run left out, and build that. So what a refused request
wanted is compared with what is there then.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from searchengine.errors import StoreUnavailableError
from searchengine.store import profiles
from searchengine.store.connection import LONG_S
from searchengine.store.fields import VECTOR

if TYPE_CHECKING:
    from searchengine.store.connection import Connection
    from searchengine.store.naming import Label

MAPPED = "mmap.enabled"
"""The property of an index and of a collection: mapped from disk, not read into memory."""
_TRIES = 5


def in_force(connection: Connection, collection: str, label: Label) -> str:
    """Return the name of the index's profile; build the index that is missing."""
    found = _there(connection, collection)
    if found is None:
        with connection.writing:  # who replaces it in this process holds this until it is done
            found = _there(connection, collection)
            if found is None:
                # A run died while it replaced the index: the next one puts it right.
                index = profiles.resolve(label.profile, label.sized_for)
                build(connection, collection, index, label.sized_for, label.dim)
                return index
    return found[0]


def build(connection: Connection, collection: str, index: str, count: int, dim: int) -> None:
    """Have the index of that profile, its parameters chosen for so many items."""
    wanted = {name: str(value) for name, value in _parameters(index, count, dim).items()}
    for left in reversed(range(_TRIES)):
        try:
            _create(connection, collection, index, _parameters(index, count, dim))
            return
        except StoreUnavailableError:
            found = _there(connection, collection)
            if found is not None and found[0] == index and wanted.items() <= found[1].items():
                return  # it was built, and the answer was lost
            if found is None or not left:
                raise
        _drop(connection, collection)


def replace(connection: Connection, collection: str, index: str, count: int, dim: int) -> None:
    """Put another index in the place of the one there is; the collection is not loaded then."""
    _drop(connection, collection)
    build(connection, collection, index, count, dim)


def _drop(connection: Connection, collection: str) -> None:
    """Have no index. One that is loaded is refused to be dropped, and a reader may load it."""
    for left in reversed(range(_TRIES)):
        connection.call("release_collection", collection, doing="unloading the corpus")
        try:
            connection.call(
                "drop_index", collection, VECTOR, doing="dropping the index", patience_s=LONG_S
            )
            return
        except StoreUnavailableError:
            if _there(connection, collection) is None:
                return
            if not left:
                raise


def _there(connection: Connection, collection: str) -> tuple[str, dict[str, str]] | None:
    """Return the profile's name and the parameters of the index, ``None`` if there is none."""
    state = connection.attempt("describe_index", collection, VECTOR, doing="asking for the index")
    if not state:
        return None
    inner = state.get("params") or {}
    inner = json.loads(inner) if isinstance(inner, str) else inner
    found = {key: str(value) for key, value in {**state, **inner}.items()}
    mapped = found.get(MAPPED, "").lower() == "true"
    name = profiles.named(found.get("index_type", "").upper(), mapped)
    return None if name is None else (name, found)


def _parameters(index: str, count: int, dim: int) -> dict[str, Any]:
    return dict(profiles.PROFILES[index].build(count, dim))


def _create(connection: Connection, collection: str, index: str, given: dict[str, Any]) -> None:
    from pymilvus import MilvusClient

    if connection.is_lite:  # it looks for them under one key, and ignores what pymilvus sends
        given = {"params": json.dumps(given)}
    profile = profiles.PROFILES[index]
    if profile.mapped:
        given = {**given, MAPPED: "true"}
    _map_columns(connection, collection, profile.columns_mapped)
    params = MilvusClient.prepare_index_params()
    params.add_index(
        VECTOR,
        index_type=profile.index_type,
        index_name=VECTOR,
        metric_type=profile.metric,
        params=given,
    )
    connection.call(
        "create_index", collection, params, doing="building the index", patience_s=LONG_S
    )


def _map_columns(connection: Connection, collection: str, mapped: bool) -> None:
    """Have a server keep the columns mapped or in memory; the collection is not loaded now.

    A server that knows no such property (2.3) is asked nothing: there no profile is mapped.
    """
    known = (profiles.PROFILES[name].mapped for name in connection.capabilities.profiles)
    if not any(known):
        return
    found = connection.call("describe_collection", collection, doing="looking for the corpus")
    now = str((found.get("properties") or {}).get(MAPPED, "false")).lower() == "true"
    if now != mapped:
        connection.call(
            "alter_collection_properties",
            collection,
            properties={MAPPED: "true" if mapped else "false"},
            doing="mapping the columns",
        )
