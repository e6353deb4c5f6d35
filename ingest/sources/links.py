"""Pictures that are named by an address, fetched before they are asked for."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ingest.sources.objects import needs_net, open_filesystem, read_object, scheme_of
from searchengine.errors import ReadError, SearchEngineError
from searchengine.fetching import Fetcher, limits_of

if TYPE_CHECKING:
    from concurrent.futures import Future

    from searchengine.settings import NetSettings

_WEB = ("http", "https")
_STORE_THREADS = 32
_FROM_TABLES = frozenset({"http", "https", "s3", "gs", "gcs", "az", "abfs", "memory"})
_ONE_STORE = ("s3", "gs", "gcs", "memory")
"""Schemes whose file system does not depend on the host."""


class Links:
    """Fetches what tables and listings name. One for all of a run: the limits hold for all."""

    def __init__(self, net: NetSettings) -> None:
        self._net = net
        self.fetcher = Fetcher(limits_of(net))
        self._lock = threading.Lock()
        self._coming: dict[str, Future[bytes]] = {}
        self._opening = threading.Lock()
        self._stores: dict[str, Any] = {}
        self._threads: ThreadPoolExecutor | None = None

    @property
    def allowed(self) -> bool:
        """Whether anything may be fetched."""
        return self._net.allow

    @property
    def look_ahead(self) -> int:
        """How many may be expected at a time."""
        return self._net.connections

    def check(self, url: str) -> None:
        """Raise ``ReadError`` for an address in a table that may not be fetched.

        A table may be anybody's, and fsspec knows schemes that read this
        machine's disk (``local://``) or speak to hosts nobody has judged.
        """
        if scheme_of(url) not in _FROM_TABLES:
            known = ", ".join(sorted(_FROM_TABLES - {"memory"}))
            raise ReadError(f"not fetched: {url[:200]} is none of {known}")
        if needs_net(scheme_of(url)) and not self._net.allow:
            raise ReadError(f"not fetched: {url[:200]} is on the network (--allow-net)")

    def expect(self, url: str, max_bytes: int) -> None:
        """Begin to fetch, so that ``open`` finds it."""
        with self._lock:
            if url not in self._coming:
                self._coming[url] = self._start(url, max_bytes)

    def open(self, url: str, max_bytes: int) -> bytes:
        """Return what is at an address. Raises an ``ItemError``."""
        with self._lock:
            coming = self._coming.pop(url, None)
        if coming is not None:
            return coming.result()
        return self._read(url, max_bytes) if scheme_of(url) not in _WEB else self.fetcher.fetch(url)

    def store(self, url: str) -> tuple[Any, str]:
        """Return fsspec's file system for an address, one for all of a store, and the path in it.

        Raises ``UnsupportedError``.
        """
        scheme, rest = scheme_of(url), url.partition("://")[2]
        key = scheme if scheme in _ONE_STORE else f"{scheme}://{rest.partition('/')[0]}"
        with self._opening:
            if key not in self._stores:
                self._stores[key] = open_filesystem(url)[0]
            fs = self._stores[key]
        return fs, str(fs._strip_protocol(url))

    def _start(self, url: str, max_bytes: int) -> Future[bytes]:
        if scheme_of(url) in _WEB:
            return self.fetcher.start(url)
        if self._threads is None:
            self._threads = ThreadPoolExecutor(min(self.look_ahead, _STORE_THREADS), "fetch")
        return self._threads.submit(self._read, url, max_bytes)

    def _read(self, url: str, max_bytes: int) -> bytes:
        try:
            fs, path = self.store(url)
        except SearchEngineError as error:  # one bad address is a row, not the end of a run
            raise ReadError(f"cannot read: {error}", hint=error.hint) from error
        return read_object(fs, path, None, max_bytes)
