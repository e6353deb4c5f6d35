"""A server's index is waited for as long as it gets on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from searchengine.errors import StoreUnavailableError
from searchengine.store import sides


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Server:
    """A server that says, second after second, how many rows wait for their index."""

    where = "http://server"

    def __init__(self, clock: Clock, pending: dict[float, int]) -> None:
        self._clock, self._pending = clock, pending

    def call(self, what: str, *_: Any, **__: Any) -> dict[str, Any]:
        assert what == "describe_index"
        rows = [rows for since, rows in self._pending.items() if since <= self._clock.now][-1]
        return {"pending_index_rows": rows, "total_rows": 100_000, "state": "Finished"}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    made = Clock()
    monkeypatch.setattr(sides, "time", made)
    return made


def wait(clock: Clock, pending: dict[float, int]) -> None:
    server: Any = Server(clock, pending)
    sides.wait_for_index(server, "collection")


def test_while_it_gets_on_whatever_it_takes(clock: Clock) -> None:
    wait(clock, {300.0 * n: 1_000 - n for n in range(1_001)})
    assert clock.now >= 300_000


def test_merging_may_set_it_back(clock: Clock) -> None:
    wait(clock, {0: 500, 200: 100, 400: 900, 700: 0})
    assert clock.now >= 700


def test_one_that_stands_still_is_given_up(clock: Clock) -> None:
    with pytest.raises(StoreUnavailableError, match=r"not got on for 320 s, with 70 rows to go"):
        wait(clock, {0: 500, 100: 70})
    assert 400 < clock.now < 500
