"""Downloads side by side, in a thread of their own.

Connections go to the very address that was judged (a name that resolves to
something else a moment later gains nothing), and every redirect is judged
again. What may pass is tried again, with pauses that grow, or as long as the
server asks for.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
import weakref
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from searchengine.errors import (
    DecodeError,
    DiskFullError,
    ItemError,
    LimitError,
    ReadError,
    SearchEngineError,
)
from searchengine.identity import canonical_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from concurrent.futures import Future
    from typing import BinaryIO

    import aiohttp

_CHUNK = 1 << 16
_REDIRECTS = 5
_WAIT_S = 60.0
"""A server that asks for a longer pause is given up."""
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is fetched, and how hard it is tried (``settings.NetSettings``)."""

    max_bytes: int = 32 << 20
    connections: int = 64
    per_host: int = 16
    timeout_s: float = 20.0
    """Seconds without a byte."""
    total_s: float = 300.0
    """Seconds for one attempt, however many bytes come."""
    retries: int = 3
    pause_s: float = 0.5
    """Before the second attempt; it doubles with each."""
    allow_private: bool = False


class _PassingError(Exception):
    """An attempt failed in a way that may pass."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class _Sink:
    """Where a large download goes; begun anew by each attempt."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.token = ""

    async def take(self, answer: aiohttp.ClientResponse) -> None:
        """Write the body, and remember what the server says of its state."""
        self._file.seek(0)
        self._file.truncate()
        async for chunk in answer.content.iter_chunked(_CHUNK):
            try:
                self._file.write(chunk)
            except OSError as error:
                raise DiskFullError(
                    f"no space for a download: {error.strerror}",
                    hint="free some, or name another folder in TMPDIR",
                ) from error
        told = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
        plain = "".join(c for c in told if c.isalnum() or c in "-:.")
        self.token = f"{self._file.tell()}-{plain}"


class Fetcher:
    """Fetches ``http(s)`` addresses. The thread and the connections are made with the first one."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._lock = threading.Lock()
        self._downloads: _Downloads | None = None

    def start(self, url: str) -> Future[bytes]:
        """Begin a download; its result raises an ``ItemError`` where there is none."""
        return self._run(url, None)

    def _run(self, url: str, sink: _Sink | None) -> Future[bytes]:
        with self._lock:
            if self._downloads is None:
                self._downloads = downloads = _Downloads(self.limits)
                weakref.finalize(self, downloads.end)
            downloads = self._downloads
        return asyncio.run_coroutine_threadsafe(downloads.fetch(url, sink), downloads.loop)

    def fetch(self, url: str) -> bytes:
        """Return what is at an address. Raises ``ReadError``, ``LimitError``, ``DecodeError``."""
        return self.start(url).result()

    def download(self, url: str, file: BinaryIO) -> str:
        """Write what is at an address into a file, whatever its size.

        Returns the server's token of its state (an ETag, else a time and a size).
        Raises ``ReadError``, ``DecodeError``.
        """
        sink = _Sink(file)
        self._run(url, sink).result()
        return sink.token


class _Downloads:
    """What lives in the thread of the event loop."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._session: aiohttp.ClientSession | None = None
        self._all: asyncio.Semaphore | None = None
        self._hosts: dict[str, _Host] = {}
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="fetch", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Drop what is under way and end the thread."""

        async def close() -> None:
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            if self._session is not None:
                await self._session.close()
            self.loop.call_soon(self.loop.stop)

        if self._thread.is_alive() and not self.loop.is_closed():
            asyncio.run_coroutine_threadsafe(close(), self.loop)
            if threading.current_thread() is not self._thread:
                self._thread.join(5)
                if not self._thread.is_alive():
                    self.loop.close()

    async def fetch(self, url: str, sink: _Sink | None) -> bytes:
        """Return what is at an address, or write it, after as many attempts as it takes."""
        target = canonical_url(url, login=True)
        name = urlsplit(target).hostname or ""
        for attempt in range(self._limits.retries + 1):
            try:
                async with self._turn(name):
                    return await self._attempt(target, sink)
            except _PassingError as error:
                message, after_s = str(error), error.after_s
            if after_s is not None and after_s > _WAIT_S:
                raise ReadError(f"cannot fetch: {message}, and to wait {after_s:,.0f} s")
            if attempt < self._limits.retries:
                await self._pause(name, attempt, after_s)
        tries = f" ({self._limits.retries + 1} attempts)" if self._limits.retries else ""
        raise ReadError(f"cannot fetch: {message}{tries}")

    async def _pause(self, name: str, attempt: int, after_s: float | None) -> None:
        pause = self._limits.pause_s * 2**attempt * random.uniform(0.75, 1.25)
        if after_s is not None:
            pause = max(pause, after_s)
            if name in self._hosts:  # the whole host asks for a rest
                self._hosts[name].rests_until = time.monotonic() + after_s
        await asyncio.sleep(pause)

    @asynccontextmanager
    async def _turn(self, name: str) -> AsyncIterator[None]:
        """Wait for a place: first among those for this host, so that it holds up no other."""
        if self._all is None:
            self._all = asyncio.Semaphore(self._limits.connections)
        host = self._hosts.setdefault(name, _Host(asyncio.Semaphore(self._limits.per_host)))
        host.users += 1
        try:
            async with host.turns:
                rest = host.rests_until - time.monotonic()
                if rest > 0:
                    await asyncio.sleep(rest)
                async with self._all:
                    yield
        finally:
            host.users -= 1
            if not host.users and host.rests_until <= time.monotonic():
                self._hosts.pop(name, None)

    async def _attempt(self, url: str, sink: _Sink | None) -> bytes:
        import aiohttp

        try:
            return await self._follow(url, sink)
        except (SearchEngineError, _PassingError):
            raise
        except (asyncio.TimeoutError, TimeoutError):
            raise _PassingError("the server did not answer in time") from None
        except aiohttp.InvalidURL as error:
            raise DecodeError(f"no address: {error}") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if (refused := _refused(error)) is not None:
                raise refused from None
            raise _PassingError(" ".join(str(error).split()) or type(error).__name__) from None

    async def _follow(self, url: str, sink: _Sink | None) -> bytes:
        import yarl

        from searchengine.fetching.addresses import check_host

        session = self._opened()
        for _ in range(_REDIRECTS + 1):
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https"):
                raise ReadError(f"not fetched: a redirect leads to {parts.scheme}:")
            check_host(parts.hostname or "", allow_private=self._limits.allow_private)
            request = session.get(
                yarl.URL(url, encoded=True),
                allow_redirects=False,
                timeout=self._clock(whole=sink is None),
            )
            async with request as answer:
                if answer.status in (301, 302, 303, 307, 308) and "Location" in answer.headers:
                    url = canonical_url(urljoin(url, answer.headers["Location"]), login=True)
                    continue
                return await self._body(answer, sink)
        raise ReadError(f"cannot fetch: more than {_REDIRECTS} redirects")

    async def _body(self, answer: aiohttp.ClientResponse, sink: _Sink | None) -> bytes:
        what = f"the server answers {answer.status} {answer.reason or ''}".rstrip()
        if answer.status in _AGAIN:
            raise _PassingError(what, _retry_after(answer.headers))
        if not 200 <= answer.status < 300:
            raise ReadError(f"cannot fetch: {what}")
        if sink is not None:
            await sink.take(answer)
            return b""
        if (answer.content_length or 0) > self._limits.max_bytes:
            raise self._too_large(f"{answer.content_length:,} bytes are")
        body = bytearray()
        async for chunk in answer.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) > self._limits.max_bytes:
                raise self._too_large("its bytes are")
        return bytes(body)

    def _too_large(self, what: str) -> LimitError:
        return LimitError(
            f"{what} more than the limit net.max_bytes = {self._limits.max_bytes:,} "
            "(SEARCHENGINE_NET__MAX_BYTES)",
            hint="raise that limit if you want such pictures",
        )

    def _clock(self, *, whole: bool) -> aiohttp.ClientTimeout:
        import aiohttp

        return aiohttp.ClientTimeout(
            total=self._limits.total_s if whole else None,
            sock_connect=self._limits.timeout_s,
            sock_read=self._limits.timeout_s,
        )

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            import aiohttp

            from searchengine import __version__
            from searchengine.fetching.resolver import PublicResolver

            limits = self._limits
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0,  # turns are waited for before, where no clock runs
                    resolver=PublicResolver(allow_private=limits.allow_private),
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                headers={
                    "User-Agent": f"crossmodal-searchengine/{__version__}",
                    "Accept": "image/*,*/*;q=0.8",
                    "Accept-Encoding": "identity",
                },
            )
        return self._session


@dataclass(slots=True)
class _Host:
    turns: asyncio.Semaphore
    users: int = 0
    rests_until: float = 0.0


def _refused(error: BaseException) -> ItemError | None:
    """Return the resolver's own refusal where it is the cause of what the library raised."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ItemError):
            return cause
        cause = getattr(cause, "os_error", None) or cause.__cause__ or cause.__context__
        if cause is error:
            return None
    return None


def _retry_after(headers: Mapping[str, Any]) -> float | None:
    """Return the seconds a server asks to wait (RFC 9110, 10.2.3), ``None`` if it does not."""
    text = str(headers.get("Retry-After", "")).strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None
