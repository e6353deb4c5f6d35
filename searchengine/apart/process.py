"""One worker, as seen by the process that has started it."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from searchengine import errors
from searchengine.apart import messages
from searchengine.errors import (
    DecodeError,
    ItemError,
    LimitError,
    MissingError,
    ReadError,
    SearchEngineError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from searchengine.apart.bounds import Bounds

_START = (
    "import json, sys; setup = json.loads(sys.argv[1]); sys.path[:] = setup['path']; "
    "from searchengine.apart.worker import main; main()"
)
_START_S = 60.0
"""Seconds a new process may take: importing from a cold disk beside other work takes some."""
_END_S = 5.0
_MOST_READ = 1 << 24
"""Bytes of a file that a worker may ask for at a time."""
_LOOK_S = 0.2
"""How often a call looks whether it is still wanted."""
_NEEDED = ("SYSTEMROOT", "PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "TEMP", "TMP")
"""Of the environment; the rest may hold secrets, and is no business of a decoder's."""


class DiedError(Exception):
    """The worker is no more, and why; ``error`` is what to tell of the work it had in hand."""

    def __init__(self, error: ItemError) -> None:
        super().__init__(str(error))
        self.error = error


class Process:
    """A worker process. One thread at a time talks to it."""

    def __init__(self, bounds: Bounds, nice: int) -> None:
        """Start a process; ``wait_until_ready`` says whether it has. Raises ``MissingError``."""
        self._bounds = bounds
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed once it has started
        self._socket, theirs = socket.socketpair()
        self.bound: frozenset[str] = frozenset()
        self.fit = True
        """Whether it may be given more work."""
        setup = {
            "path": [str(Path(one).absolute()) for one in sys.path],
            "socket": theirs.fileno(),
            "memory_mb": bounds.memory_mb,
            "time_s": bounds.time_s,
            "nice": nice,
        }
        try:
            with theirs:
                self._process = self._started(setup, theirs)
        except OSError as error:
            self._socket.close()
            self._errors.close()
            raise MissingError(
                f"no process can be started to decode in: {error}",
                hint="the system's limit on processes or memory has been reached",
            ) from error

    def _started(self, setup: dict[str, Any], theirs: socket.socket) -> subprocess.Popen[bytes]:
        own = {name: os.environ[name] for name in _NEEDED if name in os.environ}
        own |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        own |= {"MALLOC_ARENA_MAX": "2"}  # each reserves addresses, which are what is counted
        command = [sys.executable, "-I", "-X", "utf8", "-c", _START]
        if sys.platform == "win32":
            flags = subprocess.CREATE_NO_WINDOW | subprocess.BELOW_NORMAL_PRIORITY_CLASS
            process = subprocess.Popen(
                [*command, json.dumps(setup)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                env=own,
                creationflags=flags,
            )
            assert process.stdin is not None
            with process.stdin as stream:  # a description of the socket, made for that process
                stream.write(theirs.share(process.pid))
            return process
        return subprocess.Popen(
            [*command, json.dumps(setup)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            env=own,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,  # Ctrl-C is for the parent, which ends it in good time
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def wait_until_ready(self) -> None:
        """Wait until it can be given work. Raises ``MissingError`` where it cannot."""
        try:
            ready = self._next(_START_S, lambda: None)
            self.bound = frozenset(ready.value["bound"])
        except (OSError, EOFError, messages.GarbledError) as error:
            self.kill()
            self._errors.seek(0)
            said = self._errors.read().decode("utf-8", "replace").strip().splitlines()
            raise MissingError(
                "the process to decode in does not start: " + (said[-1] if said else "no answer"),
                hint=f"does `{sys.executable} -c 'import searchengine.apart.worker'` work?",
            ) from error
        finally:
            self._errors.close()

    def run(
        self,
        call: bytes,
        *,
        whole_s: float,
        file: BinaryIO | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> Generator[Any, None, Any]:
        """Yield the parts that a pickled call gives, return its value.

        ``whole_s`` bounds the seconds that the worker is at it, all in all; what reading ``file``
        for it takes is not counted. ``check`` is called now and then, and may raise.

        Raises ``DiedError``, with which this process is done, and what the call raises.
        """
        size = None if file is None else _size_of(file)
        try:
            value, error = yield from self._exchange(call, file, size, whole_s, check)
        except TimeoutError:
            self.kill()
            raise DiedError(self._too_slow(whole_s)) from None
        except (EOFError, ConnectionError):
            raise DiedError(self._why_dead()) from None
        except (messages.GarbledError, LookupError, TypeError, ValueError) as garbled:
            self.kill()
            raise DiedError(DecodeError(f"its decoder gave {garbled}")) from garbled
        except BaseException:
            self.kill()  # half-way through: what it would say next belongs to nobody
            raise
        if error is not None:
            raise error
        return value

    def stop(self) -> None:
        """End it at once. Whichever thread talks to it finds out."""
        self.fit = False
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.wait()

    def kill(self) -> None:
        """End it at once, and let go of it."""
        self.stop()
        self._socket.close()

    def close(self) -> None:
        """Let it end, and let go of it."""
        self.fit = False
        self._socket.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.stop()

    def abandon(self) -> None:
        """Let go of it without ending it: this process is a fork of the one that has started it."""
        self._socket.close()
        self._process.returncode = 0  # nothing is waited for here

    # -- talking --------------------------------------------------------------------------

    def _send(self, kind: int, value: Any) -> None:
        self._socket.settimeout(self._bounds.time_s)
        for piece in messages.pack(kind, value):
            self._socket.sendall(piece)

    def _next(self, seconds: float, check: Callable[[], None]) -> messages.Message:
        """Return the next message. Raises ``TimeoutError`` and ``EOFError``."""
        ends = time.monotonic() + seconds

        def fill(buffer: memoryview) -> None:
            while buffer:
                left = ends - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                self._socket.settimeout(min(left, _LOOK_S))
                try:
                    count = self._socket.recv_into(buffer)
                except TimeoutError:
                    check()
                    continue
                if not count:
                    raise EOFError
                buffer = buffer[count:]

        return messages.receive(fill, self._bounds.memory_mb << 20)

    def _exchange(
        self,
        call: bytes,
        file: BinaryIO | None,
        size: int | None,
        whole_s: float,
        check: Callable[[], None],
    ) -> Generator[Any, None, tuple[Any, Exception | None]]:
        """Yield parts; return the value, or the error that the work has ended with."""
        failed: list[ItemError] = []
        self._send(messages.CALL, {"call": call, "file": size})
        left = whole_s
        while True:
            began = time.monotonic()
            message = self._next(min(self._bounds.time_s, left), check)
            left -= time.monotonic() - began
            check()
            if message.kind == messages.PART:
                yield message.value
            elif message.kind == messages.READ:
                self._read_for_it(file, message.value, failed)
            else:
                break
        value = message.value
        if value["tired"]:
            self.fit = False
        if message.kind == messages.ANSWER:
            return value["value"], None
        told = error_of(value["kind"], value["message"], value["hint"])
        return None, failed[0] if failed else told

    def _read_for_it(self, file: BinaryIO | None, asked: Any, failed: list[ItemError]) -> None:
        offset, size = asked
        if file is None or not 0 <= size <= _MOST_READ or not 0 <= offset < 1 << 62:
            raise ValueError(f"a wish for {size} bytes")
        try:
            file.seek(offset)
            data = file.read(size)
        except OSError as error:
            told = {"errno": error.errno or errno.EIO, "reason": error.strerror or str(error)}
            self._send(messages.FAILED, told)
        except ItemError as error:
            failed.append(error)
            self._send(messages.FAILED, {"errno": errno.EIO, "reason": str(error)})
        else:
            self._send(messages.DATA, data)

    # -- what to say of a death -----------------------------------------------------------

    def _too_slow(self, whole_s: float) -> LimitError:
        bounds = self._bounds
        return LimitError(
            f"decoding was stopped after {min(bounds.time_s, whole_s):g} s without an end "
            f"(limit {bounds.time_setting})"
        )

    def _why_dead(self) -> ItemError:
        bounds = self._bounds
        try:
            status = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return DecodeError("its decoder broke off")
        self.kill()
        if status >= 0:
            return DecodeError(f"its decoder ended the process (exit status {status})")
        name = signal.Signals(-status).name if -status in list(signal.Signals) else f"{-status}"
        if name == "SIGKILL":
            return LimitError(
                "decoding was ended by the system, which is what it does when memory runs out "
                f"(a lower {bounds.memory_setting} refuses such files beforehand)"
            )
        if name == "SIGALRM":
            return self._too_slow(bounds.time_s)
        return DecodeError(f"its decoder crashed ({name}): the file is damaged, or made to do that")


def _size_of(file: BinaryIO) -> int:
    try:
        return file.seek(0, io.SEEK_END)
    except OSError as error:
        raise ReadError(f"cannot read: {error.strerror or error}") from error


def error_of(kind: Any, message: Any, hint: Any) -> SearchEngineError:
    """Return an error of this package as a worker has told it."""
    found = getattr(errors, str(kind), None)
    if isinstance(found, type) and issubclass(found, SearchEngineError):
        return found(str(message), hint=str(hint))
    return SearchEngineError(f"decoding failed as it never should: {message}")
