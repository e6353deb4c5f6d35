"""Who in this process reads which folder as it lies, so that they let go when it is opened."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path


class Reader(Protocol):
    """Somebody who holds a folder's lock to read."""

    def wake(self) -> None:
        """Let go of the folder."""


_readers: dict[Path, weakref.WeakSet[Reader]] = {}
_guard = threading.Lock()


def enrol(folder: Path, reader: Reader) -> None:
    """Note a reader of a folder; one that is forgotten elsewhere is forgotten here."""
    with _guard:
        _readers.setdefault(folder.resolve(), weakref.WeakSet()).add(reader)


def give_way(folder: Path) -> None:
    """Have this process's readers of a folder let go of it: it is going to be opened."""
    with _guard:
        readers = list(_readers.pop(folder.resolve(), ()))
    for reader in readers:
        reader.wake()
