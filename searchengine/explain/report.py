"""An explanation for a person at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from searchengine.present.names import file_name
from searchengine.present.text_width import cut_end, display_width, one_line, pad

if TYPE_CHECKING:
    from searchengine.explain.explanation import Explanation, TermEffect

_LEAST_LABEL, _NUMBERS = 12, 38
_BAR = 20
"""Columns of the longest bar."""


def report(explanation: Explanation, width: int = 80) -> str:
    """Return the explanation as lines of at most ``width`` columns (never fewer than 50)."""
    name = file_name(explanation.item.uri)
    lines = [
        cut_end(one_line(f"{name}: score {explanation.score:.4f}"), width),
        "",
        *_terms(explanation.terms, max(50, width)),
    ]
    heat = explanation.heat
    if heat is not None and heat.strongest.drop > 0:
        lines += ["", f"where: {heat.strongest.where}; covered, the score falls by "]
        lines[-1] += f"{heat.strongest.drop:.4f}"
    elif heat is not None:
        lines += ["", "where: no part of the picture speaks for the query"]
    return "\n".join(lines)


def _terms(terms: tuple[TermEffect, ...], width: int) -> list[str]:
    """Return a line a term, and under each its words with a bar for how much they moved."""
    labels = [one_line(term.label) for term in terms]
    words = [one_line(word.word) for term in terms for word in term.words]
    widest = max(
        [_LEAST_LABEL, *map(display_width, labels), *(2 + display_width(w) for w in words)]
    )
    room = min(widest, width - _NUMBERS)
    lines = [pad("term", room) + "  weight  cosine  without    moved"]
    most = max((abs(word.moved or 0) for term in terms for word in term.words), default=0)
    for term, label in zip(terms, labels, strict=True):
        without = "-" if term.without is None else f"{term.without:.4f}"
        lines.append(
            pad(cut_end(label, room), room)
            + f"  {term.weight:>6g}  {term.cosine:>6.3f}  {without:>7}  {_signed(term.moved):>7}"
        )
        if len(term.words) < 2:  # its only word is the term
            continue
        for word in term.words:
            text = pad(cut_end("  " + one_line(word.word), room), room)
            bar = _bar(word.moved or 0, most)
            lines.append(f"{text}{' ' * 25}{_signed(word.moved):>9}  {bar}".rstrip())
        if term.words_cut:
            lines.append(f"  ({term.words_cut:,} more words were not looked at)")
    return lines


def _signed(moved: float | None) -> str:
    return "-" if moved is None else f"{moved:+.4f}"


def _bar(moved: float, most: float) -> str:
    """Return a bar for the words that speak for the item, a dotted one for those against."""
    length = round(_BAR * abs(moved) / most) if most else 0
    return ("█" if moved > 0 else "░") * length
