"""Labels written back into the items' own columns, where filters find them.

A single label becomes a text, several a list (``meta.tag = "dress"``, ``meta.tags has "dress"``),
with the numbers beside them under the same name and ``_score``. Rows are written whole, with their
vector and their source's token, so that the next run of ``index`` finds them unchanged.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from searchengine.classify.classify import PAGE, Labelled, decide_rows, rows_of
from searchengine.errors import ItemError, QueryError
from searchengine.records import ITEM_FIELDS, Item
from searchengine.store.contract import Row
from searchengine.store.fields import encode_item

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from searchengine.classify.decide import Decider
    from searchengine.query.engine import SearchEngine
    from searchengine.store.contract import SideInfo
    from searchengine.store.filters import Filter

SCORE = "_score"
"""Ends the name of the column with the numbers."""


def tag_column(field: str) -> str:
    """Return the key inside ``meta`` that ``meta.KEY`` names, or raise ``QueryError``."""
    found = re.fullmatch(r"(?:meta\.)?([^.\[\]\"\s]+)", field.strip())
    if found is None:
        raise QueryError(f"tags cannot be written to {field!r}", hint="name a column: meta.tags")
    return found[1]


def tagged(
    meta: Mapping[str, Any], labelled: Labelled, decider: Decider, key: str
) -> dict[str, Any]:
    """Return an item's columns with its labels in them; those of an earlier run are replaced."""
    verdict = labelled.verdict
    kept = {name: value for name, value in meta.items() if name not in (key, key + SCORE)}
    if not verdict.labels:
        return kept
    if not decider.multi:
        return {**kept, key: verdict.names[0], key + SCORE: round(verdict.confidence, 4)}
    scores = {name: round(relevance, 4) for name, relevance in verdict.labels}
    return {**kept, key: list(verdict.names), key + SCORE: scores}


def tag_corpus(
    engine: SearchEngine,
    info: SideInfo,
    decider: Decider,
    key: str,
    *,
    where: Filter | None = None,
    ids: Sequence[str] | None = None,
    on_failure: Callable[[str, ItemError], None],
) -> Iterator[Labelled]:
    """Classify and write, page by page; yield a verdict once its row is written.

    Items are listed before the first is written: a scan must not walk over its own writes. What
    is kept of each is its id. An item whose columns have no room left is told to ``on_failure``
    and stays as it was. Can be repeated: a run that was stopped is run again.
    """
    if ids is None:
        ids = [row["id"] for row in engine.store.scan(info.side, where=where, fields=("id",))]
    try:
        for start in range(0, len(ids), PAGE):
            page = rows_of(engine, info, ids[start : start + PAGE])
            written: list[Labelled] = []
            rows: list[Row] = []
            for labelled, row in decide_rows(page, decider):
                old = Item(modality=info.side.modality, **{name: row[name] for name in ITEM_FIELDS})
                new = replace(old, meta=tagged(old.meta, labelled, decider, key))
                try:
                    encode_item(new)
                except ItemError as error:
                    on_failure(labelled.uri, error)
                    continue
                written.append(labelled)
                if new.meta != old.meta:
                    rows.append(Row(new, row["vector"]))
            if rows:
                engine.store.upsert(info.side, rows)
            yield from written
    finally:
        if ids:
            engine.store.settle(info.side)
