"""Patience on the socket: what comes before a body, and between its parts, is bounded, too.

The server itself waits for ever for the end of a request's head, and keeps all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

HEAD_S = 10.0
"""Seconds from the beginning of a connection, or of a request, to the end of its head."""

HEAD_BYTES = 1 << 16
"""Bytes of a head, of trailers, of chunk extensions: of all that is no body."""


class BoundedConnection(HttpToolsProtocol):
    """A connection that is closed when a head is too long in coming, or too long."""

    _timer: asyncio.TimerHandle | None = None
    _no_body = 0
    """Bytes since anything was complete, or a part of a body came."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._waited()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; close the connection where it only grows."""
        self._no_body += len(data)
        super().data_received(data)
        if self._no_body > HEAD_BYTES and not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(
                    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
                    b"connection: close\r\ncontent-length: 0\r\n\r\n"
                )
            self.transport.close()

    def on_message_begin(self) -> None:
        """Begin to wait for the end of a head."""
        super().on_message_begin()
        self._wait()

    def on_headers_complete(self) -> None:
        """Pass the request on."""
        self._no_body = 0
        self._waited()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass a part of the body on."""
        self._no_body = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the request is complete."""
        self._no_body = 0
        super().on_message_complete()

    def _wait(self) -> None:
        self._waited()
        self._timer = self.loop.call_later(HEAD_S, self._give_up)

    def _waited(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self.transport.close()


def bounded(**options: Any) -> dict[str, Any]:
    """Return the options of ``uvicorn.run`` for connections that are bounded."""
    return {"http": BoundedConnection, "ws": "none", "proxy_headers": False, **options}
