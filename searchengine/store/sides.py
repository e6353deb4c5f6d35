"""A side's collection in Milvus: made, found, indexed, loaded."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from searchengine.errors import MismatchError, NotFoundError, StoreUnavailableError
from searchengine.store import naming, profiles, vector_index, versions
from searchengine.store.connection import LONG_S, Connection
from searchengine.store.contract import SideInfo
from searchengine.store.fields import (
    COLUMNS,
    TAKEN_AT_MS,
    TERMS,
    VECTOR,
    Kind,
)
from searchengine.store.naming import Label

if TYPE_CHECKING:
    from searchengine.records import Side
    from searchengine.store.bm25 import Frequencies
    from searchengine.store.contract import SideSpec
    from searchengine.store.profiles import Profile

TERMS_METRIC = "IP"
STRONG = "Strong"
"""Reads see every acknowledged write."""
EVENTUALLY = "Eventually"
"""Reads do not wait: the writes of the last moments may be missing."""
_SETTLE_S = 120.0
_SETTLE_ITEMS_A_S = 500.0


@dataclass(slots=True)
class Handle:
    """A side that exists, as last seen.

    Everything is asked of its collection by name: what an alias stands for may change meanwhile.
    """

    side: Side
    """As it was asked for."""
    collection: str
    label: Label
    index: str
    """The profile in force."""
    loaded: bool = False
    items: int = -1
    """About how many, to size search parameters; -1 for not counted yet."""
    words: Frequencies | None = None
    """How rare words are in its captions, counted at ``words_counted``; ``None`` for not yet."""
    words_counted: float = 0.0
    seen: float = field(default_factory=time.monotonic)
    """When it was looked at; another process may have changed the index since."""

    @property
    def profile(self) -> Profile:
        """The index in force."""
        return profiles.PROFILES[self.index]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A collection of ours."""

    collection: str
    label: Label


def look(connection: Connection, name: str) -> Labelled | None:
    """Return what is behind an alias or a collection's name, ``None`` for nothing of ours."""
    found = connection.attempt("describe_collection", name, doing="looking for the corpus")
    label = naming.read_label(found) if found else None
    if label is None:
        return None
    return Labelled(str(found["collection_name"]), label)


def find(connection: Connection, side: Side) -> Handle | None:
    """Return the side as it is in the database, ``None`` if it is not there."""
    seen = versions.locate(side, partial(look, connection))
    if seen is None:
        return None
    collection, label = seen.collection, seen.label
    if label.schema != naming.SCHEMA_VERSION:
        raise MismatchError(
            f"corpus {side.corpus!r} was written in format {label.schema}, "
            f"and this version reads format {naming.SCHEMA_VERSION}",
            hint="Index it again under another name.",
        )
    return Handle(side, collection, label, vector_index.in_force(connection, collection, label))


def need(connection: Connection, side: Side) -> Handle:
    """Return the side; raise ``NotFoundError`` if it is not there."""
    handle = find(connection, side)
    if handle is None and side.draft:
        raise NotFoundError(
            f"corpus {side.corpus!r} has no draft with {side.modality}s at {connection.where}",
            hint="'searchengine index --beside' begins one; one that was live before "
            "'searchengine switch' is live now.",
        )
    if handle is None:
        raise NotFoundError(
            f"there is no {side.modality} corpus {side.corpus!r} at {connection.where}",
            hint="'searchengine corpora' lists what there is; 'searchengine index' makes one.",
        )
    return handle


def create(connection: Connection, spec: SideSpec, profile: str) -> Handle:
    """Make the side: collection, then index, then alias, so that it is whole once it is seen."""
    version = _version_of(connection, spec)
    alias, collection = naming.alias_of(spec.side), naming.collection_of(spec.side, version)
    label = replace(
        naming.label_of(spec, profile, full_text=connection.capabilities.bm25, version=version),
        made=int(time.time()),
    )
    if not _adopt(connection, collection, label):
        connection.call(
            "create_collection",
            collection,
            schema=_schema(spec.dim, label.full_text),
            properties=naming.write_label(label),
            consistency_level=STRONG,
            num_shards=connection.shards,
            doing="making the corpus",
        )
    index = profiles.resolve(profile, 0)
    built = connection.call("list_indexes", collection, doing="asking for the index")
    if label.full_text and TERMS not in built:
        _build_terms(connection, collection)
    if VECTOR not in built:
        vector_index.build(connection, collection, index, 0, spec.dim)
    try:
        connection.call("create_alias", collection, alias, doing="naming the corpus")
    except StoreUnavailableError:
        # A process that was killed after asking for the alias: the server may have made it since.
        made = find(connection, spec.side)
        if made is None:
            raise
        return made
    return Handle(spec.side, collection, label, index, items=0)


def _version_of(connection: Connection, spec: SideSpec) -> str:
    """Return the version that a side to be made belongs to: its sister's, where there is one."""
    corpus, seen = spec.side.corpus, partial(look, connection)
    if spec.side.version:
        raise NotFoundError(
            f"corpus {corpus!r} has no version {spec.side.version} at {connection.where}",
            hint="'searchengine corpora' lists what there is.",
        )
    sister = versions.leading(corpus, seen, draft=spec.side.draft)
    if sister is not None:
        return sister.label.version
    if not spec.side.draft:
        return naming.FIRST
    live = versions.leading(corpus, seen, draft=False)
    return naming.next_version(live.label.version if live else "", spec.fingerprint)


def load(connection: Connection, handle: Handle) -> None:
    """Have the side in memory, ready to be read; nothing to do when it is."""
    if not handle.loaded:
        connection.call(
            "load_collection", handle.collection, doing="loading the corpus", patience_s=LONG_S
        )
        handle.loaded = True


def info_of(handle: Handle, count: int) -> SideInfo:
    """Return what callers are told about the side."""
    label = handle.label
    return SideInfo(
        side=handle.side,
        collection=handle.collection,
        model=label.model,
        fingerprint=label.fingerprint,
        dim=label.dim,
        profile=label.profile,
        index=handle.index,
        count=count,
        settled=label.settled,
        full_text=label.full_text,
        effort=label.effort,
        version=label.version,
    )


def note(connection: Connection, handle: Handle, label: Label) -> None:
    """Write a label on the side's collection; nothing to do when it is the one it has."""
    if label != handle.label:
        set_label(connection, handle.collection, label, "noting the state of the corpus")
        handle.label = label


def set_label(connection: Connection, collection: str, label: Label, doing: str) -> None:
    """Write a label on a collection."""
    connection.call(
        "alter_collection_properties",
        collection,
        properties=naming.write_label(label),
        doing=doing,
        patience_s=connection.patience.write_s,
    )


def rebuild(connection: Connection, handle: Handle, index: str, profile: str, count: int) -> Handle:
    """Replace the index; the vectors stay where they are."""
    name = handle.collection
    handle.loaded = False
    vector_index.replace(connection, name, index, count, handle.label.dim)
    label = replace(handle.label, profile=profile, sized_for=count)
    if not same_index(handle, index, count):
        label = replace(label, effort=None)
    note(connection, handle, label)
    rebuilt = replace(handle, index=index, loaded=False)
    if not connection.is_lite:
        wait_for_index(connection, name)
    load(connection, rebuilt)
    return rebuilt


def same_index(handle: Handle, index: str, count: int) -> bool:
    """Tell whether an index for so many items has the parameters of the one in force."""
    build, dim = profiles.PROFILES[index].build, handle.label.dim
    return index == handle.index and build(count, dim) == build(handle.label.sized_for, dim)


def flush(connection: Connection, handle: Handle) -> None:
    """Have every acknowledged row on disk, in indexed segments."""
    connection.call("flush", handle.collection, doing="flushing", patience_s=LONG_S)
    if not connection.is_lite:
        wait_for_index(connection, handle.collection)


def reload(connection: Connection, handle: Handle) -> None:
    """Load again: a server searches a stand-in index until it does, Lite may lack a piece."""
    connection.call("release_collection", handle.collection, doing="unloading the corpus")
    handle.loaded = False
    load(connection, handle)


def wait_for_index(connection: Connection, collection: str) -> None:
    """Wait until a server's index has taken in all flushed rows, as long as it gets on with it.

    It is built a segment at a time, and merged segments are indexed anew: what is pending rises
    and falls. Given up is when it has not changed for the time that all rows might take.
    """
    allowed, pause = _SETTLE_S, 0.1
    changed, pending = time.monotonic(), -1
    while time.monotonic() < changed + allowed:
        state = connection.call("describe_index", collection, VECTOR, doing="watching the index")
        rows = int(state.get("pending_index_rows", 0)) if state else 1
        if rows <= 0 and str(state.get("state", "Finished")) == "Finished":
            return
        if rows != pending:
            changed, pending = time.monotonic(), rows
        if state:
            allowed = _SETTLE_S + int(state.get("total_rows", 0)) / _SETTLE_ITEMS_A_S
        time.sleep(pause)
        pause = min(1.5 * pause, 2.0)
    raise StoreUnavailableError(
        f"the index at {connection.where} has not got on for {allowed:.0f} s, "
        f"with {pending:,} rows to go",
        hint="Look at the server's load; the same command again goes on waiting.",
    )


def _adopt(connection: Connection, collection: str, label: Label) -> bool:
    """Tell whether the collection is there already, left half-made or being made by another.

    One with rows, or for another encoder, is what a run that died while dropping left.
    """
    left = connection.attempt("describe_collection", collection, doing="looking for the corpus")
    if left is None:
        return False
    stats = connection.call("get_collection_stats", collection, doing="counting")
    known = naming.read_label(left)
    same = known is not None and replace(known, made=label.made) == label
    if same and int(stats.get("row_count", 0)) == 0:
        return True
    connection.call("drop_collection", collection, doing="clearing a half-dropped corpus")
    return False


def _build_terms(connection: Connection, collection: str) -> None:
    from pymilvus import MilvusClient

    params = MilvusClient.prepare_index_params()
    params.add_index(
        TERMS, index_type="SPARSE_INVERTED_INDEX", index_name=TERMS, metric_type=TERMS_METRIC
    )
    connection.call("create_index", collection, params, doing="building the text index")


def _schema(dim: int, full_text: bool) -> Any:
    from pymilvus import DataType, MilvusClient

    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    for column in COLUMNS:
        if column.kind is Kind.INT:
            schema.add_field(column.name, DataType.INT64)
        elif column.kind is Kind.FLOAT:
            schema.add_field(column.name, DataType.DOUBLE)
        elif column.kind is Kind.JSON:
            schema.add_field(column.name, DataType.JSON)
        else:
            key = {"is_primary": True} if column.name == "id" else {}
            schema.add_field(column.name, DataType.VARCHAR, max_length=column.max_bytes, **key)
    schema.add_field(TAKEN_AT_MS, DataType.INT64)
    schema.add_field(VECTOR, DataType.FLOAT_VECTOR, dim=dim)
    if full_text:
        schema.add_field(TERMS, DataType.SPARSE_FLOAT_VECTOR)
    return schema
