"""Find the least search effort of an index that reaches a recall, on the corpus's own data.

The queries are those of ``evaluate.probes``. More effort never finds less, so the efforts that are
tried are bisected.

A recall that is measured on some queries is not the recall on the next ones. An effort counts as
good enough when the recall less its statistical error (one-sided, 95%) reaches the target, for
each kind of query.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from searchengine.errors import QueryError
from searchengine.evaluate.exact import recalls, without
from searchengine.evaluate.probes import Asked, ask
from searchengine.store.contract import Effort
from searchengine.store.effort import check_tunable, depth_of, least, most, tuned
from searchengine.store.profiles import MAX_HITS, PROFILES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from searchengine.encoders.contract import Vectors
    from searchengine.records import Side
    from searchengine.store.contract import Found, SideInfo, Store

_STEP = 1.1
"""From one effort to the next one tried."""
_GALLOP = 8
"""Steps taken at once until an effort is good enough."""
_Z = 1.645
"""One-sided 95% of a normal distribution."""
_WARM_UP = 5


@dataclass(frozen=True, slots=True)
class Trial:
    """One effort, measured."""

    effort: int
    recall: float
    """recall@k, the least of all kinds of queries."""
    sure: float
    """The recall less its statistical error, the least of all kinds."""
    p50_ms: float
    p99_ms: float
    """Milliseconds one query takes, without the wait for the newest writes."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was tried on one side, and what came of it."""

    info: SideInfo
    """The side as it is now."""
    parameter: str
    """What the effort is called: ``ef``, ``nprobe``, ..."""
    target: float
    k: int
    queries: tuple[tuple[str, int], ...]
    """How many of which kind."""
    before: Trial
    after: Trial
    tried: tuple[Trial, ...]
    """In ascending order of effort."""

    @property
    def reached(self) -> bool:
        """Whether the target was reached."""
        return self.after.sure >= self.target


def tune(
    store: Store,
    side: Side,
    *,
    recall: float,
    k: int = 10,
    queries: int = 200,
    tell: Callable[[str], None] = lambda _: None,
) -> Tuning:
    """Choose the least effort with recall@k >= ``recall`` for a side, and keep it with the side.

    Where no effort reaches it, the least of those that come nearest is kept, and
    ``Tuning.reached`` is false. Raises ``QueryError`` for numbers that make no
    sense, ``UnsupportedError`` for an index with nothing to tune and
    ``NotFoundError`` for a side that is not there.
    """
    _check(recall, k, queries)
    info = store.settle(side)  # a server searches what is not settled through a stand-in index
    check_tunable(info.index)
    if info.count < 2:
        raise QueryError(
            f"the {side.modality}s of corpus {side.corpus!r} are too few to measure anything on",
            hint="Index something first.",
        )
    profile = PROFILES[info.index]
    asked = ask(store, info, k, queries, tell)
    now = profile.search(info.count, depth_of(profile, k))
    if info.effort is not None:
        now = tuned(profile, info.count, depth_of(profile, k), info.effort)
    bench = _Bench(store, side, asked, k, profile.effort, tell)
    before = bench.measure(int(now[profile.effort]))
    first = least(profile, depth_of(profile, k + 1))
    after = _search(bench.measure, _ladder(first, most(profile, info.count)), recall)
    effort = Effort(after.effort, k, info.count, round(after.recall, 4))
    return Tuning(
        info=store.set_effort(side, effort),
        parameter=profile.effort,
        target=recall,
        k=k,
        queries=tuple((one.kind, len(one.vectors)) for one in asked),
        before=before,
        after=after,
        tried=bench.tried(),
    )


class _Bench:
    """Asks one query after the other with a given effort; remembers what it has measured."""

    def __init__(
        self,
        store: Store,
        side: Side,
        asked: Sequence[Asked],
        k: int,
        parameter: str,
        tell: Callable[[str], None],
    ) -> None:
        self._store = store
        self._side = side
        self._asked = asked
        self._k = k
        self._parameter = parameter
        self._tell = tell
        self._known: dict[int, Trial] = {}

    def measure(self, effort: int) -> Trial:
        """Return recall and latency with that effort."""
        if effort not in self._known:
            self._known[effort] = trial = self._measure(effort)
            self._tell(
                f"{self._parameter} {effort:,}: recall@{self._k} {trial.recall:.4f}, "
                f"p50 {trial.p50_ms:.1f} ms"
            )
        return self._known[effort]

    def tried(self) -> tuple[Trial, ...]:
        """Return everything that was measured, in ascending order of effort."""
        return tuple(trial for _, trial in sorted(self._known.items()))

    def _measure(self, effort: int) -> Trial:
        for vector in nudged(self._asked[0].vectors[:_WARM_UP], 2 * len(self._known)):
            self._search(vector, effort, self._k)
        taken: list[float] = []
        means, sures = [], []
        for one in self._asked:
            limit = self._k + (one.own is not None)
            answers = []
            for vector in nudged(one.vectors, 2 * len(self._known) + 1):
                start = time.perf_counter()
                answers.append(self._search(vector, effort, limit))
                taken.append(1000 * (time.perf_counter() - start))
            shares = recalls(one.exact, without(answers, one.own, self._k))
            means.append(float(shares.mean()))
            sures.append(_sure(shares))
        p50, p99 = np.percentile(taken, (50, 99))
        return Trial(effort, min(means), min(sures), float(p50), float(p99))

    def _search(self, vector: Vectors, effort: int, limit: int) -> list[Found]:
        [hits] = self._store.search(
            self._side, vector[None], limit=limit, effort=effort, fresh=False
        )
        return hits


def nudged(vectors: Vectors, number: int) -> Vectors:
    """Return the vectors (n, dim) with one component moved to the next float32.

    A server's graph index remembers where the search for a very vector ended, and
    begins there when it is asked again (Milvus 2.3.5: recall@10 of the same 1,000 queries 0.90,
    then 0.94, then 0.99). A number gives vectors that no other number gives.
    """
    moved = vectors.copy()
    column = number % vectors.shape[1]
    for _ in range(1 + number // vectors.shape[1]):
        moved[:, column] = np.nextafter(moved[:, column], np.float32(2))
    return np.asarray(moved, np.float32)


def _sure(shares: np.ndarray) -> float:
    """Return the recall that the next queries have at least, 95 times of 100."""
    error = float(shares.std(ddof=1)) / math.sqrt(len(shares)) if len(shares) > 1 else 1.0
    return float(shares.mean()) - _Z * error


def _search(measure: Callable[[int], Trial], efforts: Sequence[int], target: float) -> Trial:
    """Return the least effort that reaches the target; the best if none does."""
    low, high = 0, min(_GALLOP, len(efforts) - 1)
    while measure(efforts[high]).sure < target:
        if high == len(efforts) - 1:
            return _least_of_the_best(measure, efforts)
        low, high = high + 1, min(high + _GALLOP, len(efforts) - 1)
    while low < high:
        middle = (low + high) // 2
        if measure(efforts[middle]).sure >= target:
            high = middle
        else:
            low = middle + 1
    return measure(efforts[high])


def _least_of_the_best(measure: Callable[[int], Trial], efforts: Sequence[int]) -> Trial:
    """Return the least effort that finds as much as the greatest one."""
    best = measure(efforts[-1])
    low, high = 0, len(efforts) - 1
    while low < high:
        middle = (low + high) // 2
        if measure(efforts[middle]).recall >= best.recall:
            high = middle
        else:
            low = middle + 1
    return measure(efforts[high])


def _ladder(least_: int, most_: int) -> list[int]:
    """Return the efforts that are tried, in ascending order, each a tenth more than the last."""
    efforts = [least_]
    while efforts[-1] < most_:
        efforts.append(min(most_, max(efforts[-1] + 1, round(efforts[-1] * _STEP))))
    return efforts


def _check(recall: float, k: int, queries: int) -> None:
    if not 0 < recall <= 1:
        raise QueryError(f"a recall of {recall} cannot be reached", hint="Above 0, 1 at most.")
    if not 1 <= k < MAX_HITS // 2:
        raise QueryError(f"recall at {k} hits cannot be measured", hint="--k 10, for example.")
    if queries < 2:
        raise QueryError(f"{queries} queries measure nothing", hint="--queries 200, for example.")
