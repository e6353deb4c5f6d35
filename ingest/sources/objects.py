"""Files behind fsspec: an object store, or anything else it has a name for."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ingest.sources.reading import check_size, describe
from searchengine.errors import ItemError, NotFoundError, ReadError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_HERE = frozenset({"memory"})
"""Schemes that lead to no network."""
_EXTRAS = {"s3": "pip install 'crossmodal-searchengine[s3]'", "s3a": "use s3://"}
_EXTRAS |= {"gs": "pip install gcsfs", "gcs": "pip install gcsfs"}
_EXTRAS |= {"az": "pip install adlfs", "abfs": "pip install adlfs"}
_CHUNK = 1 << 20


def scheme_of(text: str) -> str:
    """Return the scheme of an address in lower case; empty for a path and for ``file://``."""
    found = _SCHEME.match(text)
    scheme = found[1].lower() if found else ""
    return "" if scheme == "file" else scheme


def needs_net(scheme: str) -> bool:
    """Whether a scheme leads out of this machine."""
    return scheme not in _HERE


def open_filesystem(url: str) -> tuple[Any, str]:
    """Return fsspec's file system for an address, and the path in it.

    Credentials and endpoints are the store's own (``AWS_*``, ``FSSPEC_S3_*``, ...).
    Raises ``UnsupportedError`` for a scheme that is unknown or needs a package.
    """
    from fsspec.core import url_to_fs

    scheme = scheme_of(url)
    try:
        fs, path = url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        hint = _EXTRAS.get(scheme, "install what fsspec needs for it")
        raise UnsupportedError(
            f"{scheme}:// needs a package that is not here", hint=hint
        ) from error
    except ValueError as error:
        raise UnsupportedError(
            f"{scheme}:// is nothing that can be read: {' '.join(str(error).split())[:200]}",
            hint="known: s3, gs, az, http, https, and what else fsspec knows",
        ) from error
    return fs, str(path)


def info_of(fs: Any, path: str) -> dict[str, Any]:
    """Return what a file system says of a path. Raises ``NotFoundError``, ``ReadError``."""
    try:
        return dict(fs.info(path))
    except FileNotFoundError:
        raise NotFoundError(f"there is no {fs.unstrip_protocol(path)}") from None
    except Exception as error:  # each file system has errors of its own
        raise trouble(error) from error


def token_of(info: Mapping[str, Any]) -> str:
    """Return what changes when an object does: its size, and its ETag, checksum or time."""
    for name in ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified"):
        if info.get(name):
            return f"{info.get('size') or 0}-{_plain(info[name])}"
    for name in ("mtime", "updated", "created"):
        if info.get(name):
            return f"{info.get('size') or 0}-{_plain(info[name])}"
    return str(info.get("size") or 0)


def time_of(info: Mapping[str, Any]) -> int:
    """Return when an object was changed, in nanoseconds since the epoch; 0 if nobody says."""
    for name in ("LastModified", "last_modified", "mtime", "updated", "created"):
        value = info.get(name)
        with suppress(ValueError, TypeError, OverflowError):
            if isinstance(value, str):
                value = datetime.fromisoformat(value.replace("Z", "+00:00"))
            if isinstance(value, datetime):
                return int(value.timestamp()) * 1_000_000_000
            if isinstance(value, int | float):
                return int(value * 1_000_000_000)
    return 0


def _plain(value: Any) -> str:
    return re.sub(r"[^0-9A-Za-z.:+-]", "", str(getattr(value, "isoformat", lambda: value)()))


def read_object(fs: Any, path: str, size: int | None, max_bytes: int) -> bytes:
    """Return the bytes of an object. Raises ``ReadError``, or ``LimitError`` before it is read."""
    try:
        check_size(size if size is not None else int(fs.info(path).get("size") or 0), max_bytes)
        data = fs.cat_file(path)
    except ItemError:
        raise
    except Exception as error:
        raise trouble(error) from error
    check_size(len(data), max_bytes)
    return bytes(data)


def copy_object(fs: Any, path: str, out: BinaryIO) -> None:
    """Write an object into an open file. Raises ``ReadError``."""
    try:
        with fs.open(path, "rb", cache_type="readahead", block_size=8 << 20) as stream:
            while chunk := stream.read(_CHUNK):
                out.write(chunk)
    except Exception as error:
        raise trouble(error) from error


def trouble(error: Exception) -> ReadError:
    """Return the error of a file system in our own words."""
    if "Credentials" in type(error).__name__:
        return ReadError(
            "cannot read: no credentials for this store",
            hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or FSSPEC_S3_ANON=true",
        )
    return ReadError(" ".join(describe(error).split())[:300])
