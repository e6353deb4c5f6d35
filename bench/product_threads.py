"""The product that judges a page of hits, on one thread and on all, beside busy cores.

::

    python bench/product_threads.py

Ten hits and a question by 1,000 captions of 512 numbers, by numpy, every 5 ms; beside it as many
processes as are named count without end. Both ways in turn, two rounds; p50, p90 and p99 in
milliseconds are of both rounds together. Why ``serve`` gives a request one thread.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from typing import TYPE_CHECKING

import numpy as np
from surroundings import machine
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

HITS, CAPTIONS, DIM = 10, 1_000, 512
TIMES, ROUNDS, PAUSE_S = 300, 2, 0.005


def count(end: Event) -> None:
    """Keep a core busy."""
    while not end.is_set():
        sum(range(20_000))


def took(threads: int) -> list[float]:
    """Return the seconds of each product on so many threads."""
    rng = np.random.default_rng(0)
    captions = rng.normal(size=(CAPTIONS, DIM)).astype(np.float32)
    hits = rng.normal(size=(1 + HITS, DIM)).astype(np.float32)
    seconds = []
    with threadpool_limits(threads, user_api="blas"):
        for _ in range(TIMES):
            time.sleep(PAUSE_S)
            start = time.perf_counter()
            hits @ captions.T
            seconds.append(time.perf_counter() - start)
    return seconds


def main() -> None:
    """Measure and print."""
    cores = os.cpu_count() or 1
    print(machine())
    for busy in range(cores + 1):
        end = multiprocessing.Event()
        others = [multiprocessing.Process(target=count, args=(end,)) for _ in range(busy)]
        for one in others:
            one.start()
        rounds = [{threads: took(threads) for threads in (1, cores)} for _ in range(ROUNDS)]
        end.set()
        for one in others:
            one.join()
        for threads in (1, cores):
            every = [second for some in rounds for second in some[threads]]
            p50, p90, p99 = 1e3 * np.percentile(every, (50, 90, 99))
            print(f"{busy} busy, {threads} threads: {p50:.2f} {p90:.2f} {p99:.2f} ms")


if __name__ == "__main__":
    main()
