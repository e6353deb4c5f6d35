"""Look-aheads: bounded by number and by bytes, prompt, and gone when nobody reads them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from ingest.batch_size import FIRST, LEAST, LONG_S, MOST, SHORT_S, BatchSize
from ingest.overlap import ahead, beside, chunks


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


class Gauge:
    """Calls whose number and weight under way at a time are noted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now: list[int] = []
        self.most = 0
        self.heaviest = 0

    def __call__(self, weight: int) -> int:
        with self._lock:
            self._now.append(weight)
            self.most = max(self.most, len(self._now))
            self.heaviest = max(self.heaviest, sum(self._now))
        threading.Event().wait(0.002)
        with self._lock:
            self._now.remove(weight)
        return weight


def test_all_are_done_and_no_more_than_the_window_at_a_time(pool: ThreadPoolExecutor) -> None:
    gauge = Gauge()
    assert sorted(ahead(pool, gauge, range(40), 3)) == list(range(40))
    assert gauge.most <= 3


def test_what_is_under_way_is_bounded_by_bytes(pool: ThreadPoolExecutor) -> None:
    gauge = Gauge()
    weights = [10, 10, 10, 500, 10, 40, 40, 40, 10, 300] * 3
    done = list(ahead(pool, gauge, weights, 100, lambda weight: weight, 60))
    assert sorted(done) == sorted(weights)
    assert gauge.heaviest == 500, "one that is too heavy goes alone"
    assert gauge.most > 1


def test_a_slow_call_holds_nothing_else_up(pool: ThreadPoolExecutor) -> None:
    go_on = threading.Event()

    def call(one: int) -> int:
        if one == 0:
            go_on.wait(10)
        return one

    results = ahead(pool, call, range(10), 3)
    assert 0 not in [next(results) for _ in range(5)]
    go_on.set()
    assert 0 in list(results)


def test_an_input_is_let_go_of_when_its_call_is_done(pool: ThreadPoolExecutor) -> None:
    import gc
    import weakref

    class Heavy:
        pass

    born: list[weakref.ref[Heavy]] = []

    def make() -> Iterator[Heavy]:
        for _ in range(20):
            one = Heavy()
            born.append(weakref.ref(one))
            yield one
            del one

    results = ahead(pool, lambda _: None, make(), 4)
    for _ in range(16):
        next(results)
    gc.collect()
    assert sum(ref() is not None for ref in born) <= 5


def test_an_error_of_a_call_comes_out(pool: ThreadPoolExecutor) -> None:
    with pytest.raises(ZeroDivisionError):
        list(ahead(pool, lambda one: 1 // one, [1, 0, 1], 2))


def test_chunks_are_bounded_by_bytes() -> None:
    def parts(limit: int) -> list[list[int]]:
        return list(chunks([5, 5, 5, 90, 1, 1, 1, 1, 1], 4, lambda one: one, limit))

    assert parts(0) == [[5, 5, 5, 90], [1, 1, 1, 1], [1]]
    assert parts(10) == [[5, 5], [5, 90], [1, 1, 1, 1], [1]]


def test_a_thread_beside_is_no_further_ahead_than_there_is_room() -> None:
    waits = threading.Event()

    def source() -> Iterator[int]:
        for one in range(20):
            if one == 4:
                waits.set()
            yield one

    with closing(beside(source(), lambda: 3, "beside")) as items:
        assert next(items) == 0
        assert not waits.wait(0.1), "three wait, and one has been taken"
        assert list(items) == list(range(1, 20))


def test_what_a_thread_beside_raises_comes_after_what_it_gave() -> None:
    def source() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("gone")

    items = beside(source(), lambda: 10, "beside")
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(OSError, match="gone"):
        next(items)


def test_leaving_early_closes_the_source_and_ends_the_thread() -> None:
    closed: list[str] = []

    def source() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            closed.append(threading.current_thread().name)

    with closing(beside(source(), lambda: 2, "beside-early")) as items:
        next(items)
    assert closed == ["beside-early"]
    assert "beside-early" not in [thread.name for thread in threading.enumerate()]


def test_leaving_does_not_wait_for_what_never_comes() -> None:
    ended = threading.Event()

    def source() -> Iterator[int]:
        yield 1
        assert ended.wait(60)

    with closing(beside(source(), lambda: 9, "beside", on_leave=ended.set)) as items:
        assert next(items) == 1
    assert ended.is_set()
    assert "beside" not in {thread.name for thread in threading.enumerate()}


def test_who_waits_is_asked_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.overlap.TICK_S", 0.01)
    ticked = threading.Event()

    def source() -> Iterator[int]:
        assert ticked.wait(10)
        yield 1

    assert list(beside(source(), lambda: 1, "beside", ticked.set)) == [1]


def test_a_batch_grows_while_it_is_short_and_shrinks_while_it_is_long() -> None:
    size = BatchSize()
    assert size.value == FIRST
    size.note(FIRST, 60.0)
    assert size.value == FIRST, "the first batch says nothing: all is cold"
    for _ in range(20):
        size.note(size.value, SHORT_S / 2)
    assert size.value == MOST
    size.note(size.value, (SHORT_S + LONG_S) / 2)
    assert size.value == MOST
    for _ in range(20):
        size.note(size.value, 2 * LONG_S)
    assert size.value == LEAST
    size.note(1, SHORT_S / 2)
    assert size.value == LEAST, "a batch that was not full says little"


def test_a_batch_size_that_was_asked_for_stays() -> None:
    size = BatchSize(48)
    for seconds in (9.0, 9.0, 0.001, 0.001):
        size.note(48, seconds)
    assert size.value == 48
