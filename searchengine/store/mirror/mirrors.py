"""The mirrors of one opened Lite folder: built when first read, kept in step, never stale.

A snapshot is right for as long as Lite's next sequence number is the one it was taken at, and the
collection is the very object it was taken from: that is looked at before every use, so that a
write, a drop or a remake by whichever way cannot be overlooked. Our own writes, one at a time
under the folder's writing lock, publish the next snapshot after Lite has acknowledged them and
before they return; while one of them runs, readers go on with the snapshot before it, as nothing
of it has been acknowledged. A write that fails leaves no snapshot behind: the next read looks
afresh at what Lite has.
"""

from __future__ import annotations

import itertools
import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from searchengine.store.mirror import lite_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from searchengine.store.mirror.snapshot import Snapshot

_log = logging.getLogger(__name__)
_WAIT_S = 10.0
"""For a writer, where there is no snapshot. Lite would answer at once, and while it moves rows to
disk it overlooks the newest."""
_UNREAD_BYTES = 16 * 1024 * 1024
"""Written since the last read: beyond this, nobody seems to be reading, and steps are no use."""


class _Mirror:
    """One collection's snapshot, and what it was taken from."""

    def __init__(self, collection: Any, snapshot: Snapshot, seq: int) -> None:
        self.collection = collection
        self.current: tuple[Snapshot, int] | None = (snapshot, seq)
        """The snapshot and the sequence number it was taken at, replaced as one."""
        self.writing = False
        """Whether one of our own writes is on its way."""
        self.unread = 0
        """Bytes written since the last read."""
        self.read = 0
        """When it was read last, in reads of the folder."""


class Step:
    """One write on its way into Lite, to be followed by the mirror."""

    def __init__(self, mirror: _Mirror | None, snapshot: Snapshot | None) -> None:
        self._mirror = mirror
        self._snapshot = snapshot
        self._newest = lite_rows.Newest(mirror.collection) if mirror and snapshot else None

    def wrote(self) -> None:
        """Rows have been acknowledged: all those that Lite took in since the step began."""
        if self._mirror is None or self._snapshot is None or self._newest is None:
            return
        chunks = self._newest.chunks()
        if chunks is None:
            self._snapshot = None
        else:
            self._snapshot = self._snapshot.having(chunks)
            self._mirror.unread += sum(chunk.nbytes for chunk in chunks)

    def deleted(self, ids: Sequence[str]) -> None:
        """Rows of these ids are gone, acknowledged."""
        if self._snapshot is not None:
            self._snapshot = self._snapshot.without(ids)

    def publish(self) -> None:
        """Show the rows as they are now to whoever reads next."""
        if self._mirror is None:
            return
        if self._snapshot is None or self._mirror.unread > _UNREAD_BYTES:
            self._mirror.current = None
        else:
            self._mirror.current = (self._snapshot, lite_rows.written(self._mirror.collection))


class Mirrors:
    """All mirrors of a folder, for all stores that have it open."""

    def __init__(self, database: Any, writing: threading.RLock) -> None:
        self._database = database
        self._writing = writing
        self._mirrors: dict[str, _Mirror] = {}
        self._reads = itertools.count(1)

    def of(self, alias: str, most_bytes: int) -> Snapshot | None:
        """Return the rows behind an alias as they are, or ``None`` where Lite has to answer.

        That is so when the rows of all mirrors together would take more than ``most_bytes``,
        when a writer holds the folder for long and there is no snapshot, and when Lite is unlike
        what is known of it.
        """
        if most_bytes <= 0:
            return None
        try:
            return self._of(lite_rows.collection_behind(self._database, alias), most_bytes)
        except lite_rows.UnlikeLiteError as error:
            self._give_up(alias, error)
            return None

    def held(self, alias: str) -> Snapshot | None:
        """Return the rows behind an alias if they are here already, and as they are."""
        try:
            name = lite_rows.collection_behind(self._database, alias)
            mirror = self._mirrors.get(name)
            return None if mirror is None else self._readable(mirror, name)
        except lite_rows.UnlikeLiteError as error:
            self._give_up(alias, error)
            return None

    def fits(self, alias: str, most_bytes: int) -> bool:
        """Tell whether the rows behind an alias may be read here, without reading them."""
        try:
            return most_bytes > 0 and self._fits(
                lite_rows.collection_behind(self._database, alias), most_bytes
            )
        except lite_rows.UnlikeLiteError as error:
            self._give_up(alias, error)
            return False

    @contextmanager
    def step(self, alias: str) -> Iterator[Step]:
        """Follow a write to the collection behind an alias; for holders of the writing lock."""
        mirror, step = self._begun(alias)
        try:
            yield step
            step.publish()
        except BaseException:
            if mirror is not None:
                mirror.current = None
            raise
        finally:
            if mirror is not None:
                mirror.writing = False

    def forget(self, name: str) -> None:
        """Let go of a collection's rows; the next read takes them anew, where Lite has them now."""
        self._mirrors.pop(name, None)

    def _begun(self, alias: str) -> tuple[_Mirror | None, Step]:
        """Return the mirror that a write is going to change, if there is one, and its step."""
        mirror = None
        try:
            if self._mirrors:
                name = lite_rows.collection_behind(self._database, alias)
                mirror = self._mirrors.get(name)
            if mirror is None:
                return None, Step(None, None)
            snapshot = self._current(mirror, name)
            step = Step(mirror, snapshot)
            mirror.writing = snapshot is not None
            return mirror, step
        except lite_rows.UnlikeLiteError as error:
            self._give_up(alias, error)
            return mirror, Step(mirror, None)

    def _give_up(self, alias: str, error: Exception) -> None:
        _log.debug("no mirror of %s, Milvus Lite is unlike itself: %s", alias, error)
        self._mirrors.clear()

    def _of(self, name: str, most_bytes: int) -> Snapshot | None:
        mirror = self._mirrors.get(name)
        if mirror is not None:
            found = self._readable(mirror, name)
            if found is not None:
                return self._within(name, found, most_bytes)
        if not self._fits(name, most_bytes) or not self._writing.acquire(timeout=_WAIT_S):
            return None
        try:
            mirror = self._mirrors.get(name)
            found = None if mirror is None else self._current(mirror, name)
            if found is None:
                found = self._built(name)
        finally:
            self._writing.release()
        return None if found is None else self._within(name, found, most_bytes)

    def _fits(self, name: str, most_bytes: int) -> bool:
        collection = lite_rows.collection_in(self._database, name)
        if collection is None:
            return False
        fits = lite_rows.size_of(collection) <= most_bytes
        if not fits:
            _log.debug("no mirror of %s: it would take more than store.mirror_mb", name)
        return fits

    def _readable(self, mirror: _Mirror, name: str) -> Snapshot | None:
        """Return the snapshot if it is right, or was when a write of ours began that runs still."""
        seen = mirror.current
        if seen is None or lite_rows.collection_in(self._database, name) is not mirror.collection:
            return None
        mirror.unread = 0
        snapshot, seq = seen
        if mirror.writing or lite_rows.written(mirror.collection) == seq:
            return snapshot
        return None

    def _current(self, mirror: _Mirror, name: str) -> Snapshot | None:
        """Return the snapshot if it is right, for holders of the lock."""
        seen = mirror.current
        if seen is None or lite_rows.collection_in(self._database, name) is not mirror.collection:
            return None
        return seen[0] if lite_rows.written(mirror.collection) == seen[1] else None

    def _built(self, name: str) -> Snapshot | None:
        self.forget(name)
        collection = lite_rows.collection_in(self._database, name)
        if collection is None:
            return None
        seq = lite_rows.written(collection)
        snapshot = lite_rows.read(collection)
        if snapshot is not None:
            self._mirrors[name] = _Mirror(collection, snapshot, seq)
        return snapshot

    def _within(self, name: str, found: Snapshot, most_bytes: int) -> Snapshot | None:
        """Return the snapshot if there is room for it; mirrors read less lately make room."""
        mirror = self._mirrors.get(name)
        if mirror is not None:
            mirror.read = next(self._reads)
        room = most_bytes - found.nbytes
        if room < 0:
            self.forget(name)
            return None
        others = [(one.read, other) for other, one in list(self._mirrors.items()) if other != name]
        for _, other in sorted(others, reverse=True):
            seen = self._mirrors.get(other)
            if seen is not None and seen.current is not None:
                room -= seen.current[0].nbytes
                if room < 0:
                    self.forget(other)
        return found
