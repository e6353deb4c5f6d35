from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from searchengine.encoders.contract import Pixels, calls_at_a_time
from searchengine.encoders.towers import adaptive
from searchengine.encoders.towers.adaptive import AdaptiveTowers
from searchengine.encoders.towers.contract import Rows, Tokens, Towers

PIXELS = np.zeros((2, 4, 4, 3), np.uint8)
TOKENS = np.zeros((2, 4), np.int64)


class Clock:
    """Stands for ``time``: every row encoded takes a second."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


class Constant:
    """Towers that give one number."""

    runtime, device = "torch", "cpu"

    def __init__(self, name: str, value: float, clock: Clock) -> None:
        self.name, self._value, self._clock = name, value, clock

    def images(self, pixels: Pixels) -> Rows:
        return self.texts(np.zeros((len(pixels), 4), np.int64))

    def texts(self, tokens: Tokens) -> Rows:
        self._clock.now += len(tokens)
        return np.full((len(tokens), 3), self._value, np.float32)


def make(monkeypatch: object, patience_s: float) -> tuple[AdaptiveTowers, list[str]]:
    clock, looked = Clock(), []
    monkeypatch.setattr(adaptive, "time", clock)  # type: ignore[attr-defined]
    slow, fast = Constant("slow", 1.0, clock), Constant("fast", 2.0, clock)

    def look() -> Towers:
        looked.append("looked")
        return fast

    return AdaptiveTowers(slow, look, patience_s=patience_s), looked


def test_it_begins_at_once_and_looks_when_as_much_has_been_spent(monkeypatch: object) -> None:
    towers, looked = make(monkeypatch, 5.0)
    assert isinstance(towers, Towers)
    assert towers.images(PIXELS)[0, 0] == 1.0
    assert towers.texts(TOKENS)[0, 0] == 1.0
    assert (towers.name, looked) == ("slow", [])
    assert towers.images(PIXELS)[0, 0] == 1.0  # the sixth second: what was begun is finished
    assert (towers.name, looked) == ("fast", ["looked"])
    for _ in range(5):
        assert towers.images(PIXELS)[0, 0] == 2.0
        assert towers.texts(TOKENS)[0, 0] == 2.0
    assert looked == ["looked"]


def test_little_work_never_waits(monkeypatch: object) -> None:
    towers, looked = make(monkeypatch, 100.0)
    for _ in range(20):
        towers.images(PIXELS)
    assert looked == []


@pytest.mark.parametrize(("patience_s", "times"), [(20.0, 1), (8.0, 0)])
def test_before_much_work_a_large_model_is_settled_at_once(
    patience_s: float, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    towers, looked = make(monkeypatch, patience_s)
    for _ in range(2):
        towers.settle()
        assert len(looked) == times
    assert towers.name == ("fast" if times else "slow")


def test_one_call_at_a_time_until_it_has_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Constant, "calls_at_a_time", 2, raising=False)
    towers, _ = make(monkeypatch, 3.0)
    assert calls_at_a_time(towers) == 1
    towers.images(PIXELS)
    assert calls_at_a_time(towers) == 1
    towers.images(PIXELS)
    assert (towers.name, calls_at_a_time(towers)) == ("fast", 2)


def test_looking_aside_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, go_on = Clock(), threading.Event()
    monkeypatch.setattr(adaptive, "time", clock)

    def look() -> Towers:
        assert go_on.wait(10)
        return Constant("fast", 2.0, clock)

    towers = AdaptiveTowers(Constant("slow", 1.0, clock), look, patience_s=2.0)
    towers.look_aside()
    for _ in range(5):  # it is being looked for all the while
        assert towers.texts(TOKENS)[0, 0] == 1.0
    go_on.set()
    end = time.monotonic() + 10
    while towers.name != "fast":
        assert time.monotonic() < end
        time.sleep(0.001)
    assert towers.texts(TOKENS)[0, 0] == 2.0
