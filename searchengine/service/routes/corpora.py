"""``/v1/corpora``: what there is to be searched."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from searchengine.errors import NotFoundError
from searchengine.present.corpora import side_json
from searchengine.service.questions import dump
from searchengine.service.replies import json_reply
from searchengine.service.schemas.addresses import Corpus
from searchengine.service.schemas.answering import CorporaAnswer, CorpusAnswer
from searchengine.service.state import Service, Shared

router = APIRouter(prefix="/v1/corpora", tags=["corpora"])


@router.get("", summary="What there is to be searched", response_model=CorporaAnswer)
async def list_corpora(request: Request, service: Shared) -> Response:
    """List all corpora with their sides."""
    return json_reply(await service.threads.run(request, _all, service))


@router.get("/{corpus}", summary="What a corpus holds", response_model=CorpusAnswer)
async def show_corpus(request: Request, service: Shared, corpus: Corpus) -> Response:
    """Show one corpus with its sides."""
    return json_reply(await service.threads.run(request, _one, service, corpus))


def _all(service: Service) -> bytes:
    return dump({"corpora": [side_json(info) for info in service.corpora.sides()]})


def _one(service: Service, corpus: str) -> bytes:
    known = service.corpora.sides()
    sides: list[dict[str, Any]] = [side_json(one) for one in known if one.side.corpus == corpus]
    if not sides:
        names = ", ".join(sorted({one.side.corpus for one in known}))
        raise NotFoundError(
            f"there is no corpus {corpus!r}",
            hint=f"known corpora: {names}" if names else "nothing is indexed yet",
        )
    held = sum(one["items"] for one in sides)
    return dump({"corpus": corpus, "items": held, "sides": sides})
