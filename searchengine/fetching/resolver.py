"""Names to addresses, private ones left out: the connection goes to what was judged here."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.abc import AbstractResolver

from searchengine.fetching.addresses import is_public, refusal

if TYPE_CHECKING:
    from aiohttp.abc import ResolveResult


class PublicResolver(AbstractResolver):
    """Asks the system, and keeps the public addresses of what it says."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._system = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return where a name leads. Raises ``ReadError`` if only to private addresses."""
        found = await self._system.resolve(host, port, family)
        if self._allow_private:
            return found
        public = [one for one in found if is_public(one["host"])]
        if found and not public:
            raise refusal(host)
        return public

    async def close(self) -> None:
        """Let go of nothing: the system's resolver holds nothing."""
        await self._system.close()
