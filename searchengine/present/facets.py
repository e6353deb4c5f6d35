"""How often values occur, for a person at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from searchengine.present.text_width import cut_end, display_width, one_line, pad

if TYPE_CHECKING:
    from searchengine.records import Facet

_WIDEST = 60


def facet_text(facet: Facet) -> str:
    """Return a heading and a line a value, most frequent first, counts aligned."""
    rows = [(cut_end(one_line(value), _WIDEST), count) for value, count in facet.counts]
    if facet.unknown:
        rows.append(("(unknown)", facet.unknown))
    lines = [facet.key]
    width = max((display_width(value) for value, _ in rows), default=0)
    digits = max((len(f"{count:,}") for _, count in rows), default=0)
    lines += [f"  {pad(value, width)}  {count:>{digits},}" for value, count in rows]
    if facet.others:
        lines.append(f"  and {facet.others:,} more")
    return "\n".join(lines if len(lines) > 1 else [*lines, "  (no values)"])
