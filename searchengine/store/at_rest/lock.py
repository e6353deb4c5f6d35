"""The lock of a Milvus Lite folder, taken by those who only read: writers stay out meanwhile."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_NAME = "LOCK"


class ReadLock:
    """Lite's own lock file, held so that readers share it (on Windows one at a time has it)."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def release(self) -> None:
        """Let writers in. May be called again."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            if sys.platform == "win32":
                import msvcrt

                os.lseek(handle, 0, os.SEEK_SET)
                msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
            os.close(handle)  # and with it the lock


def lock_to_read(folder: Path) -> ReadLock | None:
    """Return the lock, ``None`` while somebody has the folder open, or where it is no folder yet.

    Nothing is made: a folder without a lock file was never opened by Lite.
    """
    try:
        handle = os.open(folder / _NAME, os.O_RDWR)
    except OSError:
        return None
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return ReadLock(handle)
