"""What corpora hold, as JSON values and as a table."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from searchengine.present.text_width import display_width, pad

if TYPE_CHECKING:
    from collections.abc import Sequence

    from searchengine.store.contract import SideInfo

_HEADS = ("corpus", "modality", "items", "index", "dim", "model")


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


def sides_table(sides: Sequence[SideInfo]) -> str:
    """Return a line a side under a line of heads, columns aligned."""
    rows = [_HEADS] + [
        (
            info.side.corpus,
            info.side.modality,
            f"{info.count:,}",
            info.index if info.profile != "auto" else f"{info.index} (auto)",
            str(info.dim),
            info.model,
        )
        for info in sides
    ]
    widths = [max(display_width(row[column]) for row in rows) for column in range(len(_HEADS))]
    return "\n".join(
        "  ".join(pad(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
