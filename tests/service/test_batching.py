"""Requests that arrive together are encoded together; each gets its own, and only its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from searchengine.encoders import load_encoder
from searchengine.encoders.contract import Vectors
from searchengine.encoders.fake import FakeEncoder
from searchengine.errors import DeadlineError, EncoderError, OverloadError
from searchengine.service.batched_encoder import BatchedEncoder, Company
from searchengine.service.batching import Batching, Bounds
from searchengine.service.call import Call, calling

BOUNDS = Bounds(most=64, wait_s=0.05, waiting=1000)


class Gate:
    """Work that waits to be let through, and remembers its batches."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.begun = threading.Semaphore(0)
        self.batches: list[list[int]] = []

    def __call__(self, rows: list[int]) -> Vectors:
        self.batches.append(rows)
        self.begun.release()
        assert self.open.wait(10)
        return np.array([[row] for row in rows], np.float32)

    def wait_until_begun(self) -> None:
        assert self.begun.acquire(timeout=10)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def asked(batching: Batching[int], rows: Sequence[int], call: Call | None = None) -> Vectors:
    with calling(call or Call()):
        return batching(rows)


def test_what_waits_together_is_done_together() -> None:
    gate = Gate()
    batching = Batching(gate, BOUNDS, name="test")
    with ThreadPoolExecutor(21) as pool:
        first = pool.submit(asked, batching, [0])
        gate.wait_until_begun()
        others = [pool.submit(asked, batching, [n, -n]) for n in range(1, 21)]
        until(lambda: batching.waiting == 40)
        gate.open.set()
        assert first.result(10).tolist() == [[0]]
        for n, one in enumerate(others, start=1):
            assert one.result(10).tolist() == [[n], [-n]]
    assert [len(batch) for batch in gate.batches] == [1, 40]
    batching.close()


def test_who_asks_for_much_takes_turns() -> None:
    gate = Gate()
    batching = Batching(gate, Bounds(most=4, wait_s=0, waiting=1000), name="test")
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(asked, batching, [0])
        gate.wait_until_begun()
        large = pool.submit(asked, batching, list(range(100, 110)))
        until(lambda: batching.waiting == 10)
        small = pool.submit(asked, batching, [1])
        until(lambda: batching.waiting == 11)
        gate.open.set()
        assert small.result(10).tolist() == [[1]]
        assert large.result(10).tolist() == [[n] for n in range(100, 110)]
        first.result(10)
    # One batch of the large one, not three of them, came before the small one.
    assert gate.batches[:3] == [[0], [100, 101, 102, 103], [1, 104, 105, 106]]
    batching.close()


def test_a_batch_waits_only_where_others_are_near() -> None:
    near = 1
    batching: Batching[int] = Batching(
        lambda rows: np.array([[row] for row in rows], np.float32),
        Bounds(most=64, wait_s=5, waiting=1000),
        name="test",
        near=lambda: near,
    )
    start = time.monotonic()
    for n in range(50):
        asked(batching, [n])
    alone = time.monotonic() - start
    near = 1000  # they never come: the gap ends the wait, long before its bound
    start = time.monotonic()
    for n in range(50):
        asked(batching, [n])
    assert alone < 2
    assert time.monotonic() - start < 4
    batching.close()


def test_a_full_queue_is_an_error_that_says_when_to_come_again() -> None:
    gate = Gate()
    batching = Batching(gate, Bounds(most=4, wait_s=0, waiting=6), name="test")
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(asked, batching, [0])]
        gate.wait_until_begun()
        jobs += [pool.submit(asked, batching, [1, 2, 3]) for _ in range(2)]
        until(lambda: batching.waiting == 6)
        with pytest.raises(OverloadError) as caught:
            asked(batching, [4])
        assert caught.value.retry_after_s >= 0
        gate.open.set()
        for job in jobs:
            job.result(10)
    assert asked(batching, [5]).tolist() == [[5]]
    batching.close()


def test_who_is_gone_is_not_encoded_and_makes_room() -> None:
    gate = Gate()
    batching = Batching(gate, Bounds(most=4, wait_s=0, waiting=2), name="test")
    leaving, late = Call(), Call(deadline=time.monotonic() + 0.1)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(asked, batching, [0])
        gate.wait_until_begun()
        gone = pool.submit(asked, batching, [7], leaving)
        slow = pool.submit(asked, batching, [8], late)
        until(lambda: batching.waiting == 2)
        with pytest.raises(DeadlineError):
            slow.result(10)
        leaving.gone.set()
        stays = pool.submit(asked, batching, [1])  # the queue is full but for those two
        with pytest.raises(DeadlineError):
            gone.result(10)
        gate.open.set()
        assert stays.result(10).tolist() == [[1]]
        first.result(10)
    assert gate.batches == [[0], [1]]
    with pytest.raises(DeadlineError):
        asked(batching, [9], leaving)
    batching.close()


def test_an_error_is_only_whose_fault_it_is() -> None:
    encoder = BatchedEncoder(FakeEncoder(fail_on="poison"), Company(BOUNDS, BOUNDS, lambda: 30))
    texts = [f"red {n}" if n % 10 else f"poison {n}" for n in range(30)]

    def encode(text: str) -> Any:
        try:
            return encoder.encode_texts(["blue", text, text])
        except EncoderError as error:
            return error

    with ThreadPoolExecutor(30) as pool:
        found = list(pool.map(encode, texts))
    for n, one in enumerate(found):
        if n % 10:
            expected = FakeEncoder().encode_texts(["blue", texts[n], texts[n]])
            np.testing.assert_array_equal(one, expected)
        else:
            assert isinstance(one, EncoderError)
            assert one.bad_rows == (1, 2)
    encoder.close()


def test_bad_rows_of_a_large_request_are_its_own_places() -> None:
    encoder = BatchedEncoder(
        FakeEncoder(fail_on="poison"), Company(Bounds(4, 0, 100), Bounds(4, 0, 100))
    )
    with pytest.raises(EncoderError) as caught:
        encoder.encode_texts([f"red {n}" for n in range(9)] + ["poison", "blue"])
    assert caught.value.bad_rows == (9,)
    assert encoder.waiting == {"text": 0, "image": 0}
    encoder.close()


def test_after_closing_there_is_an_error_and_no_wait() -> None:
    batching: Batching[int] = Batching(lambda rows: np.zeros((len(rows), 1)), BOUNDS, name="test")
    batching.close()
    with pytest.raises(OverloadError):
        asked(batching, [1])


def test_a_real_model_gives_the_same_vectors_to_rounding(photo_mini: Path) -> None:
    inner = load_encoder(f"local-dir:{photo_mini}", runtime="torch", precision="fp32")
    sizes: list[int] = []
    company = Company(BOUNDS, BOUNDS, lambda: 64, lambda tower, rows: sizes.append(rows))
    encoder = BatchedEncoder(inner, company)
    texts = [f"{thing} number {n}" for n in range(16) for thing in ("a dog", "two red cars")]
    pixels = np.random.default_rng(0).integers(0, 256, (16, 224, 224, 3), np.uint8)
    with ThreadPoolExecutor(48) as pool:
        words = [pool.submit(encoder.encode_texts, [text]) for text in texts]
        looks = [pool.submit(encoder.encode_images, one[None]) for one in pixels]
        together = np.concatenate([one.result() for one in [*words, *looks]])
    assert len(sizes) < 48
    alone = np.concatenate(
        [inner.encode_texts([text]) for text in texts]
        + [inner.encode_images(one[None]) for one in pixels]
    )
    assert np.abs(together - alone).max() < 1e-5
    encoder.close()
