"""Bodies that are too large, endless or slow, and heads that are: on a real socket."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request

from searchengine.errors import OverloadError
from searchengine.service import guard, problems
from searchengine.service.guard import connections
from searchengine.service.guard.bodies import Room
from searchengine.service.meters import Meters
from searchengine.service.requests import Requests
from searchengine.settings import ServiceSettings
from tests.service.served import served, talk

POST = b"POST /read HTTP/1.1\r\nHost: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"
CHUNKED = POST + JSON + b"Transfer-Encoding: chunked\r\n\r\n"


def reading_app(deadline_s: float = 20, **changes: Any) -> tuple[FastAPI, list[int]]:
    """An application that reads whatever is sent, and how many bytes reached it."""
    limits = {"max_body_bytes": 300_000, "max_json_bytes": 100_000, "body_pause_s": 0.5}
    app, got = FastAPI(), [0]

    @app.post("/read")
    async def read(request: Request) -> dict[str, int]:
        size = 0
        async for part in request.stream():
            size += len(part)
            got[0] += len(part)
        return {"size": size}

    @app.post("/form")
    async def form(request: Request) -> dict[str, int]:
        async with request.form() as sent:
            return {"parts": len(sent)}

    problems.install(app)
    guard.install(app, ServiceSettings(**{**limits, **changes}))
    app.add_middleware(Requests, meters=Meters(), deadline_s=deadline_s)
    return app, got


@pytest.fixture(scope="module")
def reader() -> Iterator[tuple[int, list[int]]]:
    app, got = reading_app()
    with served(app) as port:
        yield port, got


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def problem(answer: bytes) -> Any:
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def send_on(peer: socket.socket, piece: bytes) -> None:
    """Send the same again and again until the other side has had enough."""
    sent = 0
    try:
        while True:
            peer.sendall(piece)
            sent += len(piece)
            assert sent < 64 << 20, "nobody stops us"
    except (ConnectionResetError, BrokenPipeError):
        pass


def test_what_fits_is_read(reader: tuple[int, list[int]]) -> None:
    port, _ = reader
    body = b"x" * 100_000
    answer = httpx.post(f"http://localhost:{port}/read", content=body)
    assert answer.json() == {"size": 100_000}
    files = {f"f{n}": b"x" * 50_000 for n in range(5)}
    assert httpx.post(f"http://localhost:{port}/form", files=files).json() == {"parts": 5}


def test_a_body_that_says_it_is_too_large_is_not_read(reader: tuple[int, list[int]]) -> None:
    port, got = reader
    before = got[0]
    answer = talk(port, POST + JSON + b"Content-Length: 100001\r\n\r\n")
    assert status(answer) == 413
    assert problem(answer)["title"] == "Limit"
    assert "service.max_json_bytes" in problem(answer)["detail"]
    assert got[0] == before


def test_forms_have_a_limit_of_their_own(reader: tuple[int, list[int]]) -> None:
    port, _ = reader
    answer = httpx.post(f"http://localhost:{port}/form", files={"f": b"x" * 300_001})
    assert answer.status_code == 413
    assert "service.max_body_bytes" in answer.json()["detail"]


def test_an_endless_body_is_cut(reader: tuple[int, list[int]]) -> None:
    port, got = reader
    before = got[0]
    with socket.create_connection(("localhost", port), timeout=20) as peer:
        peer.sendall(CHUNKED)
        send_on(peer, b"2000\r\n" + b"x" * 0x2000 + b"\r\n")
    assert got[0] - before <= 100_000


def test_an_endless_form_is_cut(reader: tuple[int, list[int]]) -> None:
    port, _ = reader
    head = (
        b"POST /form HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: multipart/form-data; boundary=B\r\n\r\n"
    )
    first = b'--B\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
    parts = [b"%x\r\n%b\r\n" % (len(p), p) for p in (first, *[b"x" * 60_000] * 5)]
    answer = talk(port, head, *parts)
    assert status(answer) == 413
    assert b"connection: close" in answer


def test_a_body_that_stops_coming(reader: tuple[int, list[int]]) -> None:
    port, _ = reader
    began = time.monotonic()
    answer = talk(port, POST + JSON + b"Content-Length: 10\r\n\r\nxxx")
    assert status(answer) == 408
    assert problem(answer)["title"] == "Deadline"
    assert 0.4 < time.monotonic() - began < 5


def test_a_body_that_trickles() -> None:
    app, _ = reading_app(deadline_s=0.5, body_pause_s=5)
    with served(app) as port:
        answer = b""
        with socket.create_connection(("localhost", port), timeout=20) as peer:
            peer.sendall(POST + JSON + b"Content-Length: 100\r\n\r\n")
            began = time.monotonic()
            while not answer:
                assert time.monotonic() - began < 5, "it is listened to for ever"
                peer.sendall(b"x")
                peer.settimeout(0.1)
                try:
                    answer = peer.recv(65536)
                except TimeoutError:
                    continue
    assert status(answer) == 408


def test_an_answer_before_the_end_of_a_body_ends_the_connection(
    reader: tuple[int, list[int]],
) -> None:
    port, _ = reader
    head = b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n"
    answer = talk(port, head)
    assert status(answer) == 404
    assert b"connection: close" in answer


def test_all_bodies_together_are_bounded() -> None:
    room = Room(10)
    room.take(6)
    with pytest.raises(OverloadError):
        room.take(5)
    room.take(4)
    app, _ = reading_app(max_bodies_bytes=150_000, body_pause_s=5)
    with served(app) as port:
        with socket.create_connection(("localhost", port), timeout=20) as peer:
            peer.sendall(POST + JSON + b"Content-Length: 90000\r\n\r\n" + b"x" * 89_000)
            time.sleep(0.3)
            address = f"http://localhost:{port}/read"
            refused = httpx.post(address, content=b"x" * 90_000)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        deadline = time.monotonic() + 10
        while httpx.post(address, content=b"x" * 90_000).status_code != 200:
            assert time.monotonic() < deadline, "the room of a request that is gone is kept"


def test_a_head_without_end(reader: tuple[int, list[int]]) -> None:
    port, _ = reader
    line = b"X-Header: " + b"y" * 1000 + b"\r\n"
    answer = talk(port, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + line * 80)
    assert status(answer) == 431
    with socket.create_connection(("localhost", port), timeout=20) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        send_on(peer, line)


def test_trailers_without_end(reader: tuple[int, list[int]]) -> None:
    port, _ = reader
    with socket.create_connection(("localhost", port), timeout=20) as peer:
        peer.sendall(CHUNKED + b"1\r\nx\r\n0\r\n")
        send_on(peer, b"X-Trailer: " + b"y" * 1000 + b"\r\n")


def test_a_head_that_does_not_end(
    reader: tuple[int, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, _ = reader
    monkeypatch.setattr(connections, "HEAD_S", 0.3)
    for said in (b"", b"GET / HTTP/1.1\r\nHost: local"):
        began = time.monotonic()
        assert talk(port, said) == b""
        assert time.monotonic() - began < 5


def test_a_head_that_comes_in_pieces_is_read(reader: tuple[int, list[int]]) -> None:
    port, _ = reader
    head = POST + JSON + b"Content-Length: 3\r\nConnection: close\r\n\r\nabc"
    with socket.create_connection(("localhost", port), timeout=20) as peer:
        for at in range(0, len(head), 7):
            peer.sendall(head[at : at + 7])
            time.sleep(0.005)
        assert b'{"size":3}' in peer.recv(65536)


def test_a_real_service_refuses_too(scenes_home: Path) -> None:
    from searchengine.service.app import create_app
    from tests.service.conftest import settings_at

    settings = settings_at(scenes_home, service__max_json_bytes=1000)
    with served(create_app(settings)) as port:
        address = f"http://localhost:{port}/v1/corpora/scenes/retrieve"
        answer = httpx.post(address, json={"question": "x" * 2000})
        assert answer.status_code == 413
