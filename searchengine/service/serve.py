"""The process: one application on one socket, until it is told to stop."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from searchengine.service.logs import log_to_stderr

if TYPE_CHECKING:
    from fastapi import FastAPI

    from searchengine.settings import ServiceSettings


def serve(app: FastAPI, chosen: ServiceSettings) -> None:
    """Serve an application until SIGINT or SIGTERM; then answer what is under way, and return."""
    import uvicorn

    from searchengine.service.guard.connections import bounded

    log_to_stderr(logging.getLevelName(chosen.log.upper()))
    uvicorn.run(
        app,
        host=chosen.host,
        port=chosen.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        **bounded(limit_concurrency=chosen.connections),
    )
