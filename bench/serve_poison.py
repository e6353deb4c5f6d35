"""One bad upload of each kind, for ``serve_load.py`` to send while others search."""

from __future__ import annotations

import contextlib
import http.client
import io
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BOUNDARY = "an-upload"
_HEAD = (
    f"--{_BOUNDARY}\r\n"
    'Content-Disposition: form-data; name="picture"; filename="picture.png"\r\n'
    "Content-Type: image/png\r\n\r\n"
).encode()
_TAIL = f"\r\n--{_BOUNDARY}--\r\n".encode()
_PIECE = b"\xa5" * (1 << 16)


@dataclass(frozen=True, slots=True)
class Poison:
    """A bad upload."""

    name: str
    picture: Callable[[], bytes | Iterator[bytes]]
    statuses: tuple[int, ...]
    """What may be answered; 0 stands for a connection that is cut."""


def _bomb() -> bytes:
    """Return a PNG of some hundred kilobytes that says it has 2,500,000,000 pixels."""
    side = 50_000

    def chunk(kind: bytes, data: bytes) -> bytes:
        whole = kind + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    rows = zlib.compress(bytes(1 + side // 8) * 2_000, 9)
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _picture(width: int, height: int, kind: str) -> bytes:
    made = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(made, kind)
    return made.getvalue()


def _endless() -> Iterator[bytes]:
    while True:
        yield _PIECE


POISONS = (
    Poison("bomb", _bomb, (413, 422)),
    Poison("truncated", lambda: _picture(640, 480, "JPEG")[:2_000], (422,)),
    Poison("one pixel", lambda: _picture(1, 1, "PNG"), (200, 422)),
    Poison("50 MB", lambda: _PIECE * 800, (413, 422)),
    Poison("endless body", _endless, (413, 0)),
    Poison("wrong type", lambda: b"%PDF-1.7\n" + bytes(1_000), (415, 422)),
)


def send(port: int, corpus: str, poison: Poison, *, key: str = "") -> tuple[int, str]:
    """Send one as a form; return the status and what was said, 0 where the connection was cut."""
    picture = poison.picture()
    headers: dict[str, Any] = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    body: Any = _HEAD + picture + _TAIL if isinstance(picture, bytes) else _framed(picture)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    path = f"/v1/corpora/{quote(corpus, safe='')}/search"
    try:
        # Refused before all of it was sent, the answer may be there all the same.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(300).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)
    finally:
        connection.close()


def _framed(pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield _HEAD
    yield from pieces
