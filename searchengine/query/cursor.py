"""Where one page ended, as text that a caller gives back for the next one."""

from __future__ import annotations

import binascii
import hashlib
import math
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

from searchengine.errors import QueryError

_VERSION = 1
_HEAD = struct.Struct(">B8sQd")
"""Version, print of the question, hits given, score of the last."""
_CHECK_BYTES = 8
_MAX_ID_BYTES = 256
_MAX_TEXT = 4 * ((_HEAD.size + _MAX_ID_BYTES + _CHECK_BYTES) // 3 + 1)
_AGAIN = "ask the question again without a cursor"


@dataclass(frozen=True, slots=True)
class Position:
    """What had been given when a page ended."""

    given: int
    """How many hits, all pages together."""
    last_id: str
    """The last of them; empty where none was given."""
    last_score: float
    """What the last of them was ordered by."""


def encode_cursor(digest: str, given: int, last_id: str, last_score: float) -> str:
    """Return a position in the answer to a question as opaque ASCII text, safe in a URL.

    ``digest`` names the question: everything but the page asked for. Nothing is kept on this side,
    so a cursor outlives the process; it is no secret and no signature, only checked for damage.
    Raises ``ValueError`` for a position that cannot be one.
    """
    name = last_id.encode()
    if not 0 <= given < 2**64 or not math.isfinite(last_score) or len(name) > _MAX_ID_BYTES:
        raise ValueError(f"no position in an answer: {given}, {last_id!r}, {last_score}")
    body = _HEAD.pack(_VERSION, _print(digest), given, last_score) + name
    return urlsafe_b64encode(body + _check(body)).rstrip(b"=").decode("ascii")


def decode_cursor(text: str, digest: str) -> Position:
    """Return the position that ``encode_cursor`` wrote for the same question.

    Raises ``QueryError`` for text that is no cursor or no whole one, for a cursor of another
    version, and for one that belongs to another question.
    """
    body = _opened(text.strip() if len(text) <= 2 * _MAX_TEXT else text)
    if body[0] != _VERSION:
        raise QueryError(
            f"the cursor is of version {body[0]}, this search engine reads version {_VERSION}",
            hint=_AGAIN,
        )
    _, question, given, score = _HEAD.unpack_from(body)
    if question != _print(digest):
        raise QueryError(
            "the cursor belongs to another question",
            hint="a cursor goes on with the very question it came from: the same words, filter, "
            f"sorting and corpus; {_AGAIN} if that has changed",
        )
    return Position(given, body[_HEAD.size :].decode(), score)


def _opened(text: str) -> bytes:
    """Return the bytes behind the text, found whole."""
    broken = QueryError(
        "that is no cursor, or not a whole one",
        hint=f"give it back as it stood in the last answer, or {_AGAIN}",
    )
    if len(text) > _MAX_TEXT or not text.isascii():
        raise broken
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise broken from None
    body, check = data[:-_CHECK_BYTES], data[-_CHECK_BYTES:]
    # Decoding passes over characters that are no base64 and over spare bits: the text must be
    # the very one that was written.
    written = urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
    if len(body) < 1 or check != _check(body) or written != text:
        raise broken
    if body[0] == _VERSION and not _is_whole(body):
        raise broken
    return body


def _is_whole(body: bytes) -> bool:
    if len(body) < _HEAD.size or not math.isfinite(_HEAD.unpack_from(body)[3]):
        return False
    try:
        body[_HEAD.size :].decode()
    except UnicodeDecodeError:
        return False
    return True


def _print(digest: str) -> bytes:
    return hashlib.blake2b(digest.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _check(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_CHECK_BYTES, person=b"cursor").digest()
