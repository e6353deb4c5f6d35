from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from searchengine.apart.messages import ANSWER, GarbledError, Message, pack, receive

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def there(sent: bytes, limit: int = 1 << 20) -> Message:
    rest = memoryview(sent)

    def fill(buffer: memoryview) -> None:
        nonlocal rest
        if len(rest) < len(buffer):
            raise EOFError
        buffer[:] = rest[: len(buffer)]
        rest = rest[len(buffer) :]

    return receive(fill, limit)


def sent(value: Any) -> bytes:
    return b"".join(bytes(piece) for piece in pack(ANSWER, value))


@given(PLAIN)
def test_a_message_arrives_as_it_was(value: Any) -> None:
    assert there(sent(value)) == Message(ANSWER, value)


def test_pixels_arrive_in_their_shape_and_tuples_as_lists() -> None:
    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    found = there(sent({"pixels": pixels[:, ::-1], "size": (4, 5), "none": pixels[:0]})).value
    assert np.array_equal(found["pixels"], pixels[:, ::-1])
    assert found["none"].shape == (0, 5, 3)
    assert found["size"] == [4, 5]


def test_only_pixels_are_sent() -> None:
    with pytest.raises(TypeError):
        pack(ANSWER, np.zeros(3, np.float32))
    with pytest.raises(TypeError):
        pack(ANSWER, {"object": object()})


def test_more_than_may_come_is_not_even_read() -> None:
    with pytest.raises(GarbledError, match="1,0"):
        there(sent(bytes(1000)), limit=999)


def raw(text: bytes, rest: bytes) -> bytes:
    return struct.pack("!BIQ", ANSWER, len(text), len(rest)) + text + rest


def in_json(value: Any, rest: bytes = b"\0\0\0\0") -> Callable[[], bytes]:
    return lambda: raw(json.dumps(value).encode(), rest)


@pytest.mark.parametrize(
    "made",
    [
        in_json({"~": "bytes", "at": 0}),
        in_json({"~": "array", "shape": [9, 9], "at": 0}, struct.pack("!IQ", 1, 3) + b"abc"),
        in_json({"~": "pickle", "at": 0}),
        in_json({"no": "tag"}),
        in_json({"~": "bytes", "at": "0"}),
        in_json({"~": "map", "of": 3}),
        in_json(None, b""),
        in_json(None, struct.pack("!IQ", 1, 10) + b"abc"),
        in_json(None, struct.pack("!I", 1_000_000)),
        lambda: raw(b"\xff\xfe", b"\0\0\0\0"),
        lambda: raw(b"[" * 100_000, b"\0\0\0\0"),
    ],
)
def test_what_no_worker_sends_is_garbled(made: Callable[[], bytes]) -> None:
    with pytest.raises(GarbledError):
        there(made())
