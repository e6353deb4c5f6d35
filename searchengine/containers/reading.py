"""The picture behind an indexed item, be it a file of its own or a part of one."""

from __future__ import annotations

import stat
import tarfile
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from searchengine.containers.contract import Limits
from searchengine.errors import DecodeError, LimitError, NotFoundError, ReadError, UnsupportedError
from searchengine.identity import path_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import IO, BinaryIO

_MAX_BYTES = 1 << 30
_MAX_PIXELS = 178_956_970
_MOST_SECONDS = 1e7


def place_of(uri: str, meta: Mapping[str, Any]) -> str:
    """Return the uri of an indexed image with all in it that it takes to find its picture.

    A frame's time joins its number: ``#frame=3&t=12.5`` (as in W3C Media Fragments).
    """
    timed = "#frame=" in uri and isinstance(meta.get("t"), int | float)
    return f"{uri}&t={meta['t']}" if timed else uri


def picture_bytes(
    uri: str,
    meta: Mapping[str, Any] | None = None,
    *,
    max_bytes: int = _MAX_BYTES,
    max_pixels: int = _MAX_PIXELS,
) -> bytes:
    """Return the bytes of the picture of an indexed image: its file's, its member's of a tar, or a
    JPEG of its part of a film or a PDF.

    ``meta`` is the item's: the frame of a film is found by the time in it (``uri`` may also be a
    ``place_of``).

    Raises ``NotFoundError`` for what is no file of this machine or is gone, ``ReadError``,
    ``LimitError``, ``DecodeError`` for a part that is no longer there, and ``UnsupportedError``
    for a picture that stands in a table or a compressed tar, which are not searched for one.
    """
    path = path_of(uri)
    if path is None:
        raise NotFoundError(f"{uri} is no file of this machine")
    kind, _, number = urlsplit(uri).fragment.partition("=")
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever
            raise ReadError(f"not a regular file: {path}")
        if not kind:
            return _whole(path, max_bytes)
        with path.open("rb") as file:
            if kind == "member":
                return _member(file, unquote(number), max_bytes)
            return _part(file, kind, number, meta or {}, Limits(max_pixels=max_pixels))
    except FileNotFoundError:
        raise NotFoundError(f"the file is gone: {path}") from None
    except OSError as error:
        raise ReadError(f"cannot read {path}: {error.strerror or error}") from error


def _whole(path: Path, max_bytes: int) -> bytes:
    with path.open("rb") as file:
        return _bounded(file, str(path), max_bytes)


def _bounded(file: IO[bytes], name: str, max_bytes: int) -> bytes:
    data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise LimitError(f"{name} is larger than {max_bytes:,} bytes (setting ingest.max_bytes)")
    return data


def _member(file: BinaryIO, name: str, max_bytes: int) -> bytes:
    """Return the bytes of a tar's member. A compressed tar would have to be unpacked for it."""
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            member = tar.extractfile(name)
            if member is None:
                raise ReadError(f"{name} is no file in the tar")
            return _bounded(member, name, max_bytes)
    except KeyError:
        raise DecodeError(f"{name} is not in the tar any more") from None
    except tarfile.TarError:
        raise UnsupportedError(f"{name} is in a tar that cannot be read in any order") from None


def _part(file: BinaryIO, kind: str, number: str, meta: Mapping[str, Any], limits: Limits) -> bytes:
    if kind == "frame" and (at := _seconds(number, meta)) is not None:
        from searchengine.containers.video import read_frame

        return read_frame(file, at, limits)
    if kind == "page" and number.isdecimal():
        from searchengine.containers.contract import BrokenPart
        from searchengine.containers.pdf import read_pages

        for page in read_pages(file, [int(number)]):
            if isinstance(page, BrokenPart):
                raise page.error
            return page.jpeg
    raise UnsupportedError(f"no picture can be taken out of the file for {kind}={number}")


def _seconds(number: str, meta: Mapping[str, Any]) -> float | None:
    """Return the time of a frame, ``None`` where neither its place nor its item says it."""
    _, _, written = number.partition("&t=")
    try:
        seconds = float(written or meta.get("t", "nan"))
    except (TypeError, ValueError):
        return None
    return seconds if 0 <= seconds < _MOST_SECONDS else None
