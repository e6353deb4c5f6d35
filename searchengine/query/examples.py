"""What a person types to show an example, turned into a term of a query."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from searchengine.containers.reading import picture_bytes
from searchengine.errors import (
    ItemError,
    LimitError,
    NotFoundError,
    QueryError,
    ReadError,
    UnsupportedError,
    UsageError,
)
from searchengine.identity import file_uri
from searchengine.query.keys import part_of, resolve_id
from searchengine.query.terms import Known, Picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from searchengine.fetching import Limits

_ID = re.compile(r"[0-9a-f]{32}")


def looks_like_example(text: str) -> bool:
    """Return whether a query is written as a picture rather than as words.

    ``./x.jpg``, ``../x.jpg``, ``/x.jpg``, ``~/x.jpg``, ``@-``, ``id:...`` and URLs are;
    a bare ``x.jpg`` is a word like any other.
    """
    return text == "@-" or bool(re.match(r"id:|https?://|\.{0,2}[/\\]|~[/\\]|[A-Za-z]:\\", text))


def is_url(text: str) -> bool:
    """Whether a picture is named by an address of the web."""
    return re.match(r"https?://", text, re.IGNORECASE) is not None


def read_id(text: str) -> str:
    """Return the id in ``id:...``. Raises ``QueryError`` for one that is none."""
    key = text.removeprefix("id:").strip().lower()
    if not _ID.fullmatch(key):
        raise QueryError(
            f"{text[:80]!r} is no item id", hint="an id is 32 hex digits, as search results show it"
        )
    return key


def read_example(
    text: str,
    *,
    allow_net: bool = False,
    max_bytes: int = 1 << 30,
    limits: Limits | None = None,
    stdin: BinaryIO | None = None,
) -> Picture | Known:
    """Return the term that ``id:...``, ``@-`` (standard input), a URL or a path stands for.

    ``limits`` are a URL's (private addresses are refused unless they allow them).
    Raises ``NotFoundError`` for a path that is not there, ``UsageError`` for a
    URL without ``allow_net``, ``LimitError`` for more than ``max_bytes``.
    """
    if text.startswith("id:"):
        return Known(read_id(text))
    if text == "@-":
        stream = stdin if stdin is not None else sys.stdin.buffer
        return Picture(_read_bounded(stream, max_bytes, "standard input"), "standard input")
    if is_url(text):
        if not allow_net:
            raise UsageError(
                f"{text} is on the network, which is off by default",
                hint="add --allow-net to fetch it",
            )
        return Picture(_fetch(text, limits), text)
    if (part := part_of(text)) is not None and part[0].is_file():
        return _read_part(*part, max_bytes)
    path = Path(text).expanduser()
    if not path.exists():
        raise NotFoundError(
            f"no such file: {path}", hint="give a picture's path, @- for standard input, or id:ID"
        )
    if not path.is_file():
        raise UsageError(f"{path} is not a regular file", hint="give a picture's path")
    try:
        with path.open("rb") as stream:
            return Picture(_read_bounded(stream, max_bytes, str(path)), str(path))
    except OSError as error:
        raise ReadError(f"cannot read {path}: {error.strerror}") from None


def _read_part(path: Path, fragment: str, max_bytes: int) -> Picture:
    """Return a page of a PDF or a member of a tar; a frame has to be indexed to be known."""
    uri = f"{file_uri(path.resolve())}#{fragment}"
    try:
        return Picture(picture_bytes(uri, max_bytes=max_bytes), f"{path}#{fragment}")
    except UnsupportedError:
        raise NotFoundError(
            f"{path}#{fragment} is not in the index as the file is now",
            hint=f"searchengine index {path}",
        ) from None


def indexed_twin(text: str, stored: Callable[[str], tuple[int, int] | None]) -> Known | None:
    """Return the indexed item at a path if the file has not changed since, else ``None``.

    ``stored(id)`` gives an indexed item's (size, mtime_ns). An unchanged file
    needs neither decoding nor a model: its vector is in the database. Nor does
    an address that is indexed need the network: what it held then is meant.
    """
    try:
        if is_url(text):
            key = resolve_id(text)
            return None if stored(key) is None else Known(key)
        part = part_of(text)
        path = Path(text).expanduser() if part is None else part[0]
        stat = path.stat()
        key = resolve_id(text)
    except (OSError, ValueError, ItemError):
        return None
    known = stored(key)
    if part is not None:  # of a page or a frame, it is the file's time that tells
        return Known(key) if known is not None and known[1] == stat.st_mtime_ns else None
    return Known(key) if known == (stat.st_size, stat.st_mtime_ns) else None


def _read_bounded(stream: BinaryIO, max_bytes: int, origin: str) -> bytes:
    data = stream.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise LimitError(f"{origin} is larger than {max_bytes:,} bytes (setting ingest.max_bytes)")
    return data


def _fetch(url: str, limits: Limits | None) -> bytes:
    from searchengine.fetching import Fetcher, Limits

    try:
        return Fetcher(limits or Limits()).fetch(url)
    except ItemError as error:
        raise type(error)(f"{url}: {error}", hint=error.hint) from None
