"""Batches under way: how many at a time, in what order they come out, and what they fail with."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ingest.clock import StageClock
from ingest.encoding import Encoding
from ingest.items import Ready
from ingest.plan import Todo
from ingest.sources.contract import Asset
from searchengine.encoders.contract import calls_at_a_time
from searchengine.encoders.fake import FakeEncoder
from searchengine.errors import EncoderError
from searchengine.records import Item

PATIENCE_S = 20.0


class Watched(FakeEncoder):
    """Calls ``during(number of the batch)`` in each call; batches are numbered by their grey."""

    def __init__(self, calls: int, during: Callable[[int], None] = lambda _: None) -> None:
        super().__init__()
        self.calls_at_a_time = calls
        self._during = during
        self.threads: set[int] = set()
        self._guard = threading.Lock()
        self._inside = 0
        self.most = 0

    def encode_images(self, pixels: Any) -> Any:
        with self._guard:
            self._inside += 1
            self.most = max(self.most, self._inside)
            self.threads.add(threading.get_ident())
        try:
            self._during(int(pixels[0, 0, 0, 0]))
            return super().encode_images(pixels)
        finally:
            with self._guard:
                self._inside -= 1


def batch(number: int, items: int = 3) -> list[Ready]:
    """Items of pictures that are all of one grey."""
    ready = []
    for at in range(items):
        uri, key = f"file:///{number}/{at}.png", f"{number:016d}{at:016d}"
        asset = Asset(uri, "image", "r", 1, 0)
        item = Item(key, uri, "image", "r", "0" * 32, 1, 0, "image/png")
        ready.append(Ready(Todo(asset, key, None), item, np.full((32, 32, 3), number, np.uint8)))
    return ready


def numbers(done: Any) -> list[int]:
    return [int(one.batch[0].item.uri.split("/")[3]) for one in done]


def test_as_many_are_under_way_as_the_encoder_says() -> None:
    together = threading.Barrier(2)
    encoder = Watched(2, lambda _: together.wait(PATIENCE_S) and None)
    assert calls_at_a_time(encoder) == 2
    with Encoding(lambda: encoder, StageClock()) as encoding:
        out = [one for n in range(4) for one in encoding.start(batch(n))]
        out += encoding.rest()
    assert numbers(out) == [0, 1, 2, 3]
    assert encoder.most == 2


def test_an_encoder_that_says_nothing_has_one_call_at_a_time_from_one_thread() -> None:
    assert calls_at_a_time(FakeEncoder()) == 1
    encoder = Watched(1)
    with Encoding(lambda: encoder, StageClock()) as encoding:
        out = [one for n in range(20) for one in encoding.start(batch(n))]
        out += encoding.rest()
    assert numbers(out) == list(range(20))
    assert (encoder.most, len(encoder.threads)) == (1, 1)


def test_the_next_batch_is_gathered_while_one_is_encoded() -> None:
    go_on = threading.Event()
    encoder = Watched(1, lambda _: go_on.wait(PATIENCE_S) and None)
    with Encoding(lambda: encoder, StageClock()) as encoding:
        assert encoding.start(batch(0)) == []
        assert list(encoding.done()) == [], "it does not wait"
        go_on.set()
        assert numbers(encoding.rest()) == [0]


def test_what_is_done_first_waits_for_what_was_started_first() -> None:
    second_is_done = threading.Event()

    def during(number: int) -> None:
        if number == 0:
            assert second_is_done.wait(PATIENCE_S)

    encoder, clock = Watched(2, during), StageClock()
    with Encoding(lambda: encoder, clock) as encoding:
        first, second = encoding.start(batch(0)), encoding.start(batch(1))
        assert (first, second) == ([], [])
        while clock.read().of("encode").items < 3:  # type: ignore[union-attr]
            pass
        assert list(encoding.done()) == []
        second_is_done.set()
        assert numbers(encoding.rest()) == [0, 1]


def test_the_items_a_model_fails_on_are_told_apart() -> None:
    encoder = FakeEncoder(fail_on=(7, 7, 7))
    mixed = [*batch(7, 1), *batch(8, 2)]
    with Encoding(lambda: encoder, StageClock()) as encoding:
        encoding.start(mixed)
        (done,) = encoding.rest()
    assert [ready.item.uri for ready, _ in done.failures] == ["file:///7/0.png"]
    assert done.batch == mixed[1:]
    assert done.items == 3
    assert isinstance(done.error, EncoderError)
    np.testing.assert_array_equal(
        np.stack(done.vectors), encoder.encode_images(np.stack([one.pixels for one in mixed[1:]]))
    )


def test_what_else_goes_wrong_is_raised_where_the_batch_is_taken() -> None:
    def during(_: int) -> None:
        raise MemoryError("no room")

    encoder = Watched(1, during)
    with Encoding(lambda: encoder, StageClock()) as encoding:
        encoding.start(batch(0))
        with pytest.raises(MemoryError, match="no room"):
            encoding.start(batch(1))


def test_leaving_waits_for_what_is_under_way() -> None:
    left: list[bool] = []
    begun = threading.Event()

    def during(_: int) -> None:
        begun.set()
        threading.Event().wait(0.05)
        left.append(True)

    encoder = Watched(1, during)
    with Encoding(lambda: encoder, StageClock()) as encoding:
        encoding.start(batch(0))
        assert begun.wait(PATIENCE_S)
    assert left == [True]
