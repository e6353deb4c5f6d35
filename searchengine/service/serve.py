"""The process: one application on one socket, until it is told to stop."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TYPE_CHECKING

from searchengine.service.logs import log_to_stderr

if TYPE_CHECKING:
    from types import FrameType

    from fastapi import FastAPI

    from searchengine.settings import ServiceSettings


def serve(app: FastAPI, chosen: ServiceSettings) -> None:
    """Serve an application until SIGINT or SIGTERM; then answer what is under way, and return."""
    import uvicorn
    from threadpoolctl import threadpool_limits

    from searchengine.service.guard.connections import bounded

    class Server(uvicorn.Server):
        """Tells who watches that the end has come: they would be waited for, and never leave."""

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            app.state.service.jobs.closed.set()
            super().handle_exit(sig, frame)

    # Requests share the cores. A small product over all of them waits for those that are busy, now
    # and then fifty times as long as it takes on one (bench/product_threads.py).
    threadpool_limits(1, user_api="blas")
    log_to_stderr(logging.getLevelName(chosen.log.upper()))
    server = Server(
        uvicorn.Config(
            app,
            host=chosen.host,
            port=chosen.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=10,
            **bounded(limit_concurrency=chosen.connections),
        )
    )
    with contextlib.suppress(KeyboardInterrupt):  # raised anew when all is closed
        server.run()
    if not server.started:
        sys.exit(3)  # as uvicorn has it: the address is taken, mostly
