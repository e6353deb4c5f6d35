"""What an explanation says, as frozen values and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from searchengine.explain.heat import HeatMap
    from searchengine.records import Item, Modality


@dataclass(frozen=True, slots=True)
class WordEffect:
    """One word of a text term (one character, where a script writes no spaces)."""

    word: str
    start: int
    """Offset of its first character in the term's text."""
    moved: float | None
    """How much of the score is its doing: the score less what it is without the word. ``None``
    for the only word of the only term, without which no query is left."""


@dataclass(frozen=True, slots=True)
class TermEffect:
    """One term of the query."""

    label: str
    """The term as people type it, without its weight."""
    kind: Modality
    """Whether a text or an image gave its vector."""
    weight: float
    cosine: float
    """Of the item and this term's own vector, -1 to 1."""
    without: float | None
    """The item's score for the query without this term; ``None`` where no query is left."""
    moved: float | None
    """The score less ``without``: positive where the term brings the item up."""
    words: tuple[WordEffect, ...] = ()
    """In the order of the text; empty for what is no text."""
    words_cut: int = 0
    """Words beyond those that were looked at."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one item has its score for one query."""

    item: Item
    query: str
    score: float
    """Cosine of the query and the item, as a search gives it."""
    terms: tuple[TermEffect, ...]
    heat: HeatMap | None = None
    no_heat: str = ""
    """Why there is no map, where there is none."""
    notes: tuple[str, ...] = ()
    """What the reader should know besides."""


def as_json(explanation: Explanation) -> dict[str, Any]:
    """Return the explanation as JSON values.

    ``map.grid`` holds, a row a line from the top, how far the score falls when that part of the
    picture is covered; ``map.strongest`` is the box of the region that matters most, as shares
    of width and height (left, top, right, bottom) with the origin at the top left.
    """
    heat = explanation.heat
    return {
        "id": explanation.item.id,
        "uri": explanation.item.uri,
        "query": explanation.query,
        "score": explanation.score,
        "terms": [_term_json(term) for term in explanation.terms],
        "map": None
        if heat is None
        else {
            "score": heat.score,
            "rows": heat.rows,
            "columns": heat.columns,
            "grid": [[round(float(value), 6) for value in row] for row in heat.grid],
            "strongest": {
                "box": [round(edge, 4) for edge in heat.strongest.box],
                "drop": round(heat.strongest.drop, 6),
                "where": heat.strongest.where,
            },
        },
        "no_map": explanation.no_heat or None,
        "notes": list(explanation.notes),
    }


def _term_json(term: TermEffect) -> dict[str, Any]:
    return {
        "term": term.label,
        "kind": term.kind,
        "weight": term.weight,
        "cosine": term.cosine,
        "without": term.without,
        "moved": term.moved,
        "words": [
            {"word": word.word, "start": word.start, "moved": word.moved} for word in term.words
        ],
        "words_cut": term.words_cut,
    }
