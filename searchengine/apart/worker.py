"""The inside of a worker: bound before the first byte comes, then one piece of work at a time."""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import os
import pickle
import signal
import socket
import sys
from typing import Any

from searchengine.apart import messages
from searchengine.apart.confine import address_space, confine
from searchengine.errors import LimitError, SearchEngineError

_ASKED = 1 << 40
"""Bytes that a piece of work may have: who asks has bounded it."""
_READ_AHEAD = 1 << 18
"""Bytes asked for at a time where work reads a file piece by piece."""
_GRACE_S = 3.0
"""By how much the alarm that a worker sets itself is later than what its bounds say."""


def main() -> None:
    """Serve the process that has started this one until it closes its end."""
    setup = json.loads(sys.argv[1])
    sock = _inherited(setup)
    _let_go_of_standard_streams()
    _import_what_is_always_needed()
    bound = confine(setup["memory_mb"], setup["nice"])
    _silence()
    Worker(sock, setup["time_s"], setup["memory_mb"], bound).serve()


class Worker:
    """Does what it is asked, over one socket."""

    def __init__(
        self, sock: socket.socket, time_s: float, memory_mb: int, bound: list[str]
    ) -> None:
        self._sock = sock
        self._time_s = time_s
        self._bound = bound
        self._tired = address_space() + memory_mb * (1 << 20) // 2
        """Bytes of addresses from which on a fresh process is better."""

    def serve(self) -> None:
        """Work until the other end closes."""
        self._send(messages.READY, {"bound": self._bound})
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                self._work(self.receive())

    def receive(self) -> messages.Message:
        """Return the next message."""
        _set_alarm(0.0)
        message = messages.receive(self._fill, _ASKED)
        self._begin()
        return message

    def ask(self, kind: int, value: Any) -> messages.Message:
        """Send something that is answered, and return the answer."""
        self._send(kind, value)
        return self.receive()

    def _work(self, asked: messages.Message) -> None:
        try:
            function, arguments = pickle.loads(asked.value["call"])
            if (size := asked.value["file"]) is not None:
                arguments = (io.BufferedReader(_Asked(self, size), _READ_AHEAD), *arguments)
            if inspect.isgeneratorfunction(function):
                for part in function(*arguments):
                    self._send(messages.PART, part)
                    self._begin()
                result = None
            else:
                result = function(*arguments)
            self._send(messages.ANSWER, {"value": result, "tired": self._is_tired()})
        except (EOFError, ConnectionError):
            raise
        except BaseException as error:  # whatever work does is told, and the next goes on
            self._send(messages.ERROR, {**_told(error), "tired": True})

    def _is_tired(self) -> bool:
        """Whether work has left so much behind that the next might find too little."""
        return address_space() > self._tired

    def _begin(self) -> None:
        """Set an alarm, in case that nobody is left to kill this process when it hangs."""
        _set_alarm(self._time_s + _GRACE_S)

    def _send(self, kind: int, value: Any) -> None:
        _set_alarm(0.0)  # who asks may take its time
        for piece in messages.pack(kind, value):
            self._sock.sendall(piece)

    def _fill(self, buffer: memoryview) -> None:
        while buffer:
            count = self._sock.recv_into(buffer)
            if not count:
                raise EOFError
            buffer = buffer[count:]


class _Asked(io.RawIOBase):
    """A file that the other end reads for this one, which may open none of its own."""

    def __init__(self, worker: Worker, size: int) -> None:
        self._worker = worker
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        start = {0: 0, 1: self._at, 2: self._size}[whence]
        if start + offset < 0:
            raise OSError(22, "cannot seek to before the beginning")
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        into = memoryview(buffer).cast("B")
        if self._at >= self._size or not into:
            return 0
        got = self._worker.ask(messages.READ, [self._at, len(into)])
        if got.kind != messages.DATA:
            raise OSError(got.value["errno"], got.value["reason"])
        data = got.value
        into[: len(data)] = data
        self._at += len(data)
        return len(data)


def _told(error: BaseException) -> dict[str, Any]:
    if isinstance(error, MemoryError):
        error = LimitError("not enough memory")
    if isinstance(error, SearchEngineError):
        return {"kind": type(error).__name__, "message": str(error), "hint": error.hint}
    return {"kind": "", "message": f"{type(error).__name__}: {error}"[:2000], "hint": ""}


def _set_alarm(seconds: float) -> None:
    """Have the system end this process after so many seconds, whatever it is in; 0: not at all."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _inherited(setup: dict[str, Any]) -> socket.socket:
    if sys.platform == "win32":
        return socket.fromshare(sys.stdin.buffer.read())
    return socket.socket(fileno=setup["socket"])


def _let_go_of_standard_streams() -> None:
    """Keep only the standard error, until it is known that this process runs."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)


def _silence() -> None:
    """From here on what is to be said is said in messages."""
    os.dup2(1, 2)


def _import_what_is_always_needed() -> None:
    """What imports on the way counts against the memory of the first picture, and its time."""
    from PIL import Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401

    from searchengine import decode, jpeg  # noqa: F401
    from searchengine.encoders import preprocess  # noqa: F401
