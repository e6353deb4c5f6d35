"""What surrounds every request: its call, its time, its line in the log."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from searchengine.service.call import Call, calling
from searchengine.service.meters import STAGES, Timed
from searchengine.service.problems import problem_response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from searchengine.service.meters import Meters

_log = logging.getLogger(__name__)


class Requests:
    """Middleware: gives each request its ``Call``, and its id to whoever asked; counts it.

    The log has a line for each request: its route and what became of it. Not what was asked, and
    no header: those may hold secrets.
    """

    def __init__(self, app: ASGIApp, *, meters: Meters, deadline_s: float) -> None:
        self._app = app
        self._meters = meters
        self._deadline_s = deadline_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        call = Call(deadline=time.monotonic() + self._deadline_s)
        status = 0
        answered: float | None = None

        async def send_on(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", call.id.encode()))
                if call.returned is not None:
                    call.spend("serialise", time.perf_counter() - call.returned)
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                answered = time.perf_counter()  # what is put away after that, nobody waits for

        start = time.perf_counter()
        with calling(call):
            try:
                await self._app(scope, receive, send_on)
            except Exception:
                _log.exception("request failed", extra={"request_id": call.id})
                if status:  # the answer has begun: all that can be done is to break it off
                    raise
                broken = problem_response(
                    "Internal", 500, "something went wrong here; the log says what"
                )
                await broken(scope, receive, send_on)
            finally:
                self._count(scope, call, status, (answered or time.perf_counter()) - start)

    def _count(self, scope: Scope, call: Call, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        with call.counting:
            stages = {name: call.stages.get(name, 0.0) for name in STAGES}
        stages["other"] = max(0.0, seconds - sum(stages.values()))
        self._meters.request(route, scope["method"], status, Timed(seconds, stages))
        if _log.isEnabledFor(logging.INFO):
            said: dict[str, Any] = {
                "request_id": call.id,
                "method": scope["method"],
                "route": route,
                "status": status,
                "ms": round(seconds * 1e3, 2),
                "stages_ms": {n: round(s * 1e3, 2) for n, s in stages.items() if s >= 5e-6},
            }
            if corpus := scope.get("path_params", {}).get("corpus"):
                said["corpus"] = corpus
            _log.info("request", extra=said)
