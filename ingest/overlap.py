"""Iterators that work in chunks, or ahead of who reads them."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future, ThreadPoolExecutor

_A = TypeVar("_A")
_B = TypeVar("_B")


def chunks(iterable: Iterable[_A], size: int) -> Iterator[list[_A]]:
    """Yield lists of at most ``size``."""
    iterator = iter(iterable)
    while chunk := list(islice(iterator, size)):
        yield chunk


def ahead(
    pool: ThreadPoolExecutor, call: Callable[[_A], _B], inputs: Iterable[_A], window: int
) -> Iterator[_B]:
    """Yield ``call(x)`` in order, with at most ``window`` calls under way or waiting."""
    running: deque[Future[_B]] = deque()
    try:
        for one in inputs:
            running.append(pool.submit(call, one))
            if len(running) >= window:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        for future in running:
            future.cancel()
