"""A few warm workers: whoever has work takes one, and one that dies is replaced."""

from __future__ import annotations

import os
import pickle
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, BinaryIO

from searchengine.apart.bounds import Bounds
from searchengine.apart.process import DiedError, Process
from searchengine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class Workers:
    """Worker processes for the threads of this one. Started when they are first needed, then kept.

    They end with this object, with the interpreter, and where this process is killed as soon as
    they notice. A fork of this process begins with none of its own.
    """

    def __init__(self, count: int, bounds: Bounds | None = None, *, nice: int = 5) -> None:
        """Have at most ``count`` workers; ``nice`` is by how much others go before them."""
        self.bounds = bounds or Bounds()
        self.count = count
        self._nice = nice
        self._begin()
        self._ending = weakref.finalize(self, _end, self._all)
        if hasattr(os, "register_at_fork"):
            forget = weakref.WeakMethod(self._forget)
            os.register_at_fork(after_in_child=lambda: (forget() or _nothing)())

    def call(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        file: BinaryIO | None = None,
        whole_s: float | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> Any:
        """Return what ``function(*arguments)`` gives in a worker, in plain values.

        The function is one of a module, its arguments pickle, its result consists of what
        ``messages.pack`` takes. With ``file`` a readable file is its first argument, whose bytes
        are read here. ``whole_s`` bounds all of it where it gives signs of life in between;
        ``check`` is called now and then and may raise, which ends it.

        Raises what the function raises of this package's errors; ``DecodeError`` or ``LimitError``
        where the worker has died of it, which says how; ``MissingError`` where none can be started.
        """
        running = self.stream(function, *arguments, file=file, whole_s=whole_s, check=check)
        while True:
            try:
                next(running)
            except StopIteration as done:
                return done.value

    def stream(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        file: BinaryIO | None = None,
        whole_s: float | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> Generator[Any, None, Any]:
        """Yield what a generator function yields in a worker; else as ``call``."""
        call = pickle.dumps((function, arguments), protocol=pickle.HIGHEST_PROTOCOL)
        process = self._take()
        try:
            return (
                yield from process.run(
                    call, whole_s=whole_s or self.bounds.time_s, file=file, check=check
                )
            )
        except DiedError as died:
            if self._closed:
                raise UsageError("the workers have been closed") from None
            raise died.error from died
        finally:
            self._give_back(process)

    def warm(self) -> frozenset[str]:
        """Start all of them, side by side; return what they are kept from (see ``confine``).

        Raises ``MissingError`` where they do not start.
        """
        with self._warming, ThreadPoolExecutor(self.count) as pool:
            starting = [pool.submit(self._take) for _ in range(self.count)]
            taken = [one.result() for one in starting if one.exception() is None]
            for process in taken:
                self._give_back(process)
        for one in starting:
            one.result()  # raises what kept it from starting
        return frozenset.intersection(*(process.bound for process in taken))

    def pids(self) -> list[int]:
        """Return the process ids of those that run."""
        with self._lock:
            return [process.pid for process in self._all]

    def close(self) -> None:
        """End them; work in hand fails with ``UsageError``."""
        self._closed = True
        self._ending()

    def _begin(self) -> None:
        self._closed = False
        self._lock = threading.Lock()
        self._warming = threading.Lock()  # two would wait for each other's workers
        self._free = threading.BoundedSemaphore(self.count)
        self._idle: list[Process] = []
        self._all: set[Process] = set()

    def _forget(self) -> None:
        """In a fork: the sockets are the parent's, and so are the locks as they are."""
        for process in self._all:
            process.abandon()
        closed, self._closed = self._closed, False
        self._begin()
        self._closed = closed
        self._ending.detach()
        self._ending = weakref.finalize(self, _end, self._all)

    def _take(self) -> Process:
        self._free.acquire()
        try:
            while True:
                with self._lock:
                    if self._closed:
                        raise UsageError("the workers have been closed")
                    process = self._idle.pop() if self._idle else None
                if process is None:
                    return self._start()
                if process.alive:
                    return process
                self._drop(process)  # the system has ended it while it had nothing to do
        except BaseException:
            self._free.release()
            raise

    def _start(self) -> Process:
        process = Process(self.bounds, self._nice)
        with self._lock:
            self._all.add(process)
        try:
            process.wait_until_ready()
        except BaseException:
            self._drop(process)
            raise
        return process

    def _give_back(self, process: Process) -> None:
        with self._lock:
            keep = process.fit and not self._closed
            if keep:
                self._idle.append(process)
        if not keep:
            self._drop(process)
        self._free.release()

    def _drop(self, process: Process) -> None:
        with self._lock:
            self._all.discard(process)
        process.close()


def _end(processes: set[Process]) -> None:
    for process in list(processes):
        process.stop()
    processes.clear()


def _nothing() -> None:
    return
