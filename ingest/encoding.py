"""Batches on their way through the model: in threads beside, and taken out in the order of entry.

While a batch is encoded the next one is gathered, and an encoder that says so (``TakesSeveral``) is
given it before the last one is done: else its cores would wait, one after the other as they get
done with their part of a batch, until the last of them is, and the next batch has been handed over.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.items import encode
from searchengine.encoders.contract import calls_at_a_time
from searchengine.errors import EncoderError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from ingest.clock import StageClock
    from ingest.items import Ready
    from searchengine.encoders.contract import Encoder, Vectors

_MOST_CALLS = 4


@dataclass(frozen=True, slots=True)
class Encoded:
    """What has become of a batch."""

    batch: list[Ready]
    vectors: list[Vectors]
    """float32 (dim,), one for each item of ``batch``."""
    failures: list[tuple[Ready, EncoderError]]
    """Items that the model gives no vector for; they are not in ``batch``."""
    error: EncoderError | None
    """What the batch failed with as a whole, before its items were tried singly."""
    items: int
    began_s: float
    ended_s: float
    """By ``time.perf_counter``."""


class Encoding:
    """The batches under way. A context manager; leaving it waits for them, and forgets them."""

    def __init__(self, encoder: Callable[[], Encoder], clock: StageClock) -> None:
        """``encoder`` is called from any thread, whenever one is needed."""
        self._encoder = encoder
        self._clock = clock
        # One at a time always in the same thread: torch has a team of threads for each that calls.
        self._lanes = [ThreadPoolExecutor(1, "encode") for _ in range(_MOST_CALLS)]
        self._under_way: deque[Future[Encoded]] = deque()
        self._started = 0

    def __enter__(self) -> Encoding:
        return self

    def __exit__(self, *_: object) -> None:
        for lane in self._lanes:
            lane.shutdown(cancel_futures=True)

    def start(self, batch: list[Ready]) -> list[Encoded]:
        """Start a batch of one modality, once there is room; return those that got done for it.

        Raises what stopped one of those, unless it is an ``EncoderError``.
        """
        calls = min(_MOST_CALLS, calls_at_a_time(self._encoder()))
        done = []
        while len(self._under_way) >= calls:
            done.append(self._under_way.popleft().result())
        lane = self._lanes[self._started % calls]
        self._under_way.append(lane.submit(self._encode, batch))
        self._started += 1
        return done

    def done(self) -> Iterator[Encoded]:
        """Yield what is done, without waiting; raises as ``start`` does."""
        while self._under_way and self._under_way[0].done():
            yield self._under_way.popleft().result()

    def rest(self) -> Iterator[Encoded]:
        """Yield all that is under way; raises as ``start`` does."""
        while self._under_way:
            yield self._under_way.popleft().result()

    def _encode(self, batch: list[Ready]) -> Encoded:  # in a thread beside
        return encode_batch(self._encoder(), batch, self._clock)


def encode_batch(encoder: Encoder, batch: list[Ready], clock: StageClock) -> Encoded:
    """Encode a batch of one modality; where it fails, its items one by one."""
    began = time.perf_counter()
    failures: list[tuple[Ready, EncoderError]] = []
    reason: EncoderError | None = None
    good = batch
    with clock.jointly("encode", len(batch)):
        try:
            vectors = list(encode(encoder, batch))
        except EncoderError as error:
            reason = error
            good, vectors, failures = _singly(encoder, batch)
    return Encoded(good, vectors, failures, reason, len(batch), began, time.perf_counter())


def _singly(
    encoder: Encoder, batch: list[Ready]
) -> tuple[list[Ready], list[Vectors], list[tuple[Ready, EncoderError]]]:
    """Find out which items the model fails on."""
    good: list[Ready] = []
    vectors: list[Vectors] = []
    failures: list[tuple[Ready, EncoderError]] = []
    for one in batch:
        try:
            vectors.append(encode(encoder, [one])[0])
            good.append(one)
        except EncoderError as error:
            failures.append((one, error))
    return good, vectors, failures
