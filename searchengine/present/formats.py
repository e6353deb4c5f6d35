"""Results and items as data: JSON, JSON lines, CSV and paths. Pure functions, text out."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from searchengine.identity import path_of
from searchengine.present.facets import facet_text
from searchengine.present.strict_json import clean_text, dump, plain
from searchengine.present.table import item_text, table
from searchengine.records import ITEM_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from searchengine.records import Facet, Hit, Item, Results

__all__ = [
    "CSV_COLUMNS",
    "as_json",
    "csv_text",
    "dump",
    "facet_text",
    "item_json",
    "item_text",
    "jsonl_lines",
    "paths",
    "table",
]

_FIRST = (
    "rank", "id", "score", "relevance", "modality", "group", "folded",
    "uri", "path", "width", "height", "taken_at", "camera", "caption",
)  # fmt: skip
CSV_COLUMNS: tuple[str, ...] = _FIRST + tuple(
    name for name in ITEM_FIELDS if name not in _FIRST and name != "revision"
)
"""The header of ``csv_text``: always all of it, in this order, whatever is known."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\n")
"""https://owasp.org/www-community/attacks/CSV_Injection"""


def as_json(results: Results) -> dict[str, Any]:
    """Return the results as strict JSON values (no NaN, no text that UTF-8 cannot carry)."""
    return {
        "hits": [hit_as_json(hit) for hit in results.hits],
        "corpus": clean_text(results.corpus),
        "modalities": list(results.modalities),
        "model": clean_text(results.model),
        "total": results.total,
        "relevant": results.relevant,
        "cursor": results.cursor,
        "facets": [facet_as_json(facet) for facet in results.facets],
        "notes": [clean_text(note) for note in results.notes],
    }


def hit_as_json(hit: Hit) -> dict[str, Any]:
    """Return one hit as strict JSON values."""
    return {
        "rank": hit.rank,
        "id": hit.id,
        "uri": hit.uri,
        "modality": hit.modality,
        "score": plain(float(hit.score)),
        "relevance": None if hit.relevance is None else plain(round(float(hit.relevance), 4)),
        "group": None if hit.group is None else clean_text(hit.group),
        "folded": list(hit.folded),
        "metadata": plain(hit.metadata),
    }


def facet_as_json(facet: Facet) -> dict[str, Any]:
    """Return the counts of one field as strict JSON values."""
    return {
        "key": facet.key,
        "counts": [{"value": clean_text(value), "count": n} for value, n in facet.counts],
        "others": facet.others,
        "unknown": facet.unknown,
    }


def item_json(item: Item) -> dict[str, Any]:
    """Return what is known about an item as strict JSON values, ``path`` for a local file."""
    known: dict[str, Any] = {
        name: plain(value)
        for name, value in asdict(item).items()
        if name != "revision" and value not in (None, {})
    }
    path = path_of(item.uri)
    return known if path is None else {**known, "path": clean_text(str(path))}


def jsonl_lines(results: Results) -> Iterator[str]:
    """Yield one line of JSON a hit, without its line feed."""
    for hit in results.hits:
        yield dump(hit_as_json(hit))


def csv_text(results: Results) -> str:
    """Return a table for a spreadsheet: ``CSV_COLUMNS``, one hit a row, all lines ended by LF.

    Text that a spreadsheet would run as a formula gets an apostrophe in front;
    numbers, also negative ones, stay as they are. ``meta`` is one JSON object.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for hit in results.hits:
        row = {**hit.metadata, **hit_as_json(hit), "folded": " ".join(hit.folded)}
        writer.writerow([_cell(row, name) for name in CSV_COLUMNS])
    return out.getvalue()


def paths(results: Results, *, null: bool = False) -> bytes:
    r"""Return the file of each hit, in rank order and as raw bytes, for ``xargs``.

    Each is ended by a line feed or, with ``null``, by NUL (``xargs -0``), which
    alone is safe for names that hold line feeds. A hit that is no local file
    gives its uri.
    """
    end = b"\0" if null else b"\n"
    return b"".join(os.fsencode(path_of(hit.uri) or hit.uri) + end for hit in results.hits)


def _cell(row: Mapping[str, Any], name: str) -> Any:
    value = plain(row.get(name))
    if isinstance(value, (dict, list)):
        value = dump(value) if value else None
    if not isinstance(value, str):
        return value
    # Readers disagree on a bare CR and on NUL, and csv does not quote the former.
    value = value.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
    return "'" + value if value.startswith(_FORMULA_STARTS) else value
