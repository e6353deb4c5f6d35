"""What browsers are told to refuse, with every answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; manifest-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of pages: nothing inline, nothing from anywhere else."""

DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""Of everything else: an indexed file that is a page in disguise does nothing when opened."""

_ALWAYS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_NOT_KEPT = (b"cache-control", b"no-store")
_OF_PAGES = ((b"content-security-policy", PAGE_POLICY.encode()), *_ALWAYS)
_OF_DATA = ((b"content-security-policy", DATA_POLICY.encode()), *_ALWAYS)


class SecurityHeaders:
    """Adds the headers that an answer does not set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; what comes back gets the headers."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = dict(message["headers"])
                kind = given.get(b"content-type", b"").partition(b";")[0].strip().lower()
                page = kind == b"text/html" and message["status"] < 400
                wanted = _OF_PAGES if page else _OF_DATA
                message["headers"] = [
                    *message["headers"],
                    *[one for one in wanted if one[0] not in given],
                ]
                if scope["path"].startswith("/v1") and _NOT_KEPT[0] not in given:
                    message["headers"].append(_NOT_KEPT)
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)
