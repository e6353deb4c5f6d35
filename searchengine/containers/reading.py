"""The picture behind an indexed item, be it a file of its own or a part of one."""

from __future__ import annotations

import stat
import tarfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import unquote, urlsplit

from searchengine.containers.contract import BrokenPart, Limits
from searchengine.errors import DecodeError, LimitError, NotFoundError, ReadError, UnsupportedError
from searchengine.identity import path_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import IO, BinaryIO

    from searchengine.containers.contract import Part

_MAX_BYTES = 1 << 30
_MAX_PIXELS = 178_956_970
_MOST_SECONDS = 1e7


class TakesApart(Protocol):
    """Opens films and PDFs."""

    def frame(self, file: BinaryIO, seconds: float, limits: Limits) -> bytes:
        """Return the key frame of a film at that time, as a JPEG."""

    def pages(self, file: BinaryIO, numbers: Sequence[int]) -> Iterable[Part | BrokenPart]:
        """Yield pages of a PDF."""


def place_of(uri: str, meta: Mapping[str, Any]) -> str:
    """Return the uri of an indexed image with all in it that it takes to find its picture.

    A frame's time joins its number: ``#frame=3&t=12.5`` (as in W3C Media Fragments).
    """
    timed = "frame" in _fields(uri) and isinstance(meta.get("t"), int | float)
    return f"{uri}&t={meta['t']}" if timed else uri


def picture_bytes(
    uri: str,
    meta: Mapping[str, Any] | None = None,
    *,
    max_bytes: int = _MAX_BYTES,
    max_pixels: int = _MAX_PIXELS,
    decoders: TakesApart | None = None,
) -> bytes:
    """Return the bytes of the picture of an indexed image: its file's, its member's of a tar, or a
    JPEG of its part of a film or a PDF (be that a member of a tar).

    ``meta`` is the item's: the frame of a film is found by the time in it (``uri`` may also be a
    ``place_of``). Films and PDFs are opened here, or by ``decoders`` (``apart.Decoders``) in a
    process that may be killed.

    Raises ``NotFoundError`` for what is no file of this machine or is gone, ``ReadError``,
    ``LimitError``, ``DecodeError`` for a part that is no longer there, and ``UnsupportedError``
    for a picture that stands in a table or a compressed tar, which are not searched for one.
    """
    path = path_of(uri)
    if path is None:
        raise NotFoundError(f"{uri} is no file of this machine")
    fields = _fields(uri)
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever
            raise ReadError(f"not a regular file: {path}")
        if not fields:
            return _whole(path, max_bytes)
        seconds = _seconds(fields.get("t"), meta or {})
        parts = _Parts(seconds, Limits(max_pixels=max_pixels), decoders or _Here())
        with path.open("rb") as file:
            if "member" not in fields:
                return parts.read(file, fields)
            with _member(file, fields.pop("member")) as member:
                if not fields:
                    return _bounded(member, str(path), max_bytes)
                return parts.read(member, fields)
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


@contextmanager
def _member(file: BinaryIO, name: str) -> Iterator[BinaryIO]:
    """Open a tar's member. A compressed tar would have to be unpacked for it."""
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            member = tar.extractfile(name)
            if member is None:
                raise ReadError(f"{name} is no file in the tar")
            with member:
                yield cast("BinaryIO", member)
    except KeyError:
        raise DecodeError(f"{name} is not in the tar any more") from None
    except tarfile.TarError:
        raise UnsupportedError(f"{name} is in a tar that cannot be read in any order") from None


@dataclass(frozen=True, slots=True)
class _Parts:
    """How the part of a film or a PDF is found."""

    seconds: float | None
    limits: Limits
    decoders: TakesApart

    def read(self, file: BinaryIO, fields: Mapping[str, str]) -> bytes:
        """Return a part as a JPEG."""
        if "frame" in fields and self.seconds is not None:
            return self.decoders.frame(file, self.seconds, self.limits)
        if (number := fields.get("page", "")).isdecimal():
            (page,) = self.decoders.pages(file, [int(number)])
            if isinstance(page, BrokenPart):
                raise page.error
            return page.jpeg
        named = "&".join(f"{kind}={value}" for kind, value in fields.items())
        raise UnsupportedError(f"no picture can be taken out of the file for {named}")


class _Here:
    """Opens films and PDFs in this process."""

    def frame(self, file: BinaryIO, seconds: float, limits: Limits) -> bytes:
        from searchengine.containers.video import read_frame

        return read_frame(file, seconds, limits)

    def pages(self, file: BinaryIO, numbers: Sequence[int]) -> Iterable[Part | BrokenPart]:
        from searchengine.containers.pdf import read_pages

        return read_pages(file, numbers)


def _fields(uri: str) -> dict[str, str]:
    """Return what the fragment of a uri says: ``#member=a.pdf&page=3``."""
    said = urlsplit(uri).fragment
    pairs = (field.partition("=") for field in said.split("&") if field)
    return {kind: unquote(value) for kind, _, value in pairs}


def _seconds(written: str | None, meta: Mapping[str, Any]) -> float | None:
    """Return the time of a frame, ``None`` where neither its place nor its item says it."""
    try:
        seconds = float(written or meta.get("t", "nan"))
    except (TypeError, ValueError):
        return None
    return seconds if 0 <= seconds < _MOST_SECONDS else None
