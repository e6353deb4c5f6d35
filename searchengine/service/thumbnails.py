"""Small pictures of indexed items, made when they are first asked for and kept on disk."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from searchengine.apart import Decoders

SIZES = (64, 128, 256, 384, 512, 1024)
"""Pixels of the box that a thumbnail fits into."""
_QUALITY = 82
_VERSION = 1
"""Of how they are made: another one finds none of the old."""


def draw_thumbnail(decoders: Decoders, data: bytes, size: int) -> bytes:
    """Return a picture as a JPEG within ``size`` x ``size`` pixels, upright, never enlarged.

    Raises ``DecodeError`` and ``LimitError``.
    """
    out = io.BytesIO()
    picture = decoders.picture(data, within=(size, size))
    picture.save(out, "JPEG", quality=_QUALITY, progressive=True)
    return out.getvalue()


def thumbnail_key(content: str, size: int) -> str:
    """Return what the thumbnail of a content is kept under, and known by to its askers."""
    said = f"{_VERSION}|{size}|{content}"
    return hashlib.blake2b(said.encode("utf-8", "replace"), digest_size=16).hexdigest()


class Thumbnails:
    """Thumbnails by key in a folder; those asked for longest ago go when there are too many bytes.

    The folder may be emptied at any time. Safe to use from many threads.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        """Keep at most so many bytes."""
        self._folder = folder
        self._most = most_bytes
        self._lock = threading.Lock()
        self._sizes: OrderedDict[str, int] | None = None
        """Bytes by key, those asked for last at the end; ``None`` before the folder was read."""
        self._total = 0

    @property
    def total(self) -> int:
        """Bytes that are kept."""
        with self._lock:
            self._known()
            return self._total

    def find(self, key: str) -> bytes | None:
        """Return a thumbnail that is kept."""
        with self._lock:
            sizes = self._known()
            if key not in sizes:
                return None
            sizes.move_to_end(key)
        try:
            path = self._path(key)
            data = path.read_bytes()
            os.utime(path)  # so that the next process knows what was asked for last
        except OSError:
            with self._lock:
                self._forget(key)
            return None
        return data

    def keep(self, key: str, data: bytes) -> None:
        """Keep a thumbnail. Where there is no room on the disk, it is made again next time."""
        if len(data) > self._most:
            return
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            half = path.with_suffix(f".{threading.get_ident()}")
            half.write_bytes(data)
            half.replace(path)
        except OSError:
            return
        with self._lock:
            sizes = self._known()
            self._forget(key)
            sizes[key] = len(data)
            self._total += len(data)
            gone = []
            while self._total > self._most:
                oldest = next(iter(sizes))
                self._forget(oldest)
                gone.append(oldest)
        for old in gone:
            with contextlib.suppress(OSError):
                self._path(old).unlink()

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.jpg"

    def _forget(self, key: str) -> None:
        assert self._sizes is not None
        self._total -= self._sizes.pop(key, 0)

    def _known(self) -> OrderedDict[str, int]:
        """Return what is in the folder, read once."""
        if self._sizes is None:
            found = []
            for path in self._folder.glob("??/*.jpg"):
                with contextlib.suppress(OSError):
                    status = path.stat()
                    found.append((status.st_mtime_ns, path.stem, status.st_size))
            self._sizes = OrderedDict((key, size) for _, key, size in sorted(found))
            self._total = sum(self._sizes.values())
        return self._sizes
