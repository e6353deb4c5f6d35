"""``/v1/corpora/{corpus}/items/{id}/explain``: why an item scores as it does."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import Field

from searchengine.query.language import MAX_TERMS
from searchengine.service.questions import asked_terms, check_allowed, dump
from searchengine.service.replies import json_reply
from searchengine.service.schemas.addresses import Corpus
from searchengine.service.schemas.asking import SearchRequest, TermRequest
from searchengine.service.schemas.strict import ItemId, Modality, Strict, Told
from searchengine.service.state import Service, Shared

router = APIRouter(prefix="/v1/corpora/{corpus}/items/{id}", tags=["items"])


class ExplainRequest(Strict):
    """The question that the item is an answer to."""

    terms: list[TermRequest] = Field(
        min_length=1,
        max_length=MAX_TERMS,
        json_schema_extra={"contains": {"properties": {"weight": {"exclusiveMinimum": 0}}}},
    )
    map: bool = Field(
        default=False,
        description="Look where in the picture the query looks: it is encoded about 90 times.",
    )


class WordAnswer(Told):
    """One word of a text term."""

    word: str
    start: int = Field(ge=0, description="Offset of its first character in the term's text.")
    moved: float | None = Field(description="How much of the score is its doing.")


class TermAnswer(Told):
    """One term of the question."""

    term: str
    kind: Modality
    weight: float
    cosine: float
    without: float | None = Field(description="The score without the term; null if none is left.")
    moved: float | None = Field(description="The score less that.")
    words: list[WordAnswer]
    words_cut: int = Field(ge=0, description="Words beyond those that were looked at.")


class RegionAnswer(Told):
    """The part of the picture that matters most."""

    box: list[float] = Field(description="Left, top, right, bottom, as shares.")
    drop: float
    where: str


class MapAnswer(Told):
    """How far the score falls where a part of the picture is covered."""

    score: float
    rows: int
    columns: int
    grid: list[list[float]]
    strongest: RegionAnswer


class ExplainAnswer(Told):
    """Why an item scores as it does: what ``explain --json`` prints."""

    id: str
    uri: str
    query: str
    score: float
    terms: list[TermAnswer]
    map: MapAnswer | None
    no_map: str | None = Field(description="Why there is no map.")
    notes: list[str]


@router.post("/explain", summary="Say why an item scores as it does", response_model=ExplainAnswer)
async def explain_item(
    request: Request, service: Shared, corpus: Corpus, id: ItemId, asked: ExplainRequest
) -> Response:
    """Say what each term, each word and each part of the picture does to the score."""
    return json_reply(await service.threads.run(request, _explain, service, corpus, id, asked))


def _explain(service: Service, corpus: str, id: str, asked: ExplainRequest) -> bytes:
    from searchengine.explain.explain import explain
    from searchengine.explain.explanation import as_json

    terms = asked_terms(SearchRequest(terms=asked.terms))
    engine = service.corpora.engine(corpus)
    check_allowed(engine, terms)
    return dump(as_json(explain(engine, f"id:{id}", terms, with_map=asked.map).explanation))
