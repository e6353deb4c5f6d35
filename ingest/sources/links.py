"""Pictures that are named by an address of the network, fetched before they are asked for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from searchengine.errors import ReadError
from searchengine.fetching import Fetcher, limits_of

if TYPE_CHECKING:
    from concurrent.futures import Future

    from searchengine.settings import NetSettings


class Links:
    """Fetches what tables name. One for all tables of a run: the limits hold for all together."""

    def __init__(self, net: NetSettings) -> None:
        self._net = net
        self._fetcher = Fetcher(limits_of(net))
        self._lock = threading.Lock()
        self._coming: dict[str, Future[bytes]] = {}

    @property
    def allowed(self) -> bool:
        """Whether anything may be fetched."""
        return self._net.allow

    @property
    def look_ahead(self) -> int:
        """How many may be expected at a time."""
        return self._net.connections

    def check(self, url: str) -> None:
        """Raise ``ReadError`` for an address that cannot be fetched here at all."""
        if not self._net.allow:
            raise ReadError(f"not fetched: {url[:200]} is on the network (--allow-net)")

    def expect(self, url: str) -> None:
        """Begin to fetch, so that ``open`` finds it."""
        with self._lock:
            if url not in self._coming:
                self._coming[url] = self._fetcher.start(url)

    def open(self, url: str) -> bytes:
        """Return what is at an address. Raises an ``ItemError``."""
        with self._lock:
            coming = self._coming.pop(url, None)
        return self._fetcher.fetch(url) if coming is None else coming.result()
