"""What the index loses: the store's answers against comparing everything."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from searchengine.evaluate.task import sampled
from searchengine.store.ranking import TopK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from searchengine.encoders.contract import Vectors
    from searchengine.evaluate.task import Task
    from searchengine.store.contract import Found, SideInfo, Store

MOST_QUERIES = 200
"""Asked of each kind, for each is compared with the whole corpus."""
_ROWS = 4096
_EPSILON = 1.5e-6
"""Scores are rounded to six digits, and two ways of adding up may round apart."""


@dataclass(frozen=True, slots=True)
class IndexRecall:
    """How much of the exact answer the index finds, for one kind of query."""

    asked: str
    """``captions``, ``class names`` or ``images`` (stored vectors, each left out of its answer)."""
    queries: int
    recall: Mapping[int, float]
    """By k: the share of the first k hits that are as near as the exact k-th, averaged."""


def index_recall(
    store: Store,
    info: SideInfo,
    asked: str,
    vectors: Vectors,
    ks: Sequence[int],
    *,
    own: Sequence[str] | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> IndexRecall:
    """Return recall@k of the store's answers to n vectors (n, dim) against exact search.

    Counted as ann-benchmarks counts: a hit as near as the exact k-th is right, whichever of the
    tied items it is (Aumüller, Bernhardsson, Faithfull, "ANN-Benchmarks", Information Systems 87,
    2020). ``own`` are the ids of the queries where they are items of the side themselves;
    each is left out of its answers. ``advance`` is told of every item compared.
    """
    top = max(ks) + (own is not None)
    best = TopK(vectors, top)
    rows = iter(store.scan(info.side, fields=("id", "vector")))
    while some := list(islice(rows, _ROWS)):
        best.add([row["id"] for row in some], np.stack([row["vector"] for row in some]))
        advance(len(some))
    answers = store.search(info.side, vectors, limit=top)
    left_out = own if own is not None else [""] * len(vectors)
    shares: dict[int, list[float]] = {k: [] for k in ks}
    for one, exact, found in zip(left_out, best.found(), answers, strict=True):
        true, mine = _scores(exact, one), _scores(found, one)
        for k in ks:
            if true:
                wanted = true[:k]
                near = sum(score >= wanted[-1] - _EPSILON for score in mine[: len(wanted)])
                shares[k].append(near / len(wanted))
    means = {k: float(np.mean(values)) if values else 1.0 for k, values in shares.items()}
    return IndexRecall(asked, len(vectors), means)


def recall_of_task(
    task: Task, store: Store, info: SideInfo, ks: Sequence[int], advance: Callable[[int], None]
) -> IndexRecall:
    """Return the index's recall on a task's own queries, at most ``MOST_QUERIES`` of them."""
    keys = sampled(task, MOST_QUERIES).keys
    return index_recall(
        store,
        info,
        task.asked,
        task.vectors(keys),
        ks,
        own=keys if task.leave_out else None,
        advance=advance,
    )


def _scores(hits: Sequence[Found], left_out: str) -> list[float]:
    return [hit.score for hit in hits if hit.id != left_out]
