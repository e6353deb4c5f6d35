"""How long one search takes with FLAT and with HNSW, by number of items: where ``auto`` turns.

    python bench/flat_or_hnsw.py                          Milvus Lite, in a temporary folder
    python bench/flat_or_hnsw.py --uri http://host:19530  a server
    python bench/flat_or_hnsw.py --sizes 1000,10000 --dims 256 --json out.json

Clustered unit vectors, one query a call, top 10, medians over ``--queries`` calls.
The two indexes are measured on the same rows, one after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from searchengine.identity import item_id
from searchengine.records import Item, Side
from searchengine.store import open_store
from searchengine.store.contract import Row, SideSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from searchengine.encoders.contract import Vectors
    from searchengine.store.contract import Store

CORPUS = "bench flat or hnsw"
SIDE = Side(CORPUS, "image")
CHUNK = 10_000
TOP = 10


def clustered(rng: np.random.Generator, centres: Vectors, count: int) -> Vectors:
    """Return float32 (count, dim) of unit length, around the centres."""
    dim = centres.shape[1]
    noise = rng.normal(size=(count, dim)).astype(np.float32)
    vectors = centres[rng.integers(0, len(centres), count)] + 0.7 * noise
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def rows_of(vectors: Vectors, first: int) -> list[Row]:
    """Return rows with as little as possible in them but the vector."""
    rows = []
    for number, vector in enumerate(vectors, first):
        uri = f"file:///bench/{number}.jpg"
        item = Item(item_id(uri), uri, "image", "1", "0", number, 0, "image/jpeg")
        rows.append(Row(item, vector))
    return rows


def measure(store: Store, index: str, queries: Vectors) -> dict[str, float]:
    """Return build seconds and search milliseconds of one index over what is there."""
    start = time.perf_counter()
    store.reindex(SIDE, index)
    built = time.perf_counter() - start
    store.search(SIDE, queries[:1], limit=TOP)
    taken = []
    for query in queries:
        start = time.perf_counter()
        store.search(SIDE, query[None], limit=TOP, fields=("uri",))
        taken.append(1000 * (time.perf_counter() - start))
    return {
        "build_s": round(built, 2),
        "p50_ms": round(float(np.median(taken)), 2),
        "p95_ms": round(float(np.percentile(taken, 95)), 2),
    }


def agreement(store: Store, queries: Vectors, exact: list[set[str]]) -> float:
    """Return recall@10 of the index in force against the exact answers."""
    found = store.search(SIDE, queries, limit=TOP)
    overlap = [
        len({hit.id for hit in hits} & best) for hits, best in zip(found, exact, strict=True)
    ]
    return round(float(np.mean(overlap)) / TOP, 4)


def sweep(uri: str, sizes: list[int], dims: list[int], calls: int) -> Iterator[dict[str, Any]]:
    """Yield one row of the table for each size and dimension, growing one corpus a dimension."""
    store = open_store(uri)
    try:
        for dim in dims:
            rng = np.random.default_rng(dim)
            centres = rng.normal(size=(1_000, dim)).astype(np.float32)
            store.ensure(SideSpec(SIDE, "bench", "0" * 32, dim, "FLAT"))
            there = 0
            for size in sizes:
                while there < size:
                    some = clustered(rng, centres, min(CHUNK, size - there))
                    store.upsert(SIDE, rows_of(some, there))
                    there += len(some)
                queries = clustered(rng, centres, calls)
                flat = measure(store, "FLAT", queries)
                found = store.search(SIDE, queries, limit=TOP)
                exact = [{hit.id for hit in hits} for hits in found]
                hnsw = measure(store, "HNSW", queries)
                yield {
                    "items": size,
                    "dim": dim,
                    "flat": flat,
                    "hnsw": hnsw,
                    "hnsw_recall": agreement(store, queries, exact),
                }
            store.drop(CORPUS)
    finally:
        store.close()


def main() -> None:
    """Measure, print the table as it grows, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--uri", default="", help="a server, or a folder; default: a temporary one")
    parser.add_argument("--sizes", default="1000,3000,10000,30000,100000")
    parser.add_argument("--dims", default="256,512")
    parser.add_argument("--queries", type=int, default=30)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    chosen = parser.parse_args()
    sizes = [int(size) for size in chosen.sizes.split(",")]
    dims = [int(dim) for dim in chosen.dims.split(",")]
    rows: list[dict[str, Any]] = []
    line = "{:>8} {:>4} {:>12} {:>12} {:>12} {:>12} {:>8}\n"
    out = sys.stdout.write
    out(
        line.format(
            "items", "dim", "FLAT p50 ms", "HNSW p50 ms", "FLAT build", "HNSW build", "recall"
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        for row in sweep(chosen.uri or str(Path(folder) / "milvus"), sizes, dims, chosen.queries):
            rows.append(row)
            flat, hnsw = row["flat"], row["hnsw"]
            figures = (flat["p50_ms"], hnsw["p50_ms"], flat["build_s"], hnsw["build_s"])
            out(line.format(row["items"], row["dim"], *figures, row["hnsw_recall"]))
            sys.stdout.flush()
    if chosen.json:
        machine = {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()}
        report = {"machine": machine, "queries": chosen.queries, "rows": rows}
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
