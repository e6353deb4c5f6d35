"""The service as it is run, on a socket of this machine."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from searchengine.service.guard.connections import bounded


@contextmanager
def served(app: Any) -> Iterator[int]:
    """Serve an application from a thread; give its port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        config = uvicorn.Config(
            app, log_config=None, access_log=False, **bounded(limit_concurrency=100)
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.01)
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(20)


def talk(port: int, *parts: bytes, timeout_s: float = 20) -> bytes:
    """Send some bytes and return all that comes back until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as peer:
        for part in parts:
            peer.sendall(part)
        got = b""
        while piece := _received(peer):
            got += piece
        return got


def _received(peer: socket.socket) -> bytes:
    try:
        return peer.recv(65536)
    except ConnectionResetError:  # closed with something of ours unread
        return b""
