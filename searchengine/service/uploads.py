"""Pictures that were sent to be indexed, kept as files: their originals."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from searchengine.decode import picture_type
from searchengine.errors import DiskFullError, ReadError
from searchengine.identity import content_hash, file_uri, path_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_SUFFIXES = {
    "image/avif": ".avif",
    "image/bmp": ".bmp",
    "image/gif": ".gif",
    "image/heic": ".heic",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/tiff": ".tif",
    "image/webp": ".webp",
}


class Uploads:
    """A folder of files that are called by their content, a folder a corpus in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def path(self, corpus: str, data: bytes) -> Path:
        """Return where a picture is kept, or would be. Raises ``DecodeError`` for what is none."""
        name = content_hash(data)
        suffix = _SUFFIXES.get(picture_type(data), ".raw")
        # Whatever a corpus is called, it is one folder's name, and never one that leads elsewhere.
        readable = re.sub(r"[^A-Za-z0-9]+", "-", corpus)[:48]
        place = f"{readable}-{content_hash(corpus.encode())[:16]}"
        return self._folder / place / name[:2] / f"{name}{suffix}"

    def keep(self, path: Path, data: bytes) -> int:
        """Write a picture to its place; return its time in nanoseconds since the epoch.

        Whoever reads meanwhile finds it whole or not at all. Raises ``DiskFullError``,
        ``ReadError``.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                half = path.with_name(f".{secrets.token_hex(8)}")
                with half.open("xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                half.replace(path)
            return path.stat().st_mtime_ns
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise DiskFullError("no space left for uploads", hint="free some") from None
            raise ReadError(f"the picture cannot be kept: {error.strerror or error}") from None

    def uri(self, path: Path) -> str:
        """Return the uri of the item that a kept picture is."""
        return file_uri(path)

    def forget(self, uris: Iterable[str]) -> None:
        """Delete those of the files that are kept here; others are never touched."""
        for uri in uris:
            path = path_of(uri)
            if path is None or "#" in uri or self._folder not in path.parents:
                continue
            if ".." in path.parts:
                continue
            with contextlib.suppress(OSError):
                path.unlink()
