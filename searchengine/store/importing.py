"""A server's own import of files: asked for once, watched, and counted.

An import makes a row of every row, whether there is one of its key or not. So it must not be asked
for twice: a file has a name of its own, and before it is asked for again after a lost answer, the
server's list of imports is looked through for that name.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from searchengine.errors import StoreUnavailableError
from searchengine.store import sides

if TYPE_CHECKING:
    from searchengine.store.connection import Connection
    from searchengine.store.sides import Handle

_DONE = "Completed"
_FAILED = ("Failed", "Failed and cleaned")
_LISTED = 1_000
_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 5.0
_VISIBLE_S = 120.0
_STILL_S = 3_600.0
"""Without any progress, an import that began is given up."""


def import_file(connection: Connection, handle: Handle, name: str) -> None:
    """Have the server import a file; return when it has. ``wait_for_all`` makes its rows be found.

    Raises ``StoreUnavailableError`` where the server fails.
    """
    _wait(connection, _begin(connection, handle.collection, name), name)


def wait_for_all(connection: Connection, handle: Handle) -> None:
    """Wait for all imports that were asked for, by whoever; what they brought is found then."""
    tasks = _tasks(connection, handle.collection)
    for state in tasks:
        if state.state_name not in (_DONE, *_FAILED):
            _wait(connection, state.task_id, str(state.infos.get("files", "")))
    if tasks:  # a server would find what it has imported half a minute later, by itself
        sides.reload(connection, handle)


def _begin(connection: Connection, collection: str, name: str) -> int:
    known = _known(connection, collection, name)
    if known is not None:
        return known
    try:
        # Never repeated by itself: two imports of a file would be two rows of each of its items.
        return int(
            connection.below("do_bulk_insert", collection, "", [name], retry_times=1, doing=_DOING)
        )
    except StoreUnavailableError:
        known = _known(connection, collection, name)
        if known is None:
            raise
        return known


_DOING = "importing files"


def _known(connection: Connection, collection: str, name: str) -> int | None:
    """Return the import of that file, if it was asked for."""
    for state in _tasks(connection, collection):
        if name in str(state.infos.get("files", "")).split(","):
            return int(state.task_id)
    return None


def _tasks(connection: Connection, collection: str) -> list[Any]:
    found: list[Any] = connection.below(
        "list_bulk_insert_tasks", _LISTED, collection, doing=_DOING, patience_s=_VISIBLE_S
    )
    return found


def _wait(connection: Connection, task: int, name: str) -> None:
    pause, seen, since = _PAUSE_S, (-1, ""), time.monotonic()
    while True:
        state = connection.below("get_bulk_insert_state", task, doing=_DOING, patience_s=_VISIBLE_S)
        if state.state_name == _DONE:
            return
        if state.state_name in _FAILED:
            reason = state.failed_reason or "it does not say why"
            raise StoreUnavailableError(
                f"the database at {connection.where} could not import {name}: {reason}",
                hint="check that store.bulk_uri is a place that the server reads, "
                "and store.bulk_path what it calls it",
            )
        now = (int(state.progress), state.state_name)
        if now != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > _STILL_S:
            raise StoreUnavailableError(
                f"the database at {connection.where} has not gone on importing {name} "
                f"for {_STILL_S / 3600:.0f} h",
                hint="look at the server's log; the same command again waits on",
            )
        time.sleep(pause)
        pause = min(1.5 * pause, _LONGEST_PAUSE_S)
