"""Which request needs which key, and how often one may ask."""

from __future__ import annotations

import ipaddress
import re
import time
from functools import lru_cache
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from searchengine.errors import OverloadError
from searchengine.service.guard.buckets import Buckets
from searchengine.service.guard.exposure import is_loopback
from searchengine.service.problems import known_problem, problem_response

if TYPE_CHECKING:
    from collections.abc import Hashable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Send
    from starlette.types import Scope as Asgi

    from searchengine.service.guard.keys import Key, Keys, Scope
    from searchengine.settings import ServiceSettings

_OPEN = re.compile(r"/|/static/.*|/favicon\.ico|/livez|/readyz")
"""The page itself, which holds nothing of anybody's, and what an orchestrator asks."""

_READING = re.compile(
    r"/v1/(embeddings|embed/(text|image)|similarity"
    r"|corpora/[^/]+/(search(/batch)?|retrieve|facets|duplicates|classify|explain"
    r"|items/[^/]+/(similar|explain)))"
)
"""What is asked by POST and changes nothing. Any other POST writes, until it is named here."""


def needed_scope(method: str, path: str) -> Scope | None:
    """Return the scope that a request needs, ``None`` for what anybody may see."""
    reads = method in {"GET", "HEAD", "OPTIONS"}
    if reads and _OPEN.fullmatch(path):
        return None
    return "read" if reads or (method == "POST" and _READING.fullmatch(path)) else "write"


class Gate:
    """Lets in who has a key (where there are keys), not more often than the settings say."""

    def __init__(self, app: ASGIApp, keys: Keys, chosen: ServiceSettings) -> None:
        self._app = app
        self._keys = keys
        self._by_key = Buckets(chosen.rate, chosen.burst) if chosen.rate else None
        # Who has no key is told apart by address: guesses, probes, the page.
        local = is_loopback(chosen.host) and not keys
        self._by_address = None if local or not chosen.rate else Buckets(chosen.rate, chosen.burst)

    async def __call__(self, scope: Asgi, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] == "http":
            refusal = self._refusal(scope)
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Asgi) -> Response | None:
        needed = needed_scope(scope["method"], scope["path"])
        if not self._keys:
            return _too_often(self._by_address, _address(scope))
        presented = _presented(Headers(scope=scope))
        key = self._keys.find(presented) if presented else None
        if key is None:
            refusal = _too_often(self._by_address, _address(scope))
            return refusal or (None if needed is None else _unknown(presented))
        scope.setdefault("state", {})["key"] = key.name
        return _too_often(self._by_key, key.name) or _out_of_scope(key, needed)


def _presented(headers: Headers) -> str:
    """Return the key of a request. Never of its address, which ends up in logs."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else headers.get("x-api-key", "").strip()


def _unknown(presented: str) -> Response:
    return problem_response(
        "Key",
        401,
        "the key is not known here" if presented else "a key is needed",
        headers={"WWW-Authenticate": "Bearer"},
        hint="send Authorization: Bearer KEY; `searchengine key NAME` makes one",
    )


def _out_of_scope(key: Key, needed: Scope | None) -> Response | None:
    if needed is None or key.allows(needed):
        return None
    return problem_response(
        "Key",
        403,
        f"the key {key.name} may read, and this writes",
        hint="`searchengine key NAME --write` makes one that may",
    )


def _too_often(buckets: Buckets | None, name: Hashable) -> Response | None:
    wait = 0.0 if buckets is None else buckets.take(name, time.monotonic())
    if not wait:
        return None
    return known_problem(OverloadError("too many requests in a short time", retry_after_s=wait))


def _address(scope: Asgi) -> str:
    return _network(str((scope.get("client") or ("unknown", 0))[0]))


@lru_cache(maxsize=1024)
def _network(host: str) -> str:
    """Return who asks, as far as an address tells: of IPv6 the network, for anybody has 2**64."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
