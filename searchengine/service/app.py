"""The application: what is made once, and which route is where."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI

from searchengine import __version__
from searchengine.encoders.configured import load_questions_encoder
from searchengine.service import guard, openapi, problems
from searchengine.service.batched_encoder import BatchedEncoder, company_of
from searchengine.service.call import Call, calling
from searchengine.service.corpora import Corpora
from searchengine.service.routes import ROUTERS
from searchengine.service.state import Service
from searchengine.service.threads import Threads
from searchengine.store.configured import open_configured_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from searchengine.encoders.contract import Encoder
    from searchengine.settings import Settings
    from searchengine.store.contract import Store


def create_app(
    settings: Settings,
    *,
    open_store: Callable[[Settings], Store] = open_configured_store,
    load_encoder: Callable[[Settings, str], Encoder] = load_questions_encoder,
) -> FastAPI:
    """Return the ASGI application that serves what the settings name.

    ``open_store`` and ``load_encoder`` are replaced in tests.
    """
    threads = Threads(settings.service.threads, settings.service.waiting)
    company = company_of(settings.service, near=lambda: threads.under_way)
    service = Service(
        settings,
        Corpora(
            settings,
            open_store=open_store,
            load_encoder=load_encoder,
            wrap=lambda encoder: BatchedEncoder(encoder, company) if company else encoder,
        ),
        threads,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(
        title="searchengine",
        version=__version__,
        description="Find images and texts by describing them, by showing an example, or by both.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.service = service
    for router in ROUTERS:
        app.include_router(router)
    problems.install(app)
    openapi.install(app)
    guard.install(app, settings.service)
    app.add_middleware(_Calls, deadline_s=settings.service.deadline_s)
    return app


class _Calls:
    """Gives each request its ``Call``, and its id to whoever asked."""

    def __init__(self, app: ASGIApp, deadline_s: float) -> None:
        self._app = app
        self._deadline_s = deadline_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        call = Call(deadline=time.monotonic() + self._deadline_s)

        async def send_with_id(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                assert isinstance(headers, list)
                headers.append((b"x-request-id", call.id.encode()))
            await send(message)

        with calling(call):
            await self._app(scope, receive, send_with_id)  # type: ignore[arg-type]
