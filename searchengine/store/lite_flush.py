"""Rows of which Milvus Lite could not make a file stay where they were, and are still found.

Lite (3.2) begins a new log and a new table of recent rows before it writes the old ones to a file.
Where that fails (the disk is full, or broken), the old rows are in neither place until the folder
is opened anew and its logs are read: searches miss them, the next write is acknowledged as if
nothing had been, and settling finds an empty corpus in order. Here table and log are put back, so
that whoever asks finds the rows, and the next write tries again to make a file of them all.

A version of Lite that looks otherwise inside does as it does.
"""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import Any

_MANIFEST = ("_partitions", "_current_seq", "_active_wal_number")


def keep_rows_of_a_failed_flush() -> bool:
    """Have Lite do so from now on, for all folders of this process; tell whether it does."""
    from milvus_lite.engine.collection import Collection
    from milvus_lite.storage.manifest import Manifest
    from milvus_lite.storage.wal import WAL

    flush = getattr(Collection, "_trigger_flush", None)
    known = hasattr(Collection, "_refresh_segment_cache") and hasattr(WAL, "close_and_delete")
    if flush is None or not known or not hasattr(Manifest, "save"):
        return False
    if getattr(flush, "keeps_rows", False):
        return True

    def flush_or_put_back(self: Any) -> None:
        with self._maintenance_lock:  # it may be held more than once
            memtable, log, manifest = self._memtable, self._wal, self._manifest
            version = manifest.version
            before = {name: copy.deepcopy(getattr(manifest, name)) for name in _MANIFEST}
            try:
                flush(self)
            except BaseException:
                if manifest.version != version:  # the rows are in files; what failed came later
                    self._refresh_segment_cache()
                    raise
                fresh = self._wal
                self._memtable, self._wal = memtable, log
                for name, value in before.items():
                    setattr(manifest, name, value)
                if fresh is not log:
                    with suppress(OSError):
                        fresh.close_and_delete()
                raise

    flush_or_put_back.keeps_rows = True  # type: ignore[attr-defined]
    Collection._trigger_flush = flush_or_put_back
    return True
