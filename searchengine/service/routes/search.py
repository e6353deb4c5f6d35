"""``/v1/corpora/{corpus}/search``: questions and their answers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from searchengine.present.formats import as_json
from searchengine.query.json_form import query_from_json
from searchengine.service.state import Service, Shared

router = APIRouter(prefix="/v1/corpora/{corpus}", tags=["search"])


@router.get("/search", summary="Search by a text query that can be bookmarked")
async def search_by_text(
    request: Request,
    service: Shared,
    corpus: str,
    q: Annotated[str, Query(description="As people type it: 2:golden retriever + beach - people")],
    limit: Annotated[int, Query(ge=1, le=1000)] = 10,
) -> dict[str, Any]:
    """Answer a query as it is typed on the command line."""
    return await service.threads.run(
        request, answer_json, service, corpus, {"query": q, "limit": limit}
    )


def answer_json(service: Service, corpus: str, question: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a question in ``json_form``'s shape, as ``search --json`` prints it."""
    query = query_from_json(question)
    return as_json(service.corpora.engine(corpus).answer(query))
