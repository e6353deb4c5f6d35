"""From an address to a store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from searchengine.errors import SettingsError
from searchengine.identity import path_of

if TYPE_CHECKING:
    from searchengine.store.contract import Store

DEFAULT_TIMEOUT_S = 10.0
WRITE_PATIENCE_S = 60.0
"""A Milvus restarts within half a minute."""
MIRROR_MB = 2048
"""Half a million items of 512 dimensions and their columns. Most of it is Lite's own memory, which
holds every row anyway (``docs/decisions/0006-mirror.md``)."""
_SERVERS = ("http", "https", "tcp")


def open_store(
    uri: str | os.PathLike[str],
    *,
    user: str = "",
    password: str = "",
    token: str = "",
    database: str = "",
    tls_ca: str | os.PathLike[str] | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    retry_s: float = WRITE_PATIENCE_S,
    patient_reads: bool = False,
    shards: int = 1,
    mirror_mb: int = MIRROR_MB,
    at_rest: bool = False,
) -> Store:
    """Open the store at an address.

    A path (or ``file://`` uri) is a Milvus Lite folder, made if need be;
    ``http(s)://host:port`` and ``tcp://host:port`` are a Milvus server;
    ``memory:`` (or ``memory:NAME``) is this process's own exact store.
    ``timeout_s`` bounds connecting and each read, ``retry_s`` is how long a write
    waits for a server that has gone away to come back; with ``patient_reads``
    (for a long run, that reads between its writes) a read waits as long. Collections that are made
    on a server have so many ``shards``, each a way in for writes. Of a Lite folder, up to
    ``mirror_mb`` megabytes are read from memory; with 0 all reads go through Lite.
    With ``at_rest`` a Lite folder that nobody has open is not opened before it has to be: plain
    questions are answered from its files (``store.at_rest``) within the same bound, which takes a
    fraction of the time where only one is asked.

    Raises ``StoreUnavailableError``, ``StoreBusyError``, ``DiskFullError`` or,
    for an address that is none, ``SettingsError``.
    """
    text = os.fspath(uri)
    scheme = urlsplit(text).scheme.lower() if isinstance(uri, str) else ""
    if scheme == "memory":
        from searchengine.store.memory import shared_memory

        return shared_memory(text)
    from searchengine.store.connection import Login, Patience, open_folder, open_server
    from searchengine.store.milvus import MilvusStore

    patience = Patience(timeout_s, retry_s if patient_reads else timeout_s, retry_s)
    if scheme in _SERVERS:
        ca = Path(tls_ca) if tls_ca is not None else None
        login = Login(user, password, token, database, ca)
        return MilvusStore(open_server(text, login, patience, shards))
    folder, mirror_bytes = _folder(text, scheme), mirror_mb * 1024 * 1024

    def open_lite() -> Store:
        return MilvusStore(open_folder(folder, patience, mirror_bytes))

    if at_rest and mirror_mb > 0:
        from searchengine.store.at_rest.store import rest

        resting = rest(folder, open_lite, most_bytes=mirror_bytes)
        if resting is not None:
            return resting
    return open_lite()


def _folder(text: str, scheme: str) -> Path:
    if scheme == "file":
        path = path_of(text)
        if path is not None:
            return path
    if len(scheme) > 1 or not text:  # one letter is a drive: C:\\milvus
        raise SettingsError(
            f"{text!r} is no address of a database",
            hint="Give a folder for Milvus Lite, or http://host:19530 for a server.",
        )
    return Path(text).expanduser()
