"""The application: what is made once, and which route is where."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI

from searchengine import __version__
from searchengine.encoders.configured import load_questions_encoder
from searchengine.service import guard, openapi, problems
from searchengine.service.batched_encoder import BatchedEncoder, company_of
from searchengine.service.corpora import Corpora
from searchengine.service.jobs import Jobs
from searchengine.service.meters import Meters
from searchengine.service.requests import Requests
from searchengine.service.routes import ROUTERS
from searchengine.service.state import Service
from searchengine.service.threads import Threads
from searchengine.service.thumbnails import Thumbnails
from searchengine.service.uploads import Uploads
from searchengine.service.warmth import Warmth
from searchengine.store.configured import open_configured_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from searchengine.encoders.contract import Encoder
    from searchengine.settings import Settings
    from searchengine.store.contract import Store
    from searchengine.writing import Writer


def create_app(
    settings: Settings,
    *,
    open_store: Callable[[Settings], Store] = open_configured_store,
    load_encoder: Callable[[Settings, str], Encoder] = load_questions_encoder,
    writer: Writer | None = None,
) -> FastAPI:
    """Return the ASGI application that serves what the settings name.

    ``writer`` indexes what is sent; without one nothing is taken. ``open_store`` and
    ``load_encoder`` are replaced in tests.
    """
    meters = Meters()
    threads = Threads(settings.service.threads, settings.service.waiting)
    company = company_of(settings.service, near=lambda: threads.under_way, seen=meters.batch)
    corpora = Corpora(
        settings,
        open_store=open_store,
        load_encoder=load_encoder,
        wrap=lambda encoder: BatchedEncoder(encoder, company) if company else encoder,
    )
    service = Service(
        settings,
        corpora,
        threads,
        meters,
        Threads(2, 16),
        Warmth(corpora),
        Jobs(),
        Thumbnails(settings.cache_dir / "thumbnails", settings.service.thumbnails_mb << 20),
        Uploads(settings.service.uploads or settings.data_dir / "uploads"),
        writer,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.warmth.begin()
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
    app.add_middleware(Requests, meters=service.meters, deadline_s=settings.service.deadline_s)
    return app
