"""The same work for many tasks, in this process or in several. Imports nothing heavy."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from searchengine.errors import SearchEngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

Task = TypeVar("Task")
Done = TypeVar("Done")

_AHEAD = 3


def in_order(
    work: Callable[[Task], Done], tasks: Iterable[Task], workers: int
) -> Iterator[tuple[Task, Done]]:
    """Yield every task and what came of it, in order; with one worker, in this process.

    No more tasks are drawn than the workers will need next, so that their source may be endless.
    Processes are spawned, for the database's client must not be forked: a program that asks for
    several needs the usual ``if __name__ == "__main__"``.
    """
    if workers <= 1:
        for task in tasks:
            yield task, work(task)
        return
    from multiprocessing import get_context

    source = iter(tasks)
    waiting: deque[tuple[Task, Future[Done]]] = deque()
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_one_thread)
    try:
        for task in islice(source, workers * _AHEAD):
            waiting.append((task, pool.submit(work, task)))
        while waiting:
            task, future = waiting.popleft()
            done = future.result()
            for following in islice(source, 1):
                waiting.append((following, pool.submit(work, following)))
            yield task, done
    except BrokenProcessPool as error:
        raise SearchEngineError(
            "a process that compares pictures ended unexpectedly",
            hint="it may have run out of memory: --workers 1 compares them in one process",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _one_thread() -> None:
    """A process a core is enough: their matrix products shall not take threads as well."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
