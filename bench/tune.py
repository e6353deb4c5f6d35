"""Whether ``searchengine tune`` keeps its word: recall and latency of fresh queries after tuning.

::

    python bench/tune.py --uri http://host:19530        a server
    python bench/tune.py --items 10000                  Milvus Lite, in a temporary folder

Clustered unit vectors (``--spreads``: how far items lie from their cluster's centre, where the
centre's own components have a deviation of 1). Each index is tuned to each target by the command
itself, on the corpus's own vectors; then 1,000 queries that the corpus has never seen are compared
with plain multiplication here. ``within`` says how far below the target their recall is (0 if not).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from searchengine.evaluate.tune import nudged
from searchengine.identity import item_id
from searchengine.records import Item, Side
from searchengine.store import open_store
from searchengine.store.contract import Row, SideSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from searchengine.encoders.contract import Vectors
    from searchengine.store.contract import Store

CORPUS = "bench tune"
SIDE = Side(CORPUS, "image")
CHUNK = 10_000
FRESH = 1_000
TOP = 10


class World:
    """Clustered vectors, made again chunk by chunk wherever they are needed."""

    def __init__(self, items: int, dim: int, clusters: int, spread: float) -> None:
        self.items = items
        self._spread = spread
        centres = np.random.default_rng(dim).normal(size=(clusters, dim))
        self._centres = centres.astype(np.float32)

    def chunks(self) -> Iterator[tuple[int, Vectors]]:
        """Yield the number of the first item, and vectors float32 (n, dim)."""
        for first in range(0, self.items, CHUNK):
            yield first, self._around(first, min(CHUNK, self.items - first))

    def fresh(self, count: int) -> Vectors:
        """Return queries of the same kind that are no items."""
        return self._around(self.items + 1, count)

    def _around(self, seed: int, count: int) -> Vectors:
        rng = np.random.default_rng((seed, 7))
        near = self._centres[rng.integers(0, len(self._centres), count)]
        vectors = near + self._spread * rng.normal(size=near.shape).astype(np.float32)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def fill(store: Store, world: World, dim: int) -> None:
    """Write the items."""
    store.ensure(SideSpec(SIDE, "bench", "0" * 32, dim, "FLAT"))
    for first, vectors in world.chunks():
        rows = []
        for number, vector in enumerate(vectors, first):
            uri = uri_of(number)
            item = Item(item_id(uri), uri, "image", "1", "0", number, 0, "image/jpeg")
            rows.append(Row(item, vector))
        store.upsert(SIDE, rows)


def uri_of(number: int) -> str:
    """Return what an item is called."""
    return f"file:///bench/{number}.jpg"


def least_scores(world: World, queries: Vectors) -> Vectors:
    """Return the cosine of the exact 10th neighbour of each query, float32 (n,)."""
    best = np.full((len(queries), TOP), -1, np.float32)
    for _, vectors in world.chunks():
        best = np.partition(np.hstack([best, queries @ vectors.T]), -TOP, axis=1)[:, -TOP:]
    return np.asarray(best.min(axis=1), np.float32)


def check(store: Store, queries: Vectors, least: Vectors, turn: int) -> dict[str, float]:
    """Return recall@10 and latency of the fresh queries, asked one by one as a user does.

    Each turn moves them a little, for an index may know again what it was asked before.

    Latencies are without the wait for the newest writes: on a server it hides all else.
    """
    taken, shares = [], []
    for query, score in zip(nudged(queries, turn), least.tolist(), strict=True):
        start = time.perf_counter()
        [hits] = store.search(SIDE, query[None], limit=TOP, fresh=False)
        taken.append(1000 * (time.perf_counter() - start))
        shares.append(sum(hit.score >= score - 2e-6 for hit in hits[:TOP]) / TOP)
    p50, p99 = np.percentile(taken, (50, 99))
    return {
        "recall": round(float(np.mean(shares)), 4),
        "p50_ms": round(float(p50), 2),
        "p99_ms": round(float(p99), 2),
    }


def tune(uri: str, target: float) -> tuple[dict[str, Any], float]:
    """Run the command; return what it says of the side, and the seconds it took."""
    command = [sys.executable, "-m", "searchengine", "tune", "--recall", str(target)]
    command += ["--k", str(TOP), "--corpus", CORPUS, "--store", uri, "--json", "--quiet"]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr)
    [side] = json.loads(done.stdout)["sides"]
    return side, time.perf_counter() - start


def sweep(uri: str, chosen: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield one row for each spread, index and target."""
    for spread in chosen.spreads:
        world = World(chosen.items, chosen.dim, chosen.clusters, spread)
        queries = world.fresh(FRESH)
        least = least_scores(world, queries)
        turn = 0
        store = open_store(uri)
        fill(store, world, chosen.dim)
        for index in chosen.indexes:
            info = store.reindex(SIDE, index)
            usual = check(store, queries, least, turn := turn + 1)
            for target in chosen.targets:
                store.set_effort(SIDE, None)
                store.close()  # a Lite folder has one user at a time
                told, seconds = tune(uri, target)
                store = open_store(uri)
                fresh = check(store, queries, least, turn := turn + 1)
                yield {
                    "spread": spread,
                    "index": info.index,
                    "target": target,
                    "reached": told["reached"],
                    "parameter": told["parameter"],
                    "effort_before": told["before"]["effort"],
                    "effort_after": told["after"]["effort"],
                    "own_recall": told["after"]["recall"],
                    "fresh_before": usual,
                    "fresh_after": fresh,
                    "within": round(max(0.0, target - fresh["recall"]), 4),
                    "seconds": round(seconds, 1),
                }
        store.drop(CORPUS)
        store.close()


def main() -> None:
    """Measure, print the table as it grows, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--uri", default="", help="a server, or a folder; default: a temporary one")
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--clusters", type=int, default=1_000)
    parser.add_argument("--spreads", type=_floats, default=[0.7, 2.0], metavar="S,...")
    parser.add_argument("--targets", type=_floats, default=[0.9, 0.98], metavar="R,...")
    parser.add_argument("--indexes", type=lambda text: text.split(","), default=["HNSW"])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    chosen = parser.parse_args()
    line = "{:>6} {:>9} {:>6}  {:>14} {:>8} {:>15} {:>15} {:>6}\n"
    heads = ("spread", "index", "target", "effort", "own", "fresh recall", "p50 ms", "within")
    sys.stdout.write(line.format(*heads))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        uri = chosen.uri or str(Path(folder) / "milvus")
        for row in sweep(uri, chosen):
            rows.append(row)
            before, after = row["fresh_before"], row["fresh_after"]
            cells = (
                f"{row['effort_before']} -> {row['effort_after']}",
                f"{row['own_recall']:.4f}",
                f"{before['recall']} -> {after['recall']}",
                f"{before['p50_ms']} -> {after['p50_ms']}",
            )
            start = (row["spread"], row["index"], row["target"])
            sys.stdout.write(line.format(*start, *cells, row["within"]))
            sys.stdout.flush()
    if chosen.json:
        report = {
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "backend": "server" if "://" in chosen.uri else "lite",
            "items": chosen.items,
            "dim": chosen.dim,
            "clusters": chosen.clusters,
            "fresh_queries": FRESH,
            "rows": rows,
        }
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _floats(text: str) -> list[float]:
    return [float(one) for one in text.split(",")]


if __name__ == "__main__":
    main()
