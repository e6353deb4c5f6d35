"""``/v1/corpora/{corpus}/progress``: what is in a corpus, and what is on its way there, live."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel

from searchengine.errors import SearchEngineError
from searchengine.present.strict_json import dump
from searchengine.service.call import Call, calling
from searchengine.service.state import Service, Shared
from searchengine.service.threads import ClientGoneError

router = APIRouter(prefix="/v1/corpora/{corpus}", tags=["corpora"])

EVENTS = "text/event-stream"
LOOKED_S = 0.25
"""Seconds between two looks at the service's own jobs, which cost nothing."""
COUNTED_S = 3.0
"""Seconds between two counts of the corpus: another process may be writing to it."""
ALIVE_S = 15.0
"""Seconds of silence after which a comment says that the connection is still there."""


class Failure(BaseModel):
    """An item that could not be written."""

    name: str
    message: str


class JobForm(BaseModel):
    """Some items on their way into the corpus, sent to this service."""

    number: int
    total: int
    done: int
    failed: int
    failures: list[Failure]
    """The first hundred of those that failed."""
    began: float
    """Seconds since the epoch."""
    finished: float | None


class Progress(BaseModel):
    """How far a corpus is."""

    items: dict[str, int]
    """What is in it, by modality."""
    jobs: list[JobForm]
    """What this service was sent since it began, the newest last. Another process that writes
    to the same database is seen by the growing count alone."""


@router.get(
    "/progress",
    summary="What is in a corpus, and what is on its way there",
    response_model=Progress,
    responses={200: {"content": {EVENTS: {"schema": {"type": "string"}}}}},
)
async def show_progress(request: Request, service: Shared, corpus: str) -> Response:
    """Answer once; with ``Accept: text/event-stream``, at once and whenever something changes.

    Each event is called ``progress`` and holds the same object.
    """
    state = await _state(request, service, corpus)
    if EVENTS not in request.headers.get("accept", ""):
        return JSONResponse(state)
    return StreamingResponse(
        _events(request, service, corpus, state),
        media_type=EVENTS,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _state(request: Request, service: Service, corpus: str) -> dict[str, Any]:
    items = await service.threads.run(request, _count, service, corpus)
    return {"items": items, "jobs": service.jobs.of(corpus)}


def _count(service: Service, corpus: str) -> dict[str, int]:
    """Return how many items a corpus has, by modality; none for one that does not exist (yet)."""
    sides = service.corpora.sides()
    return {info.side.modality: info.count for info in sides if info.side.corpus == corpus}


async def _events(
    request: Request, service: Service, corpus: str, state: dict[str, Any]
) -> AsyncIterator[bytes]:
    """Yield an event now and at every change, until nobody listens or the service ends."""
    yield _event(state)
    said = counted = time.monotonic()
    while not service.jobs.closed.is_set():
        await asyncio.sleep(LOOKED_S)
        now, seen = time.monotonic(), {**state, "jobs": service.jobs.of(corpus)}
        if now - counted >= COUNTED_S or _ended(state, seen):
            counted = now
            seen = {**seen, "items": await _counted(request, service, corpus, state["items"])}
        if seen != state:
            state, said = seen, now
            yield _event(state)
        elif now - said >= ALIVE_S:
            said = now
            yield b": still there\n\n"


async def _counted(
    request: Request, service: Service, corpus: str, known: dict[str, int]
) -> dict[str, int]:
    """Return a fresh count, each with a deadline of its own; the known one while there is none.

    A database that is away, or a service that has its hands full, is no reason to stop watching.
    """
    deadline = time.monotonic() + service.settings.service.deadline_s
    with calling(Call(deadline=deadline)):
        try:
            return await service.threads.run(request, _count, service, corpus)
        except ClientGoneError:
            raise asyncio.CancelledError from None
        except SearchEngineError:
            return known


def _ended(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Return whether a job has written more: the count is another then."""
    return [job["done"] for job in before["jobs"]] != [job["done"] for job in now["jobs"]]


def _event(state: dict[str, Any]) -> bytes:
    # One line: a line feed would end the event's data.
    return f"event: progress\ndata: {dump(state)}\n\n".encode()
