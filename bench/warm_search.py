"""Warm searches on the embedded default against Milvus Lite's own HNSW search, one process.

    python bench/warm_search.py                       100,000 x 512, in a temporary folder
    python bench/warm_search.py --folder DIR          keep the folder for the next run
    python bench/warm_search.py --items 20000 --json out.json

Clustered unit vectors with widths 0 to 999 spread evenly, indexed by HNSW. The same query goes to
both sides in turn: to ``store.search``, as it is used, and to ``MilvusClient.search`` on the same
open folder, with the beam that the store would have it take (``ef`` 256 without a filter, as wide
as the side with one) and with the narrow beam of ``--ef``. Medians over ``--queries`` calls, top
10, no fields; then a page as the engine asks for it: 128 rows with vectors and names.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from flat_or_hnsw import CHUNK, CORPUS, SIDE, clustered
from surroundings import commit, machine

from searchengine.identity import item_id
from searchengine.records import Item
from searchengine.store import open_store
from searchengine.store.contract import Row, SideSpec
from searchengine.store.fields import VECTOR
from searchengine.store.filters import Compare
from searchengine.store.milvus import MilvusStore
from searchengine.store.profiles import PROFILES

if TYPE_CHECKING:
    from collections.abc import Callable

    from searchengine.encoders.contract import Vectors

TOP = 10
WIDTHS = 1_000
SHARES = (1.0, 0.5, 0.01, 0.001)
PAGE_ROWS = 128
PAGE_FIELDS = ("uri", "caption", "vector")
DIM = 512


def rows_of(vectors: Vectors, first: int) -> list[Row]:
    """Return rows with a width of 0 to 999, a folder, a caption and something in meta."""
    rows = []
    for number, vector in enumerate(vectors, first):
        uri = f"file:///bench/{number % 97}/{number}.jpg"
        item = Item(
            item_id(uri), uri, "image", "1", "0", number, 0, "image/jpeg",
            width=number % WIDTHS, height=480, caption=f"a photo of thing {number % 5_000}",
            folder=f"/bench/{number % 97}", meta={"n": number % WIDTHS, "tag": f"t{number % 7}"},
        )  # fmt: skip
        rows.append(Row(item, vector))
    return rows


def fill(store: MilvusStore, items: int, vectors: Vectors) -> None:
    """Have the rows in the folder, indexed by HNSW; nothing to do where they are."""
    info = store.describe(SIDE)
    if info is not None and info.count == items and info.index == "HNSW":
        return
    if info is not None:
        store.drop(CORPUS)
    store.ensure(SideSpec(SIDE, "bench", "0" * 32, DIM, "FLAT"))
    for at in range(0, items, CHUNK):
        store.upsert(SIDE, rows_of(vectors[at : at + CHUNK], at))
    store.reindex(SIDE, "HNSW")


def lite_search(store: MilvusStore, width: int | None, ef: int) -> Callable[[Vectors], list[str]]:
    """Return a search through pymilvus on the open folder, with nothing of ours in between."""
    client, alias = store._connection._client, store._handle(SIDE).collection
    expression = "" if width is None else f"width < {width}"

    def search(query: Vectors) -> list[str]:
        [hits] = client.search(
            alias,
            data=[query],
            anns_field=VECTOR,
            filter=expression,
            limit=TOP,
            output_fields=["id"],
            search_params={"metric_type": "COSINE", "params": {"ef": ef}},
        )
        return [hit["id"] for hit in hits]

    return search


def our_search(store: MilvusStore, width: int | None) -> Callable[[Vectors], list[str]]:
    """Return the search that everything in the product goes through."""
    where = None if width is None else Compare("width", "<", width)
    return lambda query: [hit.id for hit in store.search(SIDE, query, limit=TOP, where=where)[0]]


def interleaved(
    sides: dict[str, Callable[[Vectors], list[str]]], queries: Vectors, best: list[set[str]]
) -> dict[str, Any]:
    """Return p50 and recall@10 of each side, asked in turn."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    shares: dict[str, list[float]] = {name: [] for name in sides}
    for query, exact in zip(queries, best, strict=True):
        for name, search in sides.items():
            start = time.perf_counter()
            found = search(query)
            taken[name].append(1000 * (time.perf_counter() - start))
            shares[name].append(len(set(found) & exact) / len(exact))
    return {
        name: {
            "p50_ms": round(float(np.median(taken[name])), 3),
            "p95_ms": round(float(np.percentile(taken[name], 95)), 3),
            "recall@10": round(float(np.mean(shares[name])), 4),
        }
        for name in sides
    }


def exact_answers(ids: list[str], vectors: Vectors, queries: Vectors, width: int) -> list[set[str]]:
    """Return the ids of the ``TOP`` nearest among the widths below, by numpy."""
    there = np.flatnonzero(np.arange(len(ids)) % WIDTHS < width)
    scores = queries @ vectors[there].T
    best = np.argsort(-scores, axis=1)[:, :TOP]
    return [{ids[there[place]] for place in row} for row in best.tolist()]


def measure(store: MilvusStore, vectors: Vectors, queries: Vectors, ef: int) -> dict[str, Any]:
    """Return a row of figures for each share of items that a filter passes."""
    ids = [row.item.id for row in rows_of(vectors, 0)]
    store.search(SIDE, queries[:1], limit=1, by_index=True)  # Lite has its index in memory, too
    table = []
    for share in SHARES:
        width = None if share == 1.0 else round(WIDTHS * share)
        profile = PROFILES["HNSW"]
        usual = profile.search if width is None else profile.filtered
        wide = int(usual(len(ids), TOP)["ef"])
        sides = {
            "ours": our_search(store, width),
            "lite": lite_search(store, width, wide),
            "lite_narrow": lite_search(store, width, ef),
        }
        for query in queries[:15]:
            for search in sides.values():
                search(query)
        best = exact_answers(ids, vectors, queries, width or WIDTHS)
        found = interleaved(sides, queries, best)
        row = {"share": share, "ef": wide, "ef_narrow": ef, **found}
        row["times"] = round(found["lite"]["p50_ms"] / found["ours"]["p50_ms"], 2)
        row["times_narrow"] = round(found["lite_narrow"]["p50_ms"] / found["ours"]["p50_ms"], 2)
        table.append(row)
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()
    return {"searches": table, "page": page(store, queries)}


def page(store: MilvusStore, queries: Vectors) -> dict[str, float]:
    """Return the milliseconds of a page with fields and vectors, from memory and through Lite."""
    taken: dict[bool, list[float]] = {False: [], True: []}
    for query in queries:
        for by_index in taken:
            start = time.perf_counter()
            store.search(SIDE, query, limit=PAGE_ROWS, fields=PAGE_FIELDS, by_index=by_index)
            taken[by_index].append(1000 * (time.perf_counter() - start))
    ours, lite = (round(float(np.median(taken[which])), 3) for which in (False, True))
    return {"ours_p50_ms": ours, "lite_p50_ms": lite, "times": round(lite / ours, 2)}


def main() -> None:
    """Fill the folder, measure, print, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=60)
    parser.add_argument("--ef", type=int, default=64, help="the narrow beam")
    parser.add_argument("--folder", help="a folder to keep; default: a temporary one")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    chosen = parser.parse_args()
    rng = np.random.default_rng(DIM)
    centres = rng.normal(size=(1_000, DIM)).astype(np.float32)
    vectors = clustered(rng, centres, chosen.items)
    queries = clustered(rng, centres, chosen.queries)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(chosen.folder or str(Path(folder) / "milvus"))
        assert isinstance(store, MilvusStore)
        fill(store, chosen.items, vectors)
        store.close()  # as the next process finds it
        store = open_store(chosen.folder or str(Path(folder) / "milvus"))
        assert isinstance(store, MilvusStore)
        report = {
            "commit": commit(),
            "machine": machine(),
            "items": chosen.items,
            "dim": DIM,
            "queries": chosen.queries,
            **measure(store, vectors, queries, chosen.ef),
        }
        store.close()
    sys.stdout.write(json.dumps(report["page"]) + "\n")
    if chosen.json:
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
