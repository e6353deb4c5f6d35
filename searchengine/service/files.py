"""The file behind an indexed item, opened only while it is the file that was indexed.

A request names an item, never a path. What is opened is the path of the item's row, and what is
sent is what was found there then: size and time are compared on the open file, and where they
differ its content is. A link that has since been laid to another file, or another file in its
place, is refused. With ``service.originals_under`` the real path, all links followed, must lie
under one of those folders.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from searchengine.containers.reading import picture_bytes
from searchengine.errors import (
    DecodeError,
    LimitError,
    NotFoundError,
    ReadError,
    UnsupportedError,
)
from searchengine.identity import content_hash, path_of
from searchengine.present.names import file_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from searchengine.apart import Decoders
    from searchengine.records import Item
    from searchengine.service.ranges import Span

_CHUNK = 1 << 18
_PART = re.compile(r"[#&](frame|page)=")
_OF_FILE = re.compile(r"#(frame|page)=")
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_CHANGED = "index it again, or put the old file back"


@dataclass(frozen=True)
class Opened:
    """Something to be sent: a file, or bytes that were taken out of one."""

    source: BinaryIO | bytes
    size: int
    """Bytes."""
    etag: str
    mime: str
    """From the content, as it was when it was indexed."""
    name: str
    """What a person may save it as."""

    def chunks(self, span: Span) -> Iterator[bytes]:
        """Yield a part of it, and close it."""
        if isinstance(self.source, bytes):
            yield self.source[span.start : span.end]
            return
        with self.source as file:
            file.seek(span.start)
            left = span.end - span.start
            while left and (data := file.read(min(_CHUNK, left))):
                left -= len(data)
                yield data

    def close(self) -> None:
        """Let go of it without sending it."""
        if not isinstance(self.source, bytes):
            self.source.close()


@dataclass(frozen=True)
class Reach:
    """What may be opened, and by whom."""

    under: Sequence[Path]
    """Only what lies below one of these folders; none: wherever it was indexed."""
    max_bytes: int
    decoders: Decoders


def open_original(item: Item, reach: Reach) -> Opened:
    """Return the picture of an item (of a film's or a PDF's part the part alone), or its text.

    Raises ``NotFoundError`` where it cannot be had any more.
    """
    if item.modality == "text":
        said = (item.caption or "").encode()
        etag = f'"{item.content_hash}"'
        return Opened(said, len(said), etag, "text/plain; charset=utf-8", f"{item.id}.txt")
    if "#" not in item.uri:
        return open_file(item, reach)
    data = read_picture(item, reach)
    is_part = _PART.search(item.uri) is not None
    mime = "image/jpeg" if is_part else item.mime
    name = f"{Path(file_name(item.uri)).stem or 'part'}.jpg" if is_part else file_name(item.uri)
    return Opened(data, len(data), f'"{content_hash(data)}"', mime, name)


def open_file(item: Item, reach: Reach) -> Opened:
    """Return the whole file that an item is, or is a part of. Raises ``NotFoundError``."""
    path = _path(item)
    if "#" in item.uri and not _OF_FILE.search(item.uri):
        raise NotFoundError("the picture lies in a file of many, which is not sent")
    file, status = _open(path, reach.under)
    try:
        if not _is_indexed(item, file, status, reach.max_bytes):
            raise NotFoundError(f"{path.name} has changed since it was indexed", hint=_CHANGED)
    except BaseException:
        file.close()
        raise
    etag = f'"{status.st_size:x}-{status.st_mtime_ns:x}"'
    if "#" not in item.uri:
        etag = f'"{item.content_hash}"'
    return Opened(file, status.st_size, etag, item.mime, path.name)


def read_picture(item: Item, reach: Reach) -> bytes:
    """Return the bytes of an item's picture. Raises ``NotFoundError``."""
    if "#" not in item.uri:
        opened = open_file(item, reach)
        assert not isinstance(opened.source, bytes)
        with opened.source as file:
            return _bounded(file, opened.size, reach.max_bytes)
    path = _path(item)
    file, status = _open(path, reach.under)
    file.close()
    try:
        data = picture_bytes(
            item.uri, item.meta, max_bytes=reach.max_bytes, decoders=reach.decoders
        )
    except (UnsupportedError, DecodeError, ReadError) as error:
        raise NotFoundError(f"the picture cannot be had: {error}", hint=error.hint) from None
    # A part has its file's time; what was drawn anew may differ in a bit from what was indexed.
    if status.st_mtime_ns != item.mtime_ns and content_hash(data) != item.content_hash:
        raise NotFoundError(f"{path.name} has changed since it was indexed", hint=_CHANGED)
    return data


def _path(item: Item) -> Path:
    path = path_of(item.uri)
    if path is None:
        raise NotFoundError(
            f"{file_name(item.uri)} is no file of the service's machine",
            hint="its uri says where it is",
        )
    return path


def _open(path: Path, under: Sequence[Path]) -> tuple[BinaryIO, os.stat_result]:
    """Open a regular file; a pipe in its place would otherwise be waited for."""
    try:
        real = path.resolve(strict=True)
        if under and not any(real.is_relative_to(folder.resolve()) for folder in under):
            raise NotFoundError(
                f"{path.name} is not among what may be shown",
                hint="setting service.originals_under",
            )
        number = os.open(real, os.O_RDONLY | _NONBLOCK | _NOFOLLOW | _BINARY)
        file = os.fdopen(number, "rb")
        status = os.fstat(number)
    except (OSError, RuntimeError, ValueError):
        raise NotFoundError(f"the file {path.name} is gone, or cannot be read") from None
    if not stat.S_ISREG(status.st_mode):
        file.close()
        raise NotFoundError(f"{path.name} is no file any more")
    return file, status


def _is_indexed(item: Item, file: BinaryIO, status: os.stat_result, max_bytes: int) -> bool:
    if status.st_mtime_ns == item.mtime_ns and ("#" in item.uri or status.st_size == item.size):
        return True
    if "#" in item.uri or status.st_size != item.size:
        return False
    same = content_hash(_bounded(file, status.st_size, max_bytes)) == item.content_hash
    file.seek(0)
    return same


def _bounded(file: BinaryIO, size: int, max_bytes: int) -> bytes:
    if size > max_bytes:
        raise LimitError(f"the file has {size:,} bytes: {max_bytes:,} is the limit")
    return file.read(max_bytes)
