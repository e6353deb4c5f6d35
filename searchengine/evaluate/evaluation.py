"""An evaluation: the tasks that captions and classes allow, asked of a corpus and measured."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from searchengine.errors import UsageError
from searchengine.evaluate import captions as by_caption
from searchengine.evaluate import classes as by_class
from searchengine.evaluate.galleries import StoredVectors, TextVectors
from searchengine.evaluate.index_recall import (
    MOST_QUERIES,
    IndexRecall,
    index_recall,
    recall_of_task,
)
from searchengine.evaluate.metrics import RANK, summarise
from searchengine.evaluate.task import TASKS, Task, TaskName, ask, sampled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from searchengine.encoders.contract import Encoder
    from searchengine.evaluate.captions import Captions
    from searchengine.evaluate.classes import Classes
    from searchengine.store.contract import SideInfo, Store

What = TaskName | Literal["index"]
ALL: tuple[What, ...] = (*TASKS, "index")
DEPTH = 1000
"""How long rankings are by default: trec_eval's custom."""
CURVE = 100
"""How far the curve of R@k goes."""

Progress = Callable[[str, int, int], None]
"""Told what is going on, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be measured."""

    captions: Captions | None = None
    classes: Classes | None = None
    what: tuple[What, ...] = ALL
    ks: tuple[int, ...] = (1, 5, 10)
    """Ascending, at least 1."""
    depth: int = DEPTH
    """Places of a ranking that mAP, nDCG, MRR and the median rank look at."""
    sample: int | None = None
    """Queries a task at most; ``None`` for all."""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """How well one task went."""

    task: TaskName
    asked: str
    searched: str
    queries: int
    candidates: int
    """How many things may come out for a query."""
    depth: int
    """How many of them were looked at."""
    metrics: Mapping[str, float | None]
    """By the names of ``metrics.summarise``; and ``1nn_accuracy`` of image-to-image."""
    curve: tuple[float, ...]
    """Share of queries with a right hit among the first k, for k from 1."""

    @property
    def complete(self) -> bool:
        """Whether rankings were looked at to their end."""
        return self.depth >= self.candidates


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured."""

    results: tuple[TaskResult, ...]
    index: tuple[IndexRecall, ...]
    notes: tuple[str, ...]
    """What a reader of the figures should know."""


def evaluate(
    store: Store,
    info: SideInfo,
    load_encoder: Callable[[], Encoder],
    wanted: Wanted,
    on_progress: Progress = lambda what, done, total: None,
) -> Evaluation:
    """Ask the image side ``info`` of a corpus the queries whose answers are known, and measure.

    The store is asked as for a user's query, index and all; vectors of indexed items are read from
    it, texts are encoded without prompts by the encoder, which is loaded at the first of them.
    Raises ``UsageError`` where nothing can be asked, and what store and encoder raise.
    """
    texts = TextVectors(load_encoder)
    results: list[TaskResult] = []
    recalls: list[IndexRecall] = []
    notes: list[str] = []
    for task in _tasks(store, info, texts, wanted):
        if not task.keys:
            notes.append(f"{task.name} was not asked: every class has but one image")
            continue
        if task.name in wanted.what:
            results.append(_run(task, wanted, on_progress))
        if "index" in wanted.what and task.searched == "images":
            recalls.append(_recall(task, store, info, wanted.ks, on_progress))
    if "index" in wanted.what and "images" not in {one.asked for one in recalls}:
        recalls.append(_recall_of_images(store, info, wanted.ks, on_progress))
    if not results and not recalls:
        raise UsageError("; ".join(notes) or "there is nothing to ask")
    return Evaluation(tuple(results), tuple(recalls), tuple(notes))


def _tasks(store: Store, info: SideInfo, texts: TextVectors, wanted: Wanted) -> Iterator[Task]:
    """Yield the tasks, each built only when the one before it is done."""
    index = "index" in wanted.what
    if wanted.captions is not None:
        if index or "text-to-image" in wanted.what:
            task = by_caption.text_to_image(store, info, wanted.captions, texts)
            yield sampled(task, wanted.sample)
        if "image-to-text" in wanted.what:
            task = by_caption.image_to_text(store, info, wanted.captions, texts)
            yield sampled(task, wanted.sample)
    if wanted.classes is not None:
        if index or "text-to-image" in wanted.what:
            task = by_class.names_by_class(store, info, wanted.classes, texts)
            yield sampled(task, wanted.sample)
        if index or "image-to-image" in wanted.what:
            task = by_class.images_by_class(store, info, wanted.classes)
            yield sampled(task, wanted.sample)


def _run(task: Task, wanted: Wanted, on_progress: Progress) -> TaskResult:
    done = 0

    def advance(more: int) -> None:
        nonlocal done
        done += more
        on_progress(f"{task.name} ({task.asked})", done, len(task.keys))

    values = ask(task, wanted.ks, wanted.depth, advance)
    ranks = values[RANK]
    depth = min(max(wanted.depth, *wanted.ks), task.candidates)
    figures = summarise(values)
    if task.leave_out:
        figures["1nn_accuracy"] = float(np.mean(ranks == 1))
    return TaskResult(
        task=task.name,
        asked=task.asked,
        searched=task.searched,
        queries=len(task.keys),
        candidates=task.candidates,
        depth=depth,
        metrics=figures,
        curve=tuple(float(np.mean(ranks <= k)) for k in range(1, min(depth, CURVE) + 1)),
    )


def _recall(
    task: Task, store: Store, info: SideInfo, ks: Sequence[int], on_progress: Progress
) -> IndexRecall:
    return recall_of_task(task, store, info, ks, _counting(info, on_progress))


def _recall_of_images(
    store: Store, info: SideInfo, ks: Sequence[int], on_progress: Progress
) -> IndexRecall:
    """Return the index's recall for a random few of the stored images."""
    ids = heapq.nsmallest(MOST_QUERIES, (row["id"] for row in store.scan(info.side)))
    vectors = StoredVectors(store, info)(ids)
    advance = _counting(info, on_progress)
    return index_recall(store, info, "images", vectors, ks, own=ids, advance=advance)


def _counting(info: SideInfo, on_progress: Progress) -> Callable[[int], None]:
    done = 0

    def advance(more: int) -> None:
        nonlocal done
        done += more
        on_progress("exact search", done, max(done, info.count))

    return advance
