"""An indexed item and a query, explained."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from searchengine.errors import ItemError, NotFoundError, QueryError, UnsupportedError
from searchengine.explain.effects import Part, term_effects
from searchengine.explain.explanation import Explanation
from searchengine.explain.heat import heat_map
from searchengine.query.language import query_text
from searchengine.query.resolve import TermVector
from searchengine.query.terms import Picture, Term, Words, check_terms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    from searchengine.query.engine import SearchEngine
    from searchengine.records import Item


@dataclass(frozen=True, slots=True)
class Looked:
    """A picture that was looked at, with its explanation, for who wants to draw it."""

    explanation: Explanation
    picture: Image.Image | None
    """The item's own, upright RGB, if a map was made of it."""


def explain(
    engine: SearchEngine,
    key: str,
    terms: Sequence[Term],
    *,
    with_map: bool = True,
    on_progress: Callable[[int, int], None] | None = None,
) -> Looked:
    """Say why an indexed item, given by id, path or uri, has its score for a query.

    Without ``with_map`` the picture is not opened. Where there can be no map (a text, a file
    that is gone or broken) the explanation says why and holds the rest. Raises ``NotFoundError``
    for an item that is not indexed and ``QueryError`` for a query that asks for nothing.
    """
    terms = tuple(term for term in terms if term.weight)
    check_terms(terms)
    return engine.of_one_version(partial(_explain, engine, key, terms, with_map, on_progress))


def _explain(
    engine: SearchEngine,
    key: str,
    terms: Sequence[Term],
    with_map: bool,
    on_progress: Callable[[int, int], None] | None,
) -> Looked:
    item = engine.items([key])[0]
    encoded = engine.encoded(terms, item.modality)
    parts = [_part(term, *one) for term, one in zip(terms, encoded.terms, strict=True)]

    def compose(some: Sequence[Part]) -> npt.NDArray[np.float32]:
        return encoded.compose([TermVector(one.weight, one.kind, one.vector) for one in some])

    score, effects = term_effects(
        parts, _stored_vector(engine, item), compose, encoded.encode_texts
    )
    query = query_text_of(terms)
    if not with_map or item.modality != "image":
        reason = "a text has no picture" if item.modality == "text" else "not asked for"
        return Looked(Explanation(item, query, score, effects, no_heat=reason), None)
    try:
        picture, notes = _picture(engine, item)
    except (ItemError, NotFoundError, UnsupportedError) as error:
        return Looked(Explanation(item, query, score, effects, no_heat=str(error)), None)
    encoder = engine.encoder(engine.side(item.modality))
    heat = heat_map(picture, compose(parts), encoder, on_progress=on_progress)
    return Looked(Explanation(item, query, score, effects, heat, notes=notes), picture)


def query_text_of(terms: Sequence[Term]) -> str:
    """Return the query as people type it; a picture given by its bytes goes by its name."""
    try:
        return query_text(terms)
    except QueryError:
        return " + ".join(f"{term.weight:g}:{_label(term)}" for term in terms)


def _part(term: Term, what: object, vector: TermVector) -> Part:
    text = what.text if isinstance(what, Words) else None
    return Part(_label(term), vector.weight, vector.kind, vector.vector, text)


def _label(term: Term) -> str:
    if isinstance(term.what, Picture):
        return term.what.origin
    try:
        return query_text([Term(term.what)])
    except QueryError:  # a text's vector
        return "vector"


def _stored_vector(engine: SearchEngine, item: Item) -> npt.NDArray[np.float32]:
    side = engine.side(item.modality).side
    row = engine.store.fetch(side, [item.id], ("id", "vector")).get(item.id)
    if row is None:
        raise NotFoundError(f"{item.uri} has just been removed from corpus {engine.corpus!r}")
    vector: npt.NDArray[np.float32] = row["vector"]
    return vector


def _picture(engine: SearchEngine, item: Item) -> tuple[Image.Image, tuple[str, ...]]:
    """Return the item's picture, and a note if the file is not as it was indexed."""
    from searchengine.containers.reading import picture_bytes
    from searchengine.decode import decode_image
    from searchengine.identity import content_hash

    data = picture_bytes(item.uri, item.meta)
    notes: tuple[str, ...] = ()
    if content_hash(data) != item.content_hash:
        notes = ("the file has changed since it was indexed: the map shows it as it is now",)
    return decode_image(data, max_pixels=engine.access.max_pixels).image, notes
