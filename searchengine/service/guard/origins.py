"""Where a request claims to be going, and which page sent it.

A browser can be made to ask a service of this machine by any page: through a name that turns from
the page's address into this machine's (DNS rebinding), or straight away, where an answer that the
page may not read still adds or deletes. Both show in headers that a page cannot forge.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from searchengine.service.problems import problem_response

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from searchengine.settings import ServiceSettings


class Origins:
    """Refuses hosts that are not this service's, and pages of elsewhere."""

    def __init__(self, app: ASGIApp, chosen: ServiceSettings, keyed: bool) -> None:
        """With keys (``keyed``) any host will do unless some are named: no page knows a key."""
        self._app = app
        self._names = {"localhost", chosen.host.lower(), *map(str.lower, chosen.hosts)}
        self._any = keyed and not chosen.hosts
        self._origins = set(chosen.cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] == "http":
            refusal = self._refusal(Headers(scope=scope))
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, headers: Headers) -> Response | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not (self._any or self._is_ours(hosts[0])):
            return problem_response(
                "Host",
                421,
                "the request names a host that this service does not go by",
                hint="ask by address or localhost, or name the host in service.hosts",
            )
        if not self._from_ours(headers, hosts[0]):
            return problem_response(
                "Origin",
                403,
                "the request was sent by a page of another site",
                hint="name that site in service.cors_origins, if you trust it",
            )
        return None

    def _is_ours(self, host: str) -> bool:
        """Whether a host cannot be a stranger's: an address is nobody's name."""
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        except ValueError:
            return False
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _from_ours(self, headers: Headers, host: str) -> bool:
        origins = headers.getlist("origin")
        if origins:
            return all(one in self._origins or _authority(one) == host.lower() for one in origins)
        # A link may lead here; a picture or a form of another site may not.
        if headers.get("sec-fetch-site") == "cross-site":
            return headers.get("sec-fetch-mode") == "navigate" and "GET" in _methods(headers)
        return True


def _authority(origin: str) -> str:
    scheme, _, authority = origin.partition("://")
    return authority.lower() if scheme in {"http", "https"} else ""


def _methods(headers: Headers) -> set[str]:
    """Return the methods a navigation may stand for: one with a body is a form's."""
    has_body = "content-type" in headers or headers.get("content-length", "0") != "0"
    return {"POST"} if has_body else {"GET"}
