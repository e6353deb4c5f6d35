"""What the index loses: the store's answers against comparing everything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchengine.evaluate.exact import nearest, recalls, without
from searchengine.evaluate.task import sampled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from searchengine.encoders.contract import Vectors
    from searchengine.evaluate.task import Task
    from searchengine.store.contract import SideInfo, Store

MOST_QUERIES = 200
"""Asked of each kind, for each is compared with the whole corpus."""


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
    """Return recall@k of the store's answers to n vectors (n, dim), as ``exact.recalls`` counts.

    ``own`` are the ids of the queries where they are items of the side themselves; each is left
    out of its answer. ``advance`` is told of every item compared.
    """
    top = max(ks)
    best = nearest(store, info.side, vectors, top, own=own, advance=advance)
    answers = store.search(info.side, vectors, limit=top + (own is not None), by_index=True)
    found = without(answers, own, top)
    shares = {
        k: float(recalls([one[:k] for one in best], [one[:k] for one in found]).mean()) for k in ks
    }
    return IndexRecall(asked, len(vectors), shares)


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
