"""Whether the database can be used: a folder, or a server."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from searchengine.diagnose.check import Check
from searchengine.errors import SearchEngineError
from searchengine.identity import path_of

if TYPE_CHECKING:
    from searchengine.settings import Settings

_SERVERS = ("http", "https", "tcp")
_LOCAL = ("localhost", "127.0.0.1", "::1")


def lite_folder(settings: Settings) -> Path | None:
    """Return the folder of Milvus Lite, ``None`` where the database is none."""
    uri = settings.store_uri
    scheme = urlsplit(uri).scheme.lower()
    if scheme == "file":
        return path_of(uri)
    return None if len(scheme) > 1 else Path(uri).expanduser()


def check_database(settings: Settings) -> Check:
    """Say whether the configured database can be used. Opens no folder, makes nothing."""
    folder = lite_folder(settings)
    if folder is not None:
        return _check_folder(folder)
    scheme = urlsplit(settings.store_uri).scheme.lower()
    if scheme in _SERVERS:
        return _check_server(settings)
    if scheme == "memory":
        return Check("database", "ok", "in memory: gone when the process ends")
    return Check(
        "database",
        "fail",
        f"store.uri {settings.store_uri!r} is no address of a database",
        "add --store ./index, or --store http://localhost:19530",
    )


def nearest(path: Path) -> Path:
    """Return the path itself if it exists, else the nearest folder above it that does."""
    path = path.absolute()
    return next((here for here in (path, *path.parents) if _exists(here)), Path(path.anchor))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # below a folder that may not be looked into
        return False


def _check_folder(folder: Path) -> Check:
    other = "--store OTHER_FOLDER"
    here = nearest(folder)
    if not here.is_dir():
        return Check("database", "fail", f"{here} is a file, not a folder", f"add {other}")
    if not os.access(here, os.R_OK | os.W_OK | os.X_OK):
        remedy = f"chmod u+rwx '{here}'" if os.name == "posix" else f"add {other}"
        return Check("database", "fail", f"you may not write to {here}", remedy)
    if here != folder.absolute():
        return Check("database", "ok", f"{folder} (Milvus Lite): made by the first index run")
    lock = folder / "LOCK"
    if lock.exists() and is_locked(lock):
        pid = lock_holder(lock)
        who = "another process" if pid is None else f"process {pid}"
        return Check(
            "database",
            "warn",
            f"{folder} (Milvus Lite) is in use by {who}",
            "wait until it is done, or stop it; several at once need a Milvus server",
        )
    return Check("database", "ok", f"{folder} (Milvus Lite), free")


def is_locked(lock: Path) -> bool:
    """Return whether another process holds Milvus Lite's lock on its folder.

    Milvus Lite takes ``flock`` (on Windows ``msvcrt.locking`` of one byte) on
    this file; trying it, without waiting, is the only way to know.
    """
    descriptor = os.open(lock, os.O_RDWR)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def lock_holder(lock: Path, table: Path = Path("/proc/locks")) -> int | None:
    """Return the id of the process that holds a ``flock``, where the system tells (Linux)."""
    try:
        inode = lock.stat().st_ino
        lines = table.read_text().splitlines()
    except OSError:
        return None
    for line in lines:  # 1: FLOCK  ADVISORY  WRITE 708 00:13:22 0 EOF
        words = line.split()
        if len(words) >= 6 and words[1] == "FLOCK" and words[5].endswith(f":{inode}"):
            return int(words[4]) if int(words[4]) > 0 else None
    return None


def _check_server(settings: Settings) -> Check:
    from searchengine.store.configured import open_configured_store

    parts = urlsplit(settings.store_uri)
    where = f"{parts.scheme}://{parts.hostname}:{parts.port or 19530}"
    try:
        store = open_configured_store(settings)
    except SearchEngineError as error:
        start = "docker compose up -d" if parts.hostname in _LOCAL else ""
        refused = "refuses the login" in str(error)
        return Check("database", "fail", str(error), error.hint if refused else start or error.hint)
    try:
        sides = store.sides()
        version = store.capabilities.version
    except SearchEngineError as error:
        return Check("database", "fail", str(error), error.hint)
    finally:
        store.close()
    corpora = len({info.side.corpus for info in sides})
    said = f"{where}: Milvus {version}, {corpora} {'corpus' if corpora == 1 else 'corpora'}"
    return Check("database", "ok", said)
