"""A Milvus Lite folder, opened once a process and really let go at the end.

pymilvus starts Lite by itself for ``*.db`` uris, but keeps the folder locked
after ``close()`` and swallows the reason when it cannot open it. So this module
starts the same in-process server and keeps count of who uses it.
"""

from __future__ import annotations

import atexit
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from searchengine.errors import DiskFullError, StoreBusyError, StoreUnavailableError
from searchengine.store.at_rest.readers import give_way
from searchengine.store.failures import Fault, fault_of, reason_of
from searchengine.store.lite_files import read, write_lite_files_leanly
from searchengine.store.lite_flush import keep_rows_of_a_failed_flush
from searchengine.store.lite_rows import take_rows_leanly
from searchengine.store.lite_segments import hold_keys_only
from searchengine.store.mirror.mirrors import Mirrors


@dataclass(slots=True)
class _Opened:
    server: Any
    database: Any
    port: int
    users: int
    writing: threading.RLock
    mirrors: Mirrors


_folders: dict[Path, _Opened] = {}
_guard = threading.Lock()


def acquire(folder: Path) -> tuple[str, threading.RLock, Mirrors]:
    """Open the folder (making it if need be); return its address, its writers' lock, its mirrors.

    Lite takes one writer at a time, whichever thread or store it comes from.
    Raises ``StoreBusyError`` when another process has it open,
    ``DiskFullError`` and ``StoreUnavailableError`` when it cannot be opened.
    """
    key = folder.resolve()
    with _guard:
        opened = _folders.get(key)
        if opened is None:
            give_way(key)
            opened = _open(folder, key)
            _folders[key] = opened
        opened.users += 1
        return f"http://127.0.0.1:{opened.port}", opened.writing, opened.mirrors


def release(folder: Path) -> None:
    """Stop using the folder; the last one to do so closes it and frees its lock."""
    key = folder.resolve()
    with _guard:
        opened = _folders.get(key)
        if opened is None:
            return
        opened.users -= 1
        if opened.users <= 0:
            del _folders[key]
            _close(opened)


def _open(folder: Path, key: Path) -> _Opened:
    write_lite_files_leanly()  # before Lite is imported
    take_rows_leanly()
    hold_keys_only(read)
    keep_rows_of_a_failed_flush()
    from milvus_lite.adapter.grpc.server import start_server_in_thread
    from milvus_lite.exceptions import DataDirLockedError

    try:
        key.parent.mkdir(parents=True, exist_ok=True)
        server, database, port = start_server_in_thread(str(key), host="127.0.0.1", port=0)
    except DataDirLockedError:
        raise StoreBusyError(
            f"the database folder {folder} is in use by another process",
            hint="Wait until it is done, or stop it. Several at once need a Milvus server.",
        ) from None
    except Exception as error:
        if fault_of(error) is Fault.DISK_FULL:
            raise DiskFullError(
                f"no space left to open the database folder {folder}", hint="Free some space."
            ) from error
        raise StoreUnavailableError(
            f"the database folder {folder} cannot be opened: {reason_of(error)}",
            hint="Check that it is a folder you may write to.",
        ) from error
    _open_collections_once(database)
    writing = threading.RLock()
    return _Opened(server, database, port, 0, writing, Mirrors(database, writing))


def _open_collections_once(database: Any) -> None:
    """Have requests that are the first to touch a collection wait for one another.

    Lite makes an object of a collection at the first request for it, and has nothing against two
    at a time: then each has a log and rows of its own, and what was written to the one that is
    forgotten is not seen before the folder is opened again.
    """
    get, guard = database.get_collection, threading.RLock()

    def get_one_at_a_time(*args: Any, **kwargs: Any) -> Any:
        with guard:
            return get(*args, **kwargs)

    database.get_collection = get_one_at_a_time


def _close(opened: _Opened) -> None:
    opened.server.stop(None).wait(10)
    opened.database.close()


@atexit.register
def _close_all() -> None:
    with _guard:
        for opened in _folders.values():
            _close(opened)
        _folders.clear()
