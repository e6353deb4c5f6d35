"""``/v1/corpora/{corpus}/items/{id}/explain``: why an item scores as it does."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from searchengine.query.json_form import TermForm
from searchengine.query.language import MAX_TERMS
from searchengine.service.state import Service, Shared

router = APIRouter(prefix="/v1/corpora/{corpus}/items/{id}", tags=["items"])


class ExplainRequest(BaseModel):
    """The question that the item is an answer to."""

    model_config = ConfigDict(extra="forbid")

    terms: Annotated[list[TermForm], Field(min_length=1, max_length=MAX_TERMS)]
    map: bool = False
    """Whether to look where in the picture the query looks: encodes it about 90 times."""


@router.post("/explain", summary="Say why an item scores as it does")
async def explain_item(
    request: Request,
    service: Shared,
    corpus: str,
    id: Annotated[str, Path(pattern="^[0-9a-f]{32}$")],
    asked: ExplainRequest,
) -> dict[str, Any]:
    """Answer as ``explain --json`` does."""
    return await service.threads.run(request, _explain, service, corpus, id, asked)


def _explain(service: Service, corpus: str, id: str, asked: ExplainRequest) -> dict[str, Any]:
    from searchengine.explain.explain import explain
    from searchengine.explain.explanation import as_json

    terms = tuple(form.term() for form in asked.terms)
    engine = service.corpora.engine(corpus)
    return as_json(explain(engine, f"id:{id}", terms, with_map=asked.map).explanation)
