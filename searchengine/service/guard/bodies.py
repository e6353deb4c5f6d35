"""How large a body may be, and how slowly it may come; counted before anything keeps it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException

from searchengine.errors import LimitError, OverloadError, SearchEngineError
from searchengine.service.call import current_call
from searchengine.service.problems import known_problem, problem_response

if TYPE_CHECKING:
    from fastapi import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from searchengine.settings import ServiceSettings


class BodyRefusedError(HTTPException):
    """Reading a body ends here. ``error`` says why; without one, it came too slowly."""

    def __init__(self, error: SearchEngineError | None) -> None:
        super().__init__(413 if error else 408)
        self.error = error


async def refused(request: Request, error: Exception) -> Response:
    """Answer a request whose body is not read to its end."""
    assert isinstance(error, BodyRefusedError)
    if error.error is not None:
        return known_problem(error.error)
    return problem_response(
        "Deadline", 408, "the body of the request came too slowly", hint="send it again, faster"
    )


class Room:
    """The bytes that the bodies of all requests may take together."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.taken = 0

    def take(self, size: int) -> None:
        """Raise ``OverloadError`` where there is no room for ``size`` more."""
        if self.taken + size > self._most:
            raise OverloadError("too much is being sent at once", retry_after_s=1)
        self.taken += size


class Bodies:
    """Bounds each body in bytes and in time, and all of them together in bytes."""

    def __init__(self, app: ASGIApp, chosen: ServiceSettings, room: Room) -> None:
        self._app = app
        self._chosen = chosen
        self._room = room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, with a body that ends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        length = headers.get("content-length", "")
        if "transfer-encoding" not in headers and length in {"", "0"}:
            await self._app(scope, receive, send)
            return
        body = _Body(self._chosen, self._room, receive, _limit(self._chosen, headers))
        try:
            if length.isdecimal() and int(length) > body.limit:
                await known_problem(body.too_large())(scope, receive, body.closing(send))
            else:
                await self._app(scope, body.receive, body.closing(send))
        finally:
            self._room.taken -= body.size


class _Body:
    """One body on its way in."""

    def __init__(
        self, chosen: ServiceSettings, room: Room, receive: Receive, limit: tuple[int, str]
    ) -> None:
        self._pause_s = chosen.body_pause_s
        self._room = room
        self._receive = receive
        self.limit, self._setting = limit
        self.size = 0
        self.complete = False

    async def receive(self) -> Message:
        """Return what comes next. Raises ``BodyRefusedError``."""
        if self.complete:
            return await self._receive()
        patience = min(self._pause_s, current_call().left_s)
        try:
            message = await asyncio.wait_for(self._receive(), patience)
        except (TimeoutError, asyncio.TimeoutError):
            raise BodyRefusedError(None) from None
        if message["type"] != "http.request":
            self.complete = True
            return message
        size = len(message.get("body", b""))
        if self.size + size > self.limit:
            raise BodyRefusedError(self.too_large())
        try:
            self._room.take(size)
        except OverloadError as error:
            raise BodyRefusedError(error) from None
        self.size += size
        self.complete = not message.get("more_body", False)
        return message

    def too_large(self) -> LimitError:
        return LimitError(
            f"the body of the request is larger than {self.limit:,} bytes "
            f"(setting {self._setting})",
            hint="send less at a time, or raise that setting",
        )

    def closing(self, send: Send) -> Send:
        """Return a ``send`` that ends the connection where the rest of the body was not read.

        Else whoever sends without end would be listened to for ever.
        """

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and not self.complete:
                MutableHeaders(scope=message)["connection"] = "close"
            await send(message)

        return sending


def _limit(chosen: ServiceSettings, headers: Headers) -> tuple[int, str]:
    """Return how many bytes a body may have, and the setting that says so.

    Files of a form go to disk as they come. Anything else is read whole and parsed at one go,
    while other requests wait.
    """
    if headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return chosen.max_body_bytes, "service.max_body_bytes"
    return chosen.max_json_bytes, "service.max_json_bytes"
