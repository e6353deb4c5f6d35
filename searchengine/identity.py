"""Canonical uris and the ids and hashes made of them."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes, urlsplit

from searchengine.errors import DecodeError

_MEANS_MORE = re.compile(r"[%?#;\x00-\x20]")
"""Characters of a ``file://`` uri for which it has to be taken apart."""
_ID_BYTES = 16
"""128 bits: at 10**9 items the chance of any collision is below 10**-20."""


def item_id(uri: str) -> str:
    """Return the key of the item at a canonical uri: 32 hex digits."""
    return hashlib.blake2b(uri.encode("ascii"), digest_size=_ID_BYTES).hexdigest()


def content_hash(data: bytes) -> str:
    """Return 32 hex digits that identify the bytes, whatever they are called."""
    return hashlib.blake2b(data, digest_size=_ID_BYTES).hexdigest()


def file_uri(path: str | os.PathLike[str]) -> str:
    """Return the ``file://`` uri (RFC 8089) of an absolute path.

    Pure ASCII whatever the name holds: spaces, newlines and bytes that are no
    UTF-8 are percent-encoded, so the uri is safe in a line, a filter and a log.
    Raises ``ValueError`` for a relative path.
    """
    return Path(path).as_uri()


def fragment_uri(uri: str, kind: str, value: str | int) -> str:
    """Return the uri of a part (``row``, ``paragraph``, ``page``, ``frame``) of an asset.

    The asset may be a part itself: ``x.tar#member=a.mp4&frame=3`` (as W3C's Media Fragments are).
    """
    return f"{uri}{'&' if '#' in uri else '#'}{kind}={quote(str(value), safe='')}"


def path_of(uri: str) -> Path | None:
    """Return the local path behind a ``file://`` uri (its fragment left out), else ``None``."""
    text = path_text(uri)
    return None if text is None else Path(text)


def path_text(uri: str) -> str | None:
    """Return what ``path_of`` does as text: hits are many, and a ``Path`` takes its time."""
    if uri[:5].lower() != "file:":
        return None
    if uri.startswith("file:///") and os.name != "nt" and not _MEANS_MORE.search(uri):
        return uri[len("file://") :]  # as most are
    path = os.fsdecode(unquote_to_bytes(urlsplit(uri).path))
    if os.name == "nt":  # file:///C:/x -> C:/x
        path = path.lstrip("/")
    return path


def display(uri: str) -> str:
    """Return what a person reads in one line: the path where there is one, else the uri.

    Control characters and undecodable bytes come out escaped.
    """
    path = path_of(uri)
    text = uri if path is None else str(path)
    fragment = urlsplit(uri).fragment
    if path is not None and fragment:
        text = f"{text}#{fragment}"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def canonical_url(text: str, *, login: bool = False) -> str:
    """Return an ``http(s)://`` address as the uri of its item: pure ASCII, without a fragment.

    Scheme and host in lower case, the host as it is asked for in DNS (IDNA),
    the default port left out, what is no ASCII percent-encoded; the path and
    the query stay as they are written (RFC 3986, 6.2.2). A user and a password
    stay out of it, unless ``login`` asks for an address to fetch. Raises
    ``DecodeError`` for what is no address.
    """
    try:
        parts = urlsplit(text.strip())
        host = (parts.hostname or "").encode("idna").decode("ascii") if parts.hostname else ""
        port = parts.port
    except ValueError as error:  # UnicodeError is one
        raise DecodeError(f"no address: {text[:200]!r} ({error})") from None
    if not parts.scheme or not host:
        raise DecodeError(f"no address: {text[:200]!r}")
    if ":" in host:
        host = f"[{host}]"
    if port is not None and port != {"http": 80, "https": 443}.get(parts.scheme):
        host += f":{port}"
    user, at, _ = parts.netloc.rpartition("@") if login else ("", "", "")
    path = _encoded(parts.path) or ("/" if parts.scheme in ("http", "https") else "")
    query = f"?{_encoded(parts.query)}" if parts.query else ""
    return f"{parts.scheme}://{_encoded(user)}{at}{host}{path}{query}"


def object_uri(url: str) -> str:
    """Return the uri of an object in a store that names it by scheme, bucket and key.

    A key is any text (``%`` and ``?`` mean themselves), so all of it is percent-encoded.
    """
    scheme, _, rest = url.partition("://")
    return f"{scheme.lower()}://{quote(rest, safe='/')}"


def _encoded(text: str) -> str:
    """Percent-encode what no uri may hold, and nothing that is encoded already."""
    return quote(text, safe="!$%&'()*+,/:;=?@-._~[]|")
