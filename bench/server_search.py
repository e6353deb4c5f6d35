"""Warm searches on a Milvus server beside FAISS's HNSW in this process, over the same vectors.

::

    python bench/server_search.py --items 100000 1000000 --dim 512 --work DIR [--build-only]

A mixture of tight and loose clusters (``made_rows.Mixture``); queries are of the same kind and no
items. Both are HNSW with M 16 and efConstruction 200. The server's ``ef`` is the one that ``tune``
chooses for a recall@10 of 0.99, for its own queries may be a little easier than unseen ones; FAISS
gets the least ``ef`` that finds as much as the server's answers do, and for comparison the least
that reaches 0.98. One query a call, one FAISS thread, all ways in turn, each at another place of
the same queries, so that none finds in the caches what the way before it has just read; and each
with the queries moved by the last bit of one component, for a server knows a query again. ``times``
is the median of a way by that of FAISS at the same recall.

``DIR`` keeps vectors, the FAISS index and the server's data: building a million takes the better
part of an hour, and the next run measures at once. The server is the one in the wheel ``milvus``;
``--uri`` measures another.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from server_world import TOP, World
from surroundings import commit, machine

from searchengine.evaluate.tune import nudged, tune
from searchengine.query.hits import STORED
from searchengine.store import open_store
from searchengine.store.fields import VECTOR
from searchengine.store.ranking import SLACK

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from tests.milvus_process import MilvusProcess  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from searchengine.encoders.contract import Vectors
    from searchengine.store.contract import Store

TARGET = 0.98
TUNED = 0.99
STRONG_QUERIES = 60
"""A read that waits for the newest writes takes 0.2 s, whatever else it does."""
BATCH = 64
WINDOW = 128
"""What the engine asks for where a page is a small one; then it reads the page's rows."""
_CLOSE = 2e-6
_WARM_UP = 50
GOALS = {100_000: 15.0, 1_000_000: 20.0}


def tell(text: str) -> None:
    """Say how far it is."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


@contextmanager
def opened(world: World, work: Path, uri: str) -> Iterator[Store]:
    """Yield the store that holds the world's rows, filled and settled."""
    process = None
    if not uri:
        process = MilvusProcess(world.folder / "milvus", work / "binaries")
        uri = process.start()
    try:
        store = open_store(uri, timeout_s=120)  # one that has just started takes its time
        try:
            world.filled(store)
            yield store
        finally:
            store.close()
    finally:
        if process is not None:
            process.stop()


class Graph:
    """FAISS's HNSW, asked one query at a time."""

    def __init__(self, index: Any) -> None:
        import faiss

        faiss.omp_set_num_threads(1)
        self._index = index
        self._params = faiss.SearchParametersHNSW

    def search(self, query: Vectors, ef: int) -> list[float]:
        """Return the cosines of what it finds for a query (1, dim)."""
        scores, _ = self._index.search(query, TOP, params=self._params(efSearch=ef))
        return list(scores[0].tolist())

    def least_ef(self, queries: Vectors, least: Vectors, recall: float) -> tuple[int, float]:
        """Return the least ``ef`` with that recall, and its recall."""
        ef = TOP
        while True:
            found = [self.search(query[None], ef) for query in queries]
            reached = recall_of(found, least)
            if reached >= recall or ef > 4_096:
                return ef, reached
            ef = max(ef + 1, round(ef * 1.1))


def recall_of(found: list[list[float]], least: Vectors) -> float:
    """Return recall@10: the share of hits as near as the exact 10th."""
    pairs = zip(found, least.tolist(), strict=True)
    return float(
        np.mean([sum(one >= floor - _CLOSE for one in mine[:TOP]) / TOP for mine, floor in pairs])
    )


def ways(
    store: Store, world: World, graph: Graph, efs: dict[str, int]
) -> dict[str, Callable[[Vectors], list[float]]]:
    """Return the ways to answer a query (1, dim), each giving the cosines it finds."""
    connection = store._connection  # type: ignore[attr-defined]
    alias = store._handle(world.side).collection  # type: ignore[attr-defined]

    def answers(query: Vectors, fresh: bool) -> list[float]:
        [hits] = store.search(world.side, query, limit=TOP, fields=("id",), fresh=fresh)
        return [hit.score for hit in hits]

    def whole(query: Vectors, fresh: bool) -> list[float]:
        [hits] = store.search(world.side, query, limit=WINDOW, fields=("id",), fresh=fresh)
        ids = [hit.id for hit in hits[:TOP]]
        store.fetch(world.side, ids, (*STORED, VECTOR), fresh=False)
        return [hit.score for hit in hits]

    def bare(query: Vectors) -> list[float]:
        [hits] = connection._client.search(
            alias,
            data=list(query),
            anns_field="vector",
            limit=TOP,
            search_params={"metric_type": "COSINE", "params": {"ef": efs["server"]}},
            consistency_level="Eventually",
        )
        return [hit["distance"] for hit in hits]

    return {
        "FAISS, same recall": lambda query: graph.search(query, efs["same"]),
        f"FAISS, {TARGET}": lambda query: graph.search(query, efs["target"]),
        "server": lambda query: answers(query, fresh=False),
        "server, as an engine asks": lambda query: whole(query, fresh=False),
        "pymilvus alone": bare,
        "server, newest writes": lambda query: answers(query, fresh=True),
        "engine, newest writes": lambda query: whole(query, fresh=True),
    }


def measure(store: Store, world: World, chosen: argparse.Namespace) -> dict[str, Any]:
    """Return recalls and latencies of one world."""
    info = store.describe(world.side)
    assert info is not None
    if info.effort is None or info.effort.recall < TUNED:
        tell("tuning")
        info = tune(store, world.side, recall=TUNED, k=TOP, tell=tell).info
    assert info.effort is not None
    graph = Graph(world.graph())
    asked, least = world.queries(chosen.queries, 0)
    found = store.search(world.side, asked, limit=TOP, fresh=False)
    reached = recall_of([[hit.score for hit in hits] for hits in found], least)
    same, same_recall = graph.least_ef(asked, least, max(reached, TARGET))
    target, _ = graph.least_ef(asked, least, TARGET)
    used = max(info.effort.value, TOP + SLACK)
    efs = {"server": used, "same": same, "target": target}
    tell(f"recall {reached:.4f} with ef {used}; FAISS {same_recall:.4f} with ef {same}")
    asked, least = world.queries(chosen.queries, 1)
    taken, scores = timed(ways(store, world, graph, efs), asked)
    start = time.perf_counter()
    for at in range(0, len(asked), BATCH):
        store.search(world.side, nudged(asked[at : at + BATCH], 99), limit=TOP, fresh=False)
    batched = 1000 * (time.perf_counter() - start) / len(asked)
    base = float(np.median(taken["FAISS, same recall"]))
    rows = {
        name: {
            "recall": round(recall_of(list(scores[name].values()), least[list(scores[name])]), 4),
            "p50_ms": round(float(np.median(ms)), 3),
            "p99_ms": round(float(np.percentile(ms, 99)), 3),
            "times": round(float(np.median(ms)) / base, 2),
        }
        for name, ms in taken.items()
    }
    return {
        "items": world.items,
        "dim": world.dim,
        "ef": efs,
        "ways": rows,
        "server_batched_ms_a_query": round(batched, 3),
        "goal": {"times": GOALS.get(world.items), "recall": TARGET},
    }


def timed(
    them: dict[str, Callable[[Vectors], list[float]]], asked: Vectors
) -> tuple[dict[str, list[float]], dict[str, dict[int, list[float]]]]:
    """Ask every query in every way; return milliseconds by way, and cosines by way and query."""
    lots = {name: nudged(asked, number) for number, name in enumerate(them, start=1)}
    shifts = {name: number * len(asked) // len(them) for number, name in enumerate(them)}
    for name, answer in them.items():
        for query in nudged(asked[:_WARM_UP], 50)[: _WARM_UP if "newest" not in name else 3]:
            answer(query[None])
    taken: dict[str, list[float]] = {name: [] for name in them}
    scores: dict[str, dict[int, list[float]]] = {name: {} for name in them}
    for turn in range(len(asked)):
        for name, answer in them.items():
            if "newest" in name and turn >= STRONG_QUERIES:
                continue
            at = (turn + shifts[name]) % len(asked)
            start = time.perf_counter()
            mine = answer(lots[name][at : at + 1])
            taken[name].append(1000 * (time.perf_counter() - start))
            scores[name][at] = mine
    return taken, scores


def show(row: dict[str, Any]) -> None:
    """Print one world's figures."""
    print(f"{row['items']:,} x {row['dim']}, ef {row['ef']}, goal {row['goal']}")
    for name, one in row["ways"].items():
        figures = f"{one['p50_ms']:>9.3f} {one['p99_ms']:>9.3f} {one['times']:>8.2f}"
        print(f"  {name:32} recall {one['recall']:.4f}  p50, p99 ms {figures} x")
    print(f"  {BATCH} a call: {row['server_batched_ms_a_query']:.3f} ms a query", flush=True)


def main() -> None:
    """Build what is missing, measure, print, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--items", type=int, nargs="+", default=[100_000])
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--work", type=Path, required=True, help="what is built is kept here")
    parser.add_argument("--uri", default="", help="a server; default: one of its own")
    parser.add_argument("--build-only", action="store_true")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "server_search.json")
    chosen = parser.parse_args()
    rows = []
    for items in chosen.items:
        world = World(chosen.work, items, chosen.dim, tell)
        world.graph()
        with opened(world, chosen.work, chosen.uri) as store:
            if not chosen.build_only:
                rows.append(measure(store, world, chosen))
                show(rows[-1])
    if rows:
        report = {
            "commit": commit(),
            "machine": machine(),
            "queries": chosen.queries,
            "rows": rows,
        }
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        chosen.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
