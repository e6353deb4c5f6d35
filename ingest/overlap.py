"""Iterators that work in chunks, ahead of who reads them, or in a thread beside.

All of them are bounded, by number and, where single inputs may be large, by bytes.
"""

from __future__ import annotations

import threading
from collections import deque
from itertools import islice
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from concurrent.futures import Future, ThreadPoolExecutor

_A = TypeVar("_A")
_B = TypeVar("_B")

TICK_S = 0.5
"""How often who waits for a thread beside is asked whether it has anything else to do."""


def chunks(
    iterable: Iterable[_A],
    size: int,
    weigh: Callable[[_A], int] = lambda _: 0,
    limit: int = 0,
) -> Iterator[list[_A]]:
    """Yield lists of at most ``size``; one that has come to weigh ``limit`` is full as well."""
    if not limit:
        iterator = iter(iterable)
        while chunk := list(islice(iterator, size)):
            yield chunk
        return
    chunk, weight = [], 0
    for one in iterable:
        chunk.append(one)
        weight += weigh(one)
        if len(chunk) >= size or weight >= limit:
            yield chunk
            chunk, weight = [], 0
    if chunk:
        yield chunk


def ahead(
    pool: ThreadPoolExecutor,
    call: Callable[[_A], _B],
    inputs: Iterable[_A],
    window: int,
    weigh: Callable[[_A], int] = lambda _: 0,
    limit: int = 0,
) -> Iterator[_B]:
    """Yield ``call(x)`` as they get done, so that a slow one holds nothing else up.

    At most ``window`` calls are under way, whose inputs weigh at most ``limit`` together (0:
    whatever they weigh); one that alone weighs more goes alone.
    """
    done: SimpleQueue[tuple[Future[_B], int]] = SimpleQueue()
    running: set[Future[_B]] = set()
    weight = 0

    def take() -> _B:
        nonlocal weight
        future, its_weight = done.get()
        running.discard(future)
        weight -= its_weight
        return future.result()

    try:
        for one in inputs:
            its_weight = weigh(one)
            while running and (len(running) >= window or (limit and weight + its_weight > limit)):
                yield take()
            future = pool.submit(call, one)
            running.add(future)
            weight += its_weight
            future.add_done_callback(lambda f, w=its_weight: done.put((f, w)))  # type: ignore[misc]
            del (
                one,
                future,
            )  # what is under way is held by the pool alone, and only until it is done
            while not done.empty():
                yield take()
        while running:
            yield take()
    finally:
        for future in running:
            future.cancel()


def beside(
    iterable: Iterable[_A],
    room: Callable[[], int],
    name: str,
    on_tick: Callable[[], None] = lambda: None,
    on_leave: Callable[[], None] = lambda: None,
) -> Generator[_A, None, None]:
    """Yield from an iterable that a thread of its own pulls, at most ``room()`` items ahead.

    What the iterable raises is raised here, after what came before it. ``on_tick`` is called now
    and then while nothing comes. Close the generator (``contextlib.closing``) to leave early: the
    thread finishes the item in hand, closes the iterable and ends. Where that item may never come,
    ``on_leave`` is to see to it that the iterable ends.
    """
    channel: _Channel[_A] = _Channel(iterable, room)
    thread = threading.Thread(target=channel.fill, name=name, daemon=True)
    thread.start()
    try:
        yield from channel.empty(on_tick)
    finally:
        channel.close()
        if thread.is_alive():
            on_leave()
        thread.join()


class _Channel(Generic[_A]):
    """A bounded queue with an end that may be an error."""

    def __init__(self, iterable: Iterable[_A], room: Callable[[], int]) -> None:
        self._iterable = iterable
        self._room = room
        self._changed = threading.Condition()
        self._items: deque[_A] = deque()
        self._closed = False
        self._ended = False
        self._error: BaseException | None = None

    def fill(self) -> None:
        """Pull the iterable to its end, or until the channel is closed."""
        iterator = iter(self._iterable)
        try:
            for one in iterator:
                with self._changed:
                    self._items.append(one)
                    self._changed.notify_all()
                    self._changed.wait_for(
                        lambda: self._closed or len(self._items) < max(1, self._room())
                    )
                    if self._closed:
                        return
        except BaseException as error:  # raised again where the items are taken
            self._error = error
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def empty(self, on_tick: Callable[[], None]) -> Iterator[_A]:
        """Yield what has been pulled, to the end."""
        while True:
            with self._changed:
                if not self._items and not self._ended:
                    self._changed.wait(TICK_S)
                taken = [self._items.popleft()] if self._items else []
                self._changed.notify_all()
                over = self._ended and not taken
            if over:
                break
            if not taken:
                on_tick()
            yield from taken
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Have the thread that fills it stop."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()
