"""What corpora hold, as JSON values and as a table."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from searchengine.present.text_width import display_width, pad

if TYPE_CHECKING:
    from collections.abc import Sequence

    from searchengine.store.contract import SideInfo, Standing

_HEADS = ("corpus", "modality", "items", "index", "dim", "model")
_STATE = "version"


def side_json(info: SideInfo) -> dict[str, Any]:
    """Return a side as a JSON object."""
    return {
        "corpus": info.side.corpus,
        "modality": info.side.modality,
        "items": info.count,
        "model": info.model,
        "fingerprint": info.fingerprint,
        "dim": info.dim,
        "profile": info.profile,
        "index": info.index,
        "effort": None if info.effort is None else asdict(info.effort),
        "full_text": info.full_text,
        "collection": info.collection,
    }


def standing_json(one: Standing) -> dict[str, Any]:
    """Return a side of a version as a JSON object: ``version`` is what it is to its corpus."""
    return {**side_json(one.info), "version": one.state}


def sides_table(sides: Sequence[SideInfo]) -> str:
    """Return a line a side under a line of heads, columns aligned."""
    return _table([_HEADS, *map(_cells, sides)])


def standings_table(standings: Sequence[Standing]) -> str:
    """Return the same of versions; a last column says which, where not all are live."""
    if all(one.state == "live" for one in standings):
        return sides_table([one.info for one in standings])
    return _table(
        [(*_HEADS, _STATE), *((*_cells(one.info), one.state) for one in standings)],
    )


def _cells(info: SideInfo) -> tuple[str, ...]:
    return (
        info.side.corpus,
        info.side.modality,
        f"{info.count:,}",
        info.index if info.profile != "auto" else f"{info.index} (auto)",
        str(info.dim),
        info.model,
    )


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(display_width(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(pad(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
