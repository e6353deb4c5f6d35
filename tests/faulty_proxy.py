"""A TCP proxy that drops and delays: a bad network between a client and its server."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time

_PIECE = 16 * 1024


class FaultyProxy:
    """Listens on a port of its own and passes on to ``target``. A context manager.

    Every so many pieces of data a connection is cut in both directions, without a goodbye; each
    piece may be late.
    """

    def __init__(self, host: str, port: int, *, cut_every: int, delay_s: float, seed: int = 1):
        self._target = (host, port)
        self._cut_every = cut_every
        self._delay_s = delay_s
        self._random = random.Random(seed)
        self._pieces = 0
        self._lock = threading.Lock()
        self._closing = False
        self._open: set[socket.socket] = set()
        self.cuts = 0
        """Connections that were cut."""
        self._server = socket.create_server(("127.0.0.1", 0))

    @property
    def uri(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def __enter__(self) -> FaultyProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        self._server.close()
        for one in list(self._open):
            _cut(one)

    def _accept(self) -> None:
        while not self._closing:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            self._open |= {client, server}
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := one.recv(_PIECE):
                if self._due():
                    break
                time.sleep(self._random.random() * 2 * self._delay_s)
                other.sendall(piece)
        for end in (one, other):
            _cut(end)
            self._open.discard(end)

    def _due(self) -> bool:
        with self._lock:
            self._pieces += 1
            due = self._pieces % self._cut_every == 0
            self.cuts += due
            return due


def _cut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
