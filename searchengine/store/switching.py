"""Versions of a corpus in Milvus: listed, switched, removed. ``store.versions`` has the rules.

Whatever is done here may be killed at any point and done again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from searchengine.errors import NotFoundError, StoreUnavailableError
from searchengine.records import MODALITIES, Side
from searchengine.store import naming, sides, versions
from searchengine.store.connection import LONG_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from searchengine.records import Modality
    from searchengine.store.connection import Connection
    from searchengine.store.contract import State
    from searchengine.store.naming import Label
    from searchengine.store.sides import Labelled

_BEING_MADE_S = 600.0
"""An empty collection without a name may be about to get one, for so long."""
_ORDER: tuple[State, ...] = ("live", "draft", "previous", "nameless")


@dataclass(frozen=True, slots=True)
class Found:
    """A collection of ours, and what it is to its corpus."""

    state: State
    side: Side
    """By which it can be asked for."""
    collection: Labelled


def found(connection: Connection, corpus: str | None) -> list[Found]:
    """Return all collections of ours, or those of a corpus, in the order of ``Store.versions``."""
    ours = _ours(connection, corpus, MODALITIES)
    known: list[Found] = []
    for name in sorted({one.label.corpus for one in ours}):
        standing = _Standing(connection, name)
        known += [standing.of(one) for one in ours if one.label.corpus == name]
    return sorted(known, key=_place)


def switch(connection: Connection, corpus: str, *, back: bool) -> None:
    """Make the draft live, or the version before. See ``Store.switch``."""
    standing = _Standing(connection, corpus)
    live, draft = standing.live, standing.draft
    _finish(connection, standing)
    if back:
        before = _before(connection, standing)
        if before is None:
            return
        to, then = before
        # What is gone back from is the draft again, where there is no other.
        if draft is None or (live and draft.label.version == live.label.version):
            for modality, one in standing.live_sides.items():
                _point(connection, naming.alias_of(Side(corpus, modality, True)), one.collection)
    else:
        if draft is None:
            raise NotFoundError(
                f"corpus {corpus!r} has no draft at {connection.where}",
                hint="'searchengine index PATHS --beside' makes one; "
                "'searchengine corpora' lists what there is.",
            )
        to, then = draft.label.version, standing.draft_sides
        if live is None or live.label.version != to:
            for one in then.values():
                previous = live.label.version if live else ""
                _note(connection, one, replace(one.label, previous=previous))
            for one in standing.live_sides.values():  # one can go back one step
                _note(connection, one, replace(one.label, previous=""))
    if live is None or live.label.version != to:
        for one in then.values():
            connection.call(
                "load_collection", one.collection, doing="loading the corpus", patience_s=LONG_S
            )
        _apply(connection, versions.steps(corpus, [*standing.live_sides], [*then], to))
    if not back:
        for modality in MODALITIES:
            _unname(connection, naming.alias_of(Side(corpus, modality, True)))


def removable(connection: Connection, corpus: str | None, *, drafts: bool) -> list[Found]:
    """Return what no alias names, and can go; with ``drafts`` those, too."""
    return [
        one
        for one in found(connection, corpus)
        if (one.state == "draft" and drafts)
        or (one.state in ("previous", "nameless") and not _kept(connection, one))
    ]


def remove(connection: Connection, one: Found) -> None:
    """Remove a collection, and first the aliases of a draft."""
    label = one.collection.label
    if one.state == "draft":
        _unname(connection, naming.alias_of(Side(label.corpus, label.modality, True)))
    connection.call("drop_collection", one.collection.collection, doing="removing a version")
    connection.forget(one.collection.collection)


def drop(connection: Connection, corpus: str, modalities: Iterable[Modality]) -> bool:
    """Remove sides of a corpus in all its versions; tell whether there was anything.

    The aliases go first: what is half dropped is not there.
    """
    ours = _ours(connection, corpus, modalities)
    for modality in modalities:
        for draft in (False, True):
            _unname(connection, naming.alias_of(Side(corpus, modality, draft)))
    for one in ours:
        connection.call("drop_collection", one.collection, doing="dropping the corpus")
        connection.forget(one.collection)
    return bool(ours)


class _Standing:
    """What the versions of a corpus are at a moment."""

    def __init__(self, connection: Connection, corpus: str) -> None:
        look = partial(sides.look, connection)
        self.corpus = corpus
        self.live = versions.leading(corpus, look, draft=False)
        self.draft = versions.leading(corpus, look, draft=True)
        self.live_sides: dict[Modality, Labelled] = {}
        self.draft_sides: dict[Modality, Labelled] = {}
        for modality in MODALITIES:
            for draft, those in ((False, self.live_sides), (True, self.draft_sides)):
                one = versions.locate(Side(corpus, modality, draft), look)
                if one is not None:
                    those[modality] = one

    def of(self, one: Labelled) -> Found:
        """Return what a collection of the corpus is to it."""
        label = one.label
        own = Side(label.corpus, label.modality, version=label.version)
        if one.collection in {each.collection for each in self.live_sides.values()}:
            return Found("live", label.side, one)
        if one.collection in {each.collection for each in self.draft_sides.values()}:
            return Found("draft", replace(label.side, draft=True), one)
        previous = self.live is not None and label.version == self.live.label.previous
        return Found("previous" if previous else "nameless", own, one)


def _ours(
    connection: Connection, corpus: str | None, modalities: Iterable[Modality]
) -> list[Labelled]:
    """Return the collections of a corpus, or of all, by their names."""
    prefixes: tuple[str, ...] = (naming.PREFIX,)
    if corpus is not None:
        prefixes = tuple(naming.alias_of(Side(corpus, one)) + "_" for one in modalities)
    names = connection.call("list_collections", doing="listing the corpora")
    seen = [sides.look(connection, name) for name in sorted(names) if name.startswith(prefixes)]
    return [one for one in seen if one is not None]


def _sides_of(connection: Connection, corpus: str, version: str) -> Mapping[Modality, Labelled]:
    """Return the sides of a version by their names: those that are there."""
    pairs = (
        (modality, sides.look(connection, naming.collection_of(Side(corpus, modality), version)))
        for modality in MODALITIES
    )
    return {modality: one for modality, one in pairs if one is not None}


def _before(
    connection: Connection, standing: _Standing
) -> tuple[str, Mapping[Modality, Labelled]] | None:
    """Return the version to go back to and its sides, ``None`` where that has been done.

    Raises ``NotFoundError`` where there is none.
    """
    live, draft = standing.live, standing.draft
    if live is not None and live.label.previous:
        before = _sides_of(connection, standing.corpus, live.label.previous)
        if before:
            return live.label.previous, before
    if live is not None and draft is not None and draft.label.previous == live.label.version:
        return None
    raise NotFoundError(
        f"corpus {standing.corpus!r} has no version to go back to",
        hint="'searchengine corpora' lists what there is; gc removes what was live before.",
    )


def _finish(connection: Connection, standing: _Standing) -> None:
    """Do what a switch that was killed has left to be done: readers see no difference."""
    if standing.live is None:
        return
    there = {*standing.live_sides}
    if standing.draft is not None and standing.draft.label.version == standing.live.label.version:
        there |= {*standing.draft_sides}
    left = versions.steps(standing.corpus, [*there], [*there], standing.live.label.version)
    _apply(connection, left)


def _apply(connection: Connection, steps: Iterable[versions.Step]) -> None:
    for step in steps:
        if step.what == "point":
            _point(connection, step.alias, step.collection)
        else:
            _unname(connection, step.alias)


def _point(connection: Connection, alias: str, collection: str) -> None:
    """Have an alias stand for a collection."""
    there = sides.look(connection, alias)
    if there is not None and there.collection == collection:
        return
    method = "create_alias" if there is None else "alter_alias"
    try:
        connection.call(method, collection, alias, doing="switching versions")
    except StoreUnavailableError:
        # The answer to a first attempt may have been lost on its way.
        now = sides.look(connection, alias)
        if now is None or now.collection != collection:
            raise


def _unname(connection: Connection, alias: str) -> None:
    if sides.look(connection, alias) is not None:
        connection.attempt("drop_alias", alias, doing="switching versions")


def _note(connection: Connection, one: Labelled, label: Label) -> None:
    if label != one.label:
        sides.set_label(connection, one.collection, label, "noting the version")


def _kept(connection: Connection, one: Found) -> bool:
    """Tell whether an alias names it after all, or it may be about to get one."""
    name = one.collection.collection
    aliases = connection.attempt("list_aliases", name, doing="looking for aliases")
    if aliases and aliases.get("aliases"):
        return True
    label = one.collection.label
    fresh = time.time() - label.made < _BEING_MADE_S
    # A server counts what has been flushed alone; the label tells of the rest.
    empty = label.settled and not rows_in(connection, name)
    return one.state == "nameless" and fresh and empty


def rows_in(connection: Connection, collection: str) -> int:
    """Return about how many rows a collection has that need not be loaded."""
    stats = connection.attempt("get_collection_stats", collection, doing="counting")
    return int(stats.get("row_count", 0)) if stats else 0


def _place(one: Found) -> tuple[str, int, int]:
    label = one.collection.label
    return label.corpus, _ORDER.index(one.state), MODALITIES.index(label.modality)
