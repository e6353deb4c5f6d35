"""A task: queries whose right answers are known, and what they are asked of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from searchengine.evaluate import metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from searchengine.encoders.contract import Vectors
    from searchengine.evaluate.galleries import Gallery

TaskName = Literal["text-to-image", "image-to-text", "image-to-image"]
TASKS: tuple[TaskName, ...] = ("text-to-image", "image-to-text", "image-to-image")

BATCH = 64
"""Queries asked at a time. A Lite search costs nearly as much for one as for so many."""


@dataclass(frozen=True, slots=True)
class Task:
    """Queries, their right answers, and what they are asked of."""

    name: TaskName
    asked: str
    """What the queries are, for people: ``captions``, ``class names``, ``images``."""
    searched: str
    """What is searched, for people: ``images``, ``captions``, ``texts``."""
    gallery: Gallery
    keys: tuple[str, ...]
    """One a query: its text, or the id of its image."""
    right: tuple[frozenset[str], ...]
    """Ids of the gallery that answer each query, at least one each besides the query itself."""
    vectors: Callable[[Sequence[str]], Vectors]
    """Turns keys into unit vectors, float32 (n, dim)."""
    leave_out: bool = False
    """Whether a query is an item of the gallery, that must not answer itself."""

    @property
    def candidates(self) -> int:
        """How many things may come out for one query."""
        return self.gallery.size - self.leave_out

    @property
    def totals(self) -> metrics.Counts:
        """How many right answers each query has: int64 (n,)."""
        counts = [
            len(wanted) - (self.leave_out and key in wanted)
            for key, wanted in zip(self.keys, self.right, strict=True)
        ]
        return np.array(counts, np.int64)


def sampled(task: Task, most: int | None) -> Task:
    """Return the task with ``most`` of its queries at most: a random few, always the same."""
    if most is None or most >= len(task.keys):
        return task
    places = sorted(range(len(task.keys)), key=lambda place: _drawn(task.keys[place]))[:most]
    return replace(
        task,
        keys=tuple(task.keys[place] for place in places),
        right=tuple(task.right[place] for place in places),
    )


def ask(
    task: Task, ks: Sequence[int], depth: int, advance: Callable[[int], None]
) -> dict[str, metrics.Values]:
    """Ask every query and return what ``metrics.measure`` says of the answers.

    Rankings are ``depth`` long. What looks only at the first k is measured on an answer as long as
    the greatest k, which is what a person would have asked for: some indexes search harder for
    longer answers. ``advance`` is told how many queries have been asked since it was last told.
    """
    batches: list[dict[str, metrics.Values]] = []
    totals = task.totals
    top = max(ks)
    for start in range(0, len(task.keys), BATCH):
        some = slice(start, start + BATCH)
        vectors = task.vectors(task.keys[some])
        right = _judge(task, some, vectors, max(depth, top))
        values = metrics.measure(right, totals[some], ks)
        if not task.gallery.exact:
            near = _judge(task, some, vectors, top)
            cut = metrics.measure(near, totals[some], ks)
            values |= {name: each for name, each in cut.items() if "@" in name}
        batches.append(values)
        advance(len(vectors))
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def _judge(task: Task, some: slice, vectors: Vectors, depth: int) -> metrics.Right:
    depth = min(depth, task.candidates)
    right = np.zeros((len(vectors), depth), np.bool_)
    answers = task.gallery.search(vectors, depth + task.leave_out)
    asked = zip(task.keys[some], task.right[some], answers, strict=True)
    for row, (key, wanted, answer) in enumerate(asked):
        others = [one for one in answer if one != key] if task.leave_out else answer
        for place, one in enumerate(others[:depth]):
            right[row, place] = one in wanted
    return right


def _drawn(key: str) -> bytes:
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
