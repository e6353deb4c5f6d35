"""Work that blocks, done off the event loop: bounded, and dropped when nobody waits for it."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from searchengine.errors import DeadlineError, OverloadError
from searchengine.service.call import current_call

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import Request

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
        that has not begun never will, and one at work finds out where it looks
        (``Call.check``).
        """
        call = current_call()
        if self._under_way >= self._most:
            raise OverloadError("too many requests are waiting", retry_after_s=1)
        self._under_way += 1
        context = copy_context()
        asked = time.perf_counter()
        work = partial(context.run, _unless_gone, asked, function, *args, **kwargs)
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        future.add_done_callback(self._ended)
        # Nothing else here until it has begun, or it waits for this thread to let go of Python.
        await asyncio.wait((future,), timeout=min(_SOON_S, call.left_s))
        left = False if future.done() else await _left_before(future, request, call.left_s)
        if future.done():
            call.returned = time.perf_counter()
            return future.result()
        call.gone.set()
        future.cancel()
        if left:
            raise ClientGoneError
        raise DeadlineError("the request took longer than it was allowed to")

    def _ended(self, future: asyncio.Future[T]) -> None:
        self._under_way -= 1
        if not future.cancelled():
            future.exception()  # what nobody waits for is not reported as never looked at

    def close(self) -> None:
        """Begin nothing further; what is at work ends in its own time."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _unless_gone(asked: float, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    call = current_call()
    call.spend("queue", time.perf_counter() - asked)
    call.check()
    return function(*args, **kwargs)


async def _left_before(future: asyncio.Future[T], request: Request, seconds: float) -> bool:
    """Wait for a result, as many seconds; tell whether the client closed the connection first."""
    leaving = asyncio.ensure_future(_left(request))
    ends: set[asyncio.Future[Any]] = {future, leaving}
    try:
        timeout = None if seconds == float("inf") else seconds
        await asyncio.wait(ends, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        return leaving.done()
    finally:
        leaving.cancel()


async def _left(request: Request) -> None:
    """Return when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
