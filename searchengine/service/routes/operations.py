"""``/livez``, ``/readyz``, ``/metrics``, ``/v1/stats``: for those who look after the service."""

from __future__ import annotations

import time
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from searchengine.errors import DeadlineError, SearchEngineError
from searchengine.service.batched_encoder import BatchedEncoder
from searchengine.service.call import Call, calling
from searchengine.service.meters import Now
from searchengine.service.stage_table import stage_figures, stage_table
from searchengine.service.state import Service, Shared
from searchengine.service.warmth import try_out
from searchengine.store.contract import SideInfo

_SCRAPE_S = 4.0
"""Prometheus gives up after ten seconds; one that it has no use for is not worth waiting for."""

router = APIRouter(tags=["operations"])


class Alive(BaseModel):
    """The event loop answers."""

    alive: bool


class Ready(BaseModel):
    """Whether a text and a picture were encoded and a search was answered, just now."""

    ready: bool
    reason: str | None = None
    """What is in the way."""
    took_ms: dict[str, float] = {}
    """Of the parts that were tried."""


@router.get("/livez", summary="Whether the process answers at all")
async def livez() -> Alive:
    """Nothing is asked of the model or the database: for whoever restarts what hangs."""
    return Alive(alive=True)


@router.get(
    "/readyz",
    summary="Whether questions can be answered",
    responses={503: {"model": Ready, "description": "Not now; ``reason`` says why"}},
    response_model=Ready,
)
async def readyz(request: Request, service: Shared) -> Response:
    """Encode a text and a picture, and search: for whoever sends requests here."""
    found = await _readiness(request, service)
    return JSONResponse(found.model_dump(exclude_none=True), 200 if found.ready else 503)


async def _readiness(request: Request, service: Service) -> Ready:
    if not service.warmth.is_warm:
        return Ready(ready=False, reason=service.warmth.reason)
    limit_s = service.settings.service.ready_s
    try:
        with calling(Call(deadline=time.monotonic() + limit_s)):
            took = await service.watching.run(
                request, try_out, service.corpora, service.settings.corpus
            )
    except DeadlineError:
        return Ready(ready=False, reason=f"not done within {limit_s:g} s (service.ready_s)")
    except SearchEngineError as error:
        return Ready(ready=False, reason=str(error))
    return Ready(ready=True, took_ms={name: round(s * 1e3, 2) for name, s in took.items()})


@router.get("/metrics", summary="Counts and times for Prometheus", response_class=Response)
async def metrics(request: Request, service: Shared) -> Response:
    """Where the database does not answer soon, ``searchengine_database_up`` is 0."""
    try:
        with calling(Call(deadline=time.monotonic() + _SCRAPE_S)):
            sides = await service.watching.run(request, service.corpora.sides)
    except SearchEngineError:
        sides = None
    text = await service.watching.run(request, service.meters.exposition, _now(service, sides))
    return Response(text, headers={"content-type": CONTENT_TYPE_LATEST})


def _now(service: Service, sides: list[SideInfo] | None) -> Now:
    corpora, kept = service.corpora, service.corpora.kept
    queues = {"threads": service.threads.under_way, "text": 0, "image": 0}
    for encoder in corpora.encoders():
        if isinstance(encoder, BatchedEncoder):
            for tower, rows in encoder.waiting.items():
                queues[tower] += rows
    return Now(queues, kept.hits, kept.misses, kept.nbytes, sides)


@router.get(
    "/v1/stats",
    summary="Where the time of the last requests went",
    responses={200: {"content": {"text/plain": {}, "application/json": {}}}},
)
async def stats(
    request: Request,
    service: Shared,
    form: Annotated[Literal["table", "json"], Query(alias="format")] = "table",
) -> Response:
    """Of each route's last 1,000 requests: p50 and p99 of each stage, in milliseconds."""
    latest = service.meters.latest()
    if form == "json":
        return JSONResponse({"routes": await service.watching.run(request, stage_figures, latest)})
    return PlainTextResponse(await service.watching.run(request, stage_table, latest))
