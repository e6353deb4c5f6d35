"""The query as JSON, for programs: the same question that ``language`` writes as text.

::

    {"terms": [{"text": "golden retriever", "weight": 2}, {"image": "./pool.jpg"},
               {"text": "fruit", "weight": -1}],
     "filter": "taken_at >= 2024-06", "limit": 20, "group_by": "day"}

``"query": "2:golden retriever + ./pool.jpg - fruit"`` may stand in for the terms.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from searchengine.errors import QueryError
from searchengine.query.examples import read_id
from searchengine.query.language import MAX_TERMS, parse_query
from searchengine.query.query import Page, Query, Shape
from searchengine.query.terms import (
    Known,
    Picture,
    PictureAt,
    RawVector,
    Term,
    VectorAt,
    What,
    Words,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from searchengine.store.filters import Filter

_Modality = Literal["image", "text"]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TermForm(_Form):
    """One term: exactly one of the things it can be, and its weight."""

    text: str | None = None
    image: str | None = None
    """A path, a URL or ``@-``."""
    image_base64: str | None = None
    """The picture itself."""
    id: str | None = None
    """Of an indexed item."""
    vector: list[FiniteFloat] | None = None
    vector_file: str | None = None
    kind: _Modality = "image"
    """Of ``vector``: what gave it."""
    weight: FiniteFloat = 1.0

    def term(self) -> Term:
        """Return the term. Raises ``QueryError``."""
        given = [
            name
            for name in ("text", "image", "image_base64", "id", "vector", "vector_file")
            if getattr(self, name) is not None
        ]
        if len(given) != 1:
            raise QueryError(
                "a term is one of text, image, image_base64, id, vector, vector_file"
                + (f", not {' and '.join(given)}" if given else "")
            )
        return Term(self._what(given[0]), self.weight)

    def _what(self, given: str) -> What:
        value = getattr(self, given)
        if given == "text":
            return Words(value)
        if given == "image":
            return PictureAt(value)
        if given == "id":
            return Known(read_id(value))
        if given == "vector":
            return RawVector(tuple(value), self.kind)
        if given == "vector_file":
            return VectorAt(value)
        try:
            return Picture(base64.b64decode(value, validate=True), "the picture sent")
        except (binascii.Error, ValueError):
            raise QueryError("image_base64 is no base64") from None


class QueryForm(_Form):
    """A whole question. Names are those of ``Query``, ``Page`` and ``Shape``."""

    query: str | None = None
    terms: Annotated[list[TermForm], Field(max_length=MAX_TERMS)] | None = None
    modalities: list[_Modality] = ["image"]
    filter: str | dict[str, Any] | None = None
    exclude: list[str] = []
    hybrid: bool = False
    text_weight: FiniteFloat | None = None
    limit: int = 10
    offset: int = 0
    cursor: str | None = None
    relevant_only: bool = False
    min_relevance: FiniteFloat | None = None
    min_score: FiniteFloat | None = None
    sort: str | None = None
    fold: bool = False
    diversity: FiniteFloat | None = None
    group_by: str | None = None
    per_group: int = 3
    facets: list[str] = []
    expand: Literal["alpha-qe", "diffusion"] | None = None
    rerank: str | None = None


_SHAPE = tuple(field.name for field in fields(Shape))


def query_from_json(value: Any) -> Query:
    """Return the query that a JSON value stands for.

    Raises ``QueryError`` naming what is wrong, and where.
    """
    try:
        form = QueryForm.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the query"
        raise QueryError(f"{where}: {first['msg']}") from None
    if (form.query is None) == (form.terms is None):
        raise QueryError("give either query, a text, or terms, a list")
    terms = parse_query(form.query) if form.query is not None else _terms(form.terms or [])
    shape = {name: getattr(form, name) for name in _SHAPE}
    return Query(
        terms,
        tuple(form.modalities),
        _filter(form.filter),
        frozenset(map(read_id, form.exclude)),
        form.hybrid,
        form.text_weight,
        Page(form.limit, form.offset, form.cursor),
        Shape(**{**shape, "facets": tuple(form.facets)}),
    )


def query_to_json(query: Query) -> dict[str, Any]:
    """Return the JSON value that ``query_from_json`` reads as this query; defaults are left out."""
    from searchengine.store.filters import filter_to_json

    said: dict[str, Any] = {
        "terms": [term_to_json(term) for term in query.terms],
        "modalities": list(query.modalities),
        "filter": None if query.where is None else filter_to_json(query.where),
        "exclude": sorted(query.exclude),
        "hybrid": query.hybrid,
        "text_weight": query.text_weight,
        **asdict(query.page),
        **asdict(query.shape),
    }
    said["facets"] = list(said["facets"])
    usual = QueryForm().model_dump()
    return {name: value for name, value in said.items() if value != usual[name]}


def term_to_json(term: Term) -> dict[str, Any]:
    """Return one term as ``TermForm`` reads it."""
    what, said = term.what, _said(term.what)
    if isinstance(what, RawVector) and what.kind != "image":
        said["kind"] = what.kind
    return said if term.weight == 1 else {**said, "weight": term.weight}


def _said(what: What) -> dict[str, Any]:
    if isinstance(what, Words):
        return {"text": what.text}
    if isinstance(what, PictureAt):
        return {"image": what.place}
    if isinstance(what, Known):
        return {"id": what.id}
    if isinstance(what, VectorAt):
        return {"vector_file": what.place}
    if isinstance(what, RawVector):
        return {"vector": list(what.values)}
    return {"image_base64": base64.b64encode(what.data).decode("ascii")}


def _terms(forms: list[TermForm]) -> tuple[Term, ...]:
    terms = []
    for place, form in enumerate(forms):
        try:
            terms.append(form.term())
        except QueryError as error:
            raise QueryError(f"terms.{place}: {error}", hint=error.hint) from None
    return tuple(terms)


def _filter(value: str | Mapping[str, Any] | None) -> Filter | None:
    from searchengine.store.filters import filter_from_json, parse_filter

    if isinstance(value, str):
        return parse_filter(value) if value.strip() else None
    return None if value is None else filter_from_json(value)
