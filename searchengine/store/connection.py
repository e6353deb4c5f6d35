"""One connection to a Milvus, through ``pymilvus.MilvusClient``: bounded waits, our errors."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import socket
import threading
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from searchengine.errors import NotFoundError, SearchEngineError
from searchengine.store import lite
from searchengine.store.capabilities import Capabilities, capabilities_of
from searchengine.store.failures import Fault, fault_of, is_milvus, translate, unavailable
from searchengine.store.lean_import import import_pymilvus, settle_arrow
from searchengine.store.lite_memory import WORTH_ROWS, give_back
from searchengine.store.mirror.mirrors import Step
from searchengine.store.writing import request_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from searchengine.encoders.contract import Vectors
    from searchengine.store.mirror.mirrors import Mirrors
    from searchengine.store.mirror.snapshot import Snapshot

LONG_S = 3_600.0
"""Limit on building an index or loading a side: bounded by its size, not by the network."""
_IN_PROCESS = {
    "grpc.keepalive_permit_without_calls": False,
    "grpc.keepalive_time_ms": 2**31 - 1,
}
"""Lite cuts off who asks again and again whether it is there without wanting anything (gRPC's "too
many pings"), as pymilvus does. It is there: it is in this process."""
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0


@dataclass(frozen=True, slots=True)
class Login:
    """How to get into a server. Empty means without."""

    user: str = ""
    password: str = ""
    token: str = ""
    database: str = ""
    tls_ca: Path | None = None
    """PEM file of the authority that signed the server's certificate."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a database, in seconds."""

    connect_s: float
    """For the first answer."""
    read_s: float
    """For each read."""
    write_s: float
    """For a server that has gone away in the middle of writing."""


class Connection:
    """A Milvus that answers. Calls are retried for as long as they are given, then translated."""

    def __init__(
        self,
        where: str,
        address: str,
        login: Login,
        patience: Patience,
        channel: Mapping[str, Any] | None = None,
    ) -> None:
        """Connect; ``channel`` are options of the gRPC channel."""
        self.where = where
        self.patience = patience
        self.shards = 1
        """Of collections that are made."""
        self.writing: AbstractContextManager[Any] = nullcontext()
        self._mirrors: Mirrors | None = None
        self._mirror_bytes = 0
        self._folder: Path | None = None
        self._client = _connect(where, address, login, patience.connect_s, channel)
        try:
            version = str(self.call("get_server_version", doing="asking for its version"))
        except SearchEngineError:
            self._client.close()
            raise
        self.capabilities: Capabilities = capabilities_of(version)

    @property
    def is_lite(self) -> bool:
        """Whether the database is a folder of this machine."""
        return self.capabilities.backend == "lite"

    def call(
        self, method: str, *args: Any, doing: str, patience_s: float = 0, **kwargs: Any
    ) -> Any:
        """Call a method of ``MilvusClient``; return what it returns.

        A database that is away is asked again, with growing pauses, for
        ``patience_s`` seconds (the connection's timeout at least). Lite is in this very
        process, never away, and may take its time. Only calls that
        may be repeated come here: every write is an upsert or a delete by key.
        """

        def ask(left: float) -> Any:
            return getattr(self._client, method)(*args, timeout=left, **kwargs)

        return self._patiently(ask, doing, patience_s)

    def upsert(
        self,
        collection: str,
        rows: Sequence[Mapping[str, Any]],
        vectors: Vectors,
        *,
        patience_s: float,
    ) -> None:
        """Write whole encoded rows with their vectors (n, dim), replacing by id; as ``call`` does.

        The layer below ``MilvusClient`` takes a request that is made already.
        """
        request = request_of(collection, rows, vectors)

        def ask(left: float) -> Any:
            context = self._client._generate_call_context()
            below = self._client._get_connection()
            ready = {"upsert_param": request, "schema": {"fields": []}}
            return below.upsert(collection, [], timeout=left, context=context, **ready)

        self._patiently(ask, "writing", patience_s)
        if self.is_lite and len(rows) >= WORTH_ROWS:
            give_back()

    def _patiently(self, ask: Callable[[float], Any], doing: str, patience_s: float = 0) -> Any:
        """Return what ``ask(seconds_left)`` does, asked again while the database is away.

        A server that has just come back says for some seconds that what it holds is not loaded.
        """
        at_least = LONG_S if self._folder is not None else self.patience.read_s
        until = time.monotonic() + max(patience_s, at_least)
        pause = _FIRST_PAUSE_S
        while True:
            left = max(0.1, until - time.monotonic())
            try:
                return ask(left)
            except Exception as error:
                fault = fault_of(error)
                wait = pause * (0.5 + random.random())
                passing = fault is Fault.AWAY or (fault is Fault.NOT_LOADED and not self.is_lite)
                if not passing or time.monotonic() + wait >= until:
                    raise self._raised(error, doing) from error
            time.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def below(
        self, method: str, *args: Any, doing: str, patience_s: float = 0, **kwargs: Any
    ) -> Any:
        """Call a method of the layer below ``MilvusClient``, as ``call`` does.

        With ``retry_times=1`` once only.
        """
        below = self._client._get_connection()
        if kwargs.get("retry_times") == 1:
            try:
                return getattr(below, method)(*args, timeout=self.patience.write_s, **kwargs)
            except Exception as error:
                raise self._raised(error, doing) from error

        def ask(left: float) -> Any:
            return getattr(below, method)(*args, timeout=left, **kwargs)

        return self._patiently(ask, doing, patience_s)

    def attempt(self, method: str, *args: Any, doing: str, **kwargs: Any) -> Any:
        """Like ``call``, but ``None`` when the collection, alias or database does not exist."""
        try:
            return self.call(method, *args, doing=doing, **kwargs)
        except NotFoundError:
            return None

    def pages(self, collection: str, **kwargs: Any) -> Iterator[list[dict[str, Any]]]:
        """Yield all rows of a query, page by page, through ``query_iterator``."""
        iterator = self.call("query_iterator", collection, doing="reading", **kwargs)
        try:
            while True:
                # Its cursor moves on success only: a page that failed may be asked for again.
                page = self._patiently(lambda _: iterator.next(), "reading")
                if not page:
                    return
                yield page
        finally:
            iterator.close()

    def own(
        self, folder: Path, writing: threading.RLock, mirrors: Mirrors, mirror_bytes: int
    ) -> None:
        """Take over a Lite folder, to be released with the connection."""
        self._folder = folder
        self.writing = writing
        self._mirrors = mirrors
        self._mirror_bytes = mirror_bytes

    def mirrored(self, alias: str) -> Snapshot | None:
        """Return a side's rows as they are, if they can be read from this process's memory."""
        return self._mirrors.of(alias, self._mirror_bytes) if self._mirrors else None

    def held(self, alias: str) -> Snapshot | None:
        """Return a side's rows as they are, if they are in this process's memory already."""
        return self._mirrors.held(alias) if self._mirrors else None

    def mirrors(self, alias: str) -> bool:
        """Tell whether searches of a side are answered from this process's memory."""
        return self._mirrors.fits(alias, self._mirror_bytes) if self._mirrors else False

    def step(self, alias: str) -> AbstractContextManager[Step]:
        """Have the rows in memory follow a write; for holders of ``writing``."""
        return self._mirrors.step(alias) if self._mirrors else nullcontext(Step(None, None))

    def forget(self, collection: str) -> None:
        """Let go of the rows in memory; the next read takes them anew."""
        if self._mirrors:
            self._mirrors.forget(collection)

    def close(self) -> None:
        """Let go of the server, or of the folder."""
        with contextlib.suppress(Exception):  # it may be gone already: nothing is lost
            self._client.close()
        if self._folder is not None:
            lite.release(self._folder)
            self._folder = self._mirrors = None

    def _raised(self, error: Exception, doing: str) -> Exception:
        if isinstance(error, SearchEngineError):
            return error
        if is_milvus(error) or isinstance(error, OSError):
            lite_ = getattr(self, "capabilities", None) is not None and self.is_lite
            return translate(error, doing, self.where, lite=lite_)
        return error


def open_folder(folder: Path, patience: Patience, mirror_bytes: int) -> Connection:
    """Open a Milvus Lite folder, of whose rows so many bytes may be read from memory."""
    _quiet()
    settle_arrow()
    address, writing, mirrors = lite.acquire(folder)
    try:
        connection = Connection(str(folder), address, Login(), patience, _IN_PROCESS)
    except BaseException:
        lite.release(folder)
        raise
    connection.own(folder, writing, mirrors, mirror_bytes)
    return connection


def open_server(uri: str, login: Login, patience: Patience, shards: int = 1) -> Connection:
    """Connect to a Milvus server at ``http(s)://host:port`` or ``tcp://host:port``."""
    _quiet()
    parts = urlsplit(uri)
    where = f"{parts.scheme}://{parts.hostname}:{parts.port or 19530}"  # no password in messages
    _knock(parts.hostname or "localhost", parts.port or 19530, where, patience.connect_s)
    connection = Connection(where, uri, login, patience)
    connection.shards = shards
    return connection


def _connect(
    where: str,
    address: str,
    login: Login,
    timeout_s: float,
    channel: Mapping[str, Any] | None,
) -> Any:
    from pymilvus import MilvusClient

    options: dict[str, Any] = {"grpc_options": dict(channel or {})}
    if login.tls_ca is not None:
        options |= {"secure": True, "server_pem_path": str(login.tls_ca)}
    elif address.startswith("https://"):
        options |= {"secure": True}
    try:
        return MilvusClient(
            uri=address,
            user=login.user,
            password=login.password,
            token=login.token,
            db_name=login.database,
            timeout=timeout_s,
            dedicated=True,
            **options,
        )
    except Exception as error:
        raise translate(error, "connecting", where, lite=False) from error


def _knock(host: str, port: int, where: str, timeout_s: float) -> None:
    """Fail at once where nobody listens; gRPC would try for its whole timeout."""
    if any(os.environ.get(f"{name}_proxy") for name in ("grpc", "http", "https")):
        return
    try:
        socket.create_connection((host, port), timeout=timeout_s).close()
    except OSError as error:
        raise unavailable(where, "connecting", str(error)) from error


def _quiet() -> None:
    """Keep the libraries' own logs off stderr: whatever matters is raised as our errors.

    They are passed on when the log of ``searchengine`` is at DEBUG.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    import_pymilvus()  # its import sets handlers up

    passed_on = logging.getLogger("searchengine").isEnabledFor(logging.DEBUG)
    for name in ("pymilvus", "pymilvus.milvus_client", "pymilvus.bulk_writer", "milvus_lite"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = passed_on
