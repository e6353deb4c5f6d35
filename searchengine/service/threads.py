"""Work that blocks, done off the event loop: bounded, and dropped when nobody waits for it."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Generic, ParamSpec, TypeVar

from searchengine.errors import DeadlineError, OverloadError
from searchengine.service.call import current_call

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import Request

    from searchengine.service.call import Call

_SOON_S = 0.1
"""Before it has passed nobody looks whether the client has gone: most are answered by then."""
P = ParamSpec("P")
T = TypeVar("T")


class ClientGoneError(Exception):
    """Whoever asked has closed the connection: there is nobody to answer."""


class Threads:
    """A bounded pool of threads, and a bounded queue in front of it."""

    def __init__(self, count: int, waiting: int) -> None:
        """Allow ``count`` at work and ``waiting`` more that wait for a thread."""
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="request")
        self._most = count + waiting
        self._under_way = 0

    @property
    def under_way(self) -> int:
        """How many are at work or waiting."""
        return self._under_way

    async def run(
        self, request: Request, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return ``function(*args, **kwargs)``, called in a thread that knows the request's call.

        The request's body must have been read. Raises what the function raises,
        ``OverloadError`` where too many wait already, ``DeadlineError`` when the call's time is
        over, and ``ClientGoneError``. In the last two cases the call is marked as gone: a function
        that has not begun never will, and one at work finds out where it looks (``Call.check``);
        until then it counts as under way.
        """
        call = current_call()
        if self._under_way >= self._most:
            raise OverloadError("too many requests are waiting", retry_after_s=1)
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[T] = loop.create_future()
        asked = time.perf_counter()
        work = partial(copy_context().run, _unless_gone, asked, function, *args, **kwargs)
        # Not the loop's own way into a pool: that goes through a second future, and twice as many
        # turns of the loop.
        begun = self._pool.submit(self._do, loop, ended, work)
        self._under_way += 1
        watching = _Watching(request, ended, call)
        timer = loop.call_later(min(_SOON_S, call.left_s), watching.begin)
        # Nothing else here until it has begun, or it waits for this thread to let go of Python.
        try:
            return await ended
        except asyncio.CancelledError:
            call.gone.set()
            raise
        finally:
            call.returned = time.perf_counter()
            timer.cancel()
            watching.end()
            if call.gone.is_set() and begun.cancel():
                self._under_way -= 1

    def _do(
        self, loop: asyncio.AbstractEventLoop, ended: asyncio.Future[T], work: Callable[[], T]
    ) -> None:
        """Do the work, in a thread, and have the loop told of it."""
        try:
            tell = partial(_succeed, ended, work())
        except BaseException as error:
            tell = partial(_fail, ended, error)
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(self._ended, tell)

    def _ended(self, tell: Callable[[], None]) -> None:
        self._under_way -= 1
        tell()

    def close(self) -> None:
        """Begin nothing further; what is at work ends in its own time."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _unless_gone(asked: float, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    call = current_call()
    call.spend("queue", time.perf_counter() - asked)
    call.check()
    return function(*args, **kwargs)


def _succeed(ended: asyncio.Future[T], result: T) -> None:
    if not ended.done():
        ended.set_result(result)


def _fail(ended: asyncio.Future[T], error: BaseException) -> None:
    if not ended.done():
        ended.set_exception(error)


class _Watching(Generic[T]):
    """Looks, once it is begun, whether the client goes or the time ends before the work does."""

    def __init__(self, request: Request, ended: asyncio.Future[T], call: Call) -> None:
        self._request = request
        self._ended = ended
        self._call = call
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._task = asyncio.ensure_future(self._watch())

    def end(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _watch(self) -> None:
        left_s = self._call.left_s
        try:
            await asyncio.wait_for(_left(self._request), None if left_s == float("inf") else left_s)
            error: Exception = ClientGoneError()
        except (TimeoutError, asyncio.TimeoutError):
            error = DeadlineError("the request took longer than it was allowed to")
        self._call.gone.set()
        _fail(self._ended, error)


async def _left(request: Request) -> None:
    """Return when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
