"""Clients for ``serve_load.py``: HTTP/1.1 over sockets that stay open, and little besides.

The clients share the machine with what they measure, so they do no more than they have to.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import itertools
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from serve_truth import Truth

LIMIT = 10
"""Hits that are asked for."""


@dataclass(slots=True)
class Load:
    """What came of some seconds of load."""

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    """Of the requests that were answered with 200."""
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[tuple[float, str, int]] = field(default_factory=list)
    """Whose answer was another than it can be: when, the text, how many hits."""
    recalls: list[float] = field(default_factory=list)
    """Of the answers that were not wrong."""
    timeline: list[tuple[float, int]] = field(default_factory=list)
    """When each answer came (``time.monotonic``), and its status."""

    def figures(self) -> dict[str, Any]:
        """Return throughput and latencies."""
        p50, p99 = np.percentile(self.times, (50, 99)) if self.times else (0.0, 0.0)
        return {
            "requests": len(self.times),
            "per_s": round(len(self.times) / self.seconds, 1),
            "p50_ms": round(float(p50) * 1e3, 2),
            "p99_ms": round(float(p99) * 1e3, 2),
            "statuses": {str(status): n for status, n in sorted(self.statuses.items())},
            "wrong": len(self.wrong),
            "recall": round(float(np.mean(self.recalls)), 4) if self.recalls else 0.0,
        }


class Connection:
    """One socket that stays open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, path: str) -> tuple[int, bytes]:
        """Return status and body of a GET; -1 where the connection broke."""
        try:
            if self._writer is None:
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
            assert self._reader is not None
            self._writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = 0
            for line in head.split(b"\r\n"):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            return int(head[9:12]), await self._reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            return -1, b""

    def close(self) -> None:
        """Let go of the socket."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


class Clients:
    """A number of clients, each asking its next question as soon as it has an answer."""

    def __init__(self, port: int, corpus: str, texts: Sequence[str]) -> None:
        self._port = port
        self._paths = {
            text: f"/v1/corpora/{quote(corpus, safe='')}/search?limit={LIMIT}&q={quote(text)}"
            for text in texts
        }
        self._next: Iterator[str] = itertools.cycle(texts)

    def at(self, port: int) -> Clients:
        """Return clients of another service with the same questions."""
        other = copy.copy(self)
        other._port = port
        return other

    async def load(
        self,
        count: int,
        until: Callable[[], bool],
        truth: Truth,
    ) -> Load:
        """Keep ``count`` questions under way until then; hold each answer against the truth."""
        load, start = Load(), time.monotonic()
        await asyncio.gather(*(self._client(load, until, truth) for _ in range(count)))
        load.seconds = time.monotonic() - start
        return load

    async def _client(
        self,
        load: Load,
        until: Callable[[], bool],
        truth: Truth,
    ) -> None:
        connection = Connection(self._port)
        while not until():
            text = next(self._next)
            asked = time.perf_counter()
            status, body = await connection.ask(self._paths[text])
            took = time.perf_counter() - asked
            load.statuses[status] += 1
            load.timeline.append((time.monotonic(), status))
            if status == 200:
                load.times.append(took)
                found = scores_of(body)
                recall = truth.recall(text, found)
                if recall is None:
                    load.wrong.append((time.monotonic(), text, len(found)))
                else:
                    load.recalls.append(recall)
            else:
                await asyncio.sleep(0.05)  # whoever is refused does not ask again at once
        connection.close()


def scores_of(body: bytes) -> dict[str, float]:
    """Return the cosine of each hit of an answer by its id, best first."""
    return {hit["id"]: hit["score"] for hit in json.loads(body)["hits"]}


def for_seconds(seconds: float) -> Callable[[], bool]:
    """Return what tells whether so many seconds have passed since now."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


@contextlib.contextmanager
def said_when(tell: Callable[[str], None], what: str) -> Iterator[None]:
    """Say how long a block took."""
    start = time.monotonic()
    yield
    tell(f"{what}: {time.monotonic() - start:.1f} s")
