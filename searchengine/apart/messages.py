"""What goes to and fro between a worker and who asks it.

The way there is pickled: the asker is trusted. The way back is not, for the worker may be in the
hands of the file it was given: JSON, with bytes and pixels beside it, out of which nothing but
values can be made, and no more of them than the asker has room for.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

_HEADER = struct.Struct("!BIQ")
"""Kind, bytes of JSON, bytes of what lies beside it."""
_TAG = "~"

CALL, DATA, FAILED = 1, 2, 3
"""To a worker: do this; here is what you wanted to read; it cannot be read."""
READY, ANSWER, PART, ERROR, READ = 16, 17, 18, 19, 20
"""From a worker: it has started; all is done; something is; it cannot be done; what comes next in
the file?"""


class Message(NamedTuple):
    """One message, as it arrived."""

    kind: int
    value: Any


class GarbledError(Exception):
    """What arrived is no message, or larger than it may be."""


def pack(kind: int, value: Any) -> list[bytes | memoryview]:
    """Return a message in pieces to be sent one after the other.

    ``value`` consists of ``None``, booleans, numbers, strings, bytes, uint8 arrays, and of lists,
    tuples (which arrive as lists) and dictionaries of these with strings for keys.
    """
    blobs: list[bytes | memoryview] = []
    text = json.dumps(_plain(value, blobs), separators=(",", ":")).encode()
    lengths = [len(blob) for blob in blobs]
    sizes = struct.pack(f"!I{len(lengths)}Q", len(lengths), *lengths)
    return [_HEADER.pack(kind, len(text), len(sizes) + sum(lengths)), text, sizes, *blobs]


def receive(fill: Callable[[memoryview], None], limit: int) -> Message:
    """Return the next message; ``fill`` fills a buffer with what comes next.

    Raises ``GarbledError`` for more than ``limit`` bytes and for anything that is no message.
    """
    header = bytearray(_HEADER.size)
    fill(memoryview(header))
    kind, text_size, rest_size = _HEADER.unpack(header)
    if text_size + rest_size > limit:
        raise GarbledError(f"an answer of {text_size + rest_size:,} bytes")
    body = bytearray(text_size + rest_size)
    fill(memoryview(body))
    rest = memoryview(body)[text_size:]
    try:
        (count,) = struct.unpack_from("!I", rest)
        lengths = struct.unpack_from(f"!{count}Q", rest, 4)
        blobs, at = [], 4 + 8 * count
        for length in lengths:
            if at + length > len(rest):
                raise GarbledError("an answer that breaks off")
            blobs.append(rest[at : at + length])
            at += length
        return Message(kind, _restored(json.loads(bytes(body[:text_size])), blobs))
    except (
        struct.error,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        RecursionError,
    ) as error:
        raise GarbledError("an answer that is none") from error


def _plain(value: Any, blobs: list[bytes | memoryview]) -> Any:
    if isinstance(value, dict):
        return {_TAG: "map", "of": {key: _plain(one, blobs) for key, one in value.items()}}
    if isinstance(value, list | tuple):
        return [_plain(one, blobs) for one in value]
    if isinstance(value, np.ndarray):
        if value.dtype != np.uint8:
            raise TypeError(f"arrays of uint8 are sent, not of {value.dtype}")
        blobs.append(np.ascontiguousarray(value).reshape(-1).data)
        return {_TAG: "array", "shape": list(value.shape), "at": len(blobs) - 1}
    if isinstance(value, bytes | bytearray | memoryview):
        blobs.append(bytes(value) if isinstance(value, bytearray) else value)
        return {_TAG: "bytes", "at": len(blobs) - 1}
    return value


def _restored(plain: Any, blobs: list[memoryview]) -> Any:
    if isinstance(plain, list):
        return [_restored(one, blobs) for one in plain]
    if not isinstance(plain, dict):
        return plain
    if plain[_TAG] == "map":
        return {key: _restored(one, blobs) for key, one in plain["of"].items()}
    blob = blobs[plain["at"]]
    if plain[_TAG] == "bytes":
        return bytes(blob)
    return np.frombuffer(blob, np.uint8).reshape(plain["shape"])
