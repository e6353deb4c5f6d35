"""Rows written a second: in batches, as the indexer does, against row by row, as a loop does.

::

    python bench/rows_written.py [--store lite|server|both] [--rounds 5]

What is compared with what: a row is an item of seventeen columns as indexing a photo with a caption
makes it, with its vector, and on Lite also with the sparse vector that captions are searched by.
Five ways write such rows, interleaved in every round, each into a collection of its own that is
loaded, as it is while indexing:

* "the indexer's writer": ``ingest.writer.Writer`` over our store, which makes batches by their
  size. Checking, encoding and the words of captions are within the time. This is the figure.
* "store, 500 a call" and "store, row by row": ``Store.upsert`` with 500 rows and with one.
* "pymilvus, row by row": ``MilvusClient.upsert`` with one row a call, the very same rows, encoded
  and their words counted before the clock starts. This is the baseline, and the goals (25 times on
  a server, 6 times on Lite) are multiples of it.
* "pymilvus, row by row, four columns": an id, a uri, a caption and the vector, as tutorials write
  them: less work, for comparison.

Lite runs in the process that asks it, changed as the store changes it (``store/lite_files.py``),
for all five alike. Vectors are clustered, items look like photos. The server is the one in the
wheel ``milvus``, started for the run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from made_rows import Mixture, rows_of
from surroundings import commit, machine

from ingest.writer import Writer
from searchengine.records import Side
from searchengine.store import open_store
from searchengine.store.bm25 import item_terms
from searchengine.store.contract import Row, SideSpec
from searchengine.store.fields import TERMS, VECTOR, encode_item

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from tests.milvus_process import MilvusProcess  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

GOALS = {"server": 25.0, "lite": 6.0}
BATCH = 500
BASELINE = "pymilvus, row by row"


@contextmanager
def server() -> Iterator[str]:
    """Yield the address of a Milvus server."""
    with tempfile.TemporaryDirectory() as folder:
        process = MilvusProcess(Path(folder) / "milvus", Path(folder) / "binaries")
        try:
            yield process.start()
        finally:
            process.stop()


@contextmanager
def lite() -> Iterator[str]:
    """Yield the folder of a Milvus Lite."""
    with tempfile.TemporaryDirectory() as folder:
        yield str(Path(folder) / "milvus")


@contextmanager
def ours(uri: str, dim: int, name: str, size: int) -> Iterator[Callable[[Sequence[Row]], float]]:
    """Yield what writes rows through the store, so many a call, and says how long it took.

    0 is for the indexer's writer, and as many as that takes.
    """
    store, side = open_store(uri), Side(f"bench rows {name}", "image")
    store.ensure(SideSpec(side, "bench", "0" * 32, dim, "auto"))
    store.count(side)  # loads it

    def write(rows: Sequence[Row]) -> float:
        start = time.perf_counter()
        if size:
            for at in range(0, len(rows), size):
                store.upsert(side, rows[at : at + size])
        else:
            with Writer(store) as writer:
                for row in rows:
                    writer.add(side, row)
                writer.drain()
        return time.perf_counter() - start

    try:
        yield write
    finally:
        store.close()


@contextmanager
def same_rows(uri: str, dim: int, name: str) -> Iterator[Callable[[Sequence[Row]], float]]:
    """Yield what writes whole rows one by one with ``MilvusClient``, into the same kind of side."""
    store, side = open_store(uri), Side(f"bench rows {name}", "image")
    info = store.ensure(SideSpec(side, "bench", "0" * 32, dim, "auto"))
    store.count(side)
    client = store._connection._client  # type: ignore[attr-defined]

    def write(rows: Sequence[Row]) -> float:
        ready = [{**encode_item(row.item), VECTOR: row.vector} for row in rows]
        if info.full_text:
            for row in ready:
                row[TERMS] = item_terms(row["id"], row["caption"])
        start = time.perf_counter()
        for row in ready:
            client.upsert(info.collection, data=[row])
        return time.perf_counter() - start

    try:
        yield write
    finally:
        store.close()


@contextmanager
def less(uri: str, dim: int, name: str) -> Iterator[Callable[[Sequence[Row]], float]]:
    """Yield what writes rows of four columns one by one, as pymilvus's tutorials do."""
    from pymilvus import DataType, MilvusClient

    client = MilvusClient(uri if "://" in uri else f"{uri}.db")
    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=64)
    schema.add_field("uri", DataType.VARCHAR, max_length=4_096)
    schema.add_field("caption", DataType.VARCHAR, max_length=4_096)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dim)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="COSINE")
    client.create_collection(name, schema=schema, index_params=index)

    def write(rows: Sequence[Row]) -> float:
        ready = [
            {
                "id": one.item.id,
                "uri": one.item.uri,
                "caption": one.item.caption,
                "vector": one.vector,
            }
            for one in rows
        ]
        start = time.perf_counter()
        for row in ready:
            client.upsert(name, data=[row])
        return time.perf_counter() - start

    try:
        yield write
    finally:
        client.close()


def measure(backend: str, chosen: argparse.Namespace) -> dict[str, Any]:
    """Return rows a second of each way, the medians of all rounds."""
    dim = chosen.dim
    made = Mixture(10**9, dim).chunks()
    with (
        server() if backend == "server" else lite() as uri,
        ours(uri, dim, "writer", 0) as writer,
        ours(uri, dim, "batched", BATCH) as batched,
        ours(uri, dim, "single", 1) as single,
        same_rows(uri, dim, "loop") as loop,
        less(uri, dim, "less") as four,
    ):
        ways = {
            "the indexer's writer": (writer, chosen.rows),
            f"store, {BATCH} a call": (batched, chosen.rows),
            "store, row by row": (single, chosen.single),
            BASELINE: (loop, chosen.single),
            "pymilvus, row by row, four columns": (four, chosen.single),
        }
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(chosen.rounds + 1):
            first, vectors = next(made)
            rows = rows_of(vectors[: chosen.rows], first)
            for name, (write, count) in ways.items():
                seconds = write(rows[:count])
                if turn:  # the first round warms up
                    rates[name].append(count / seconds)
    medians = {name: statistics.median(rate) for name, rate in rates.items()}
    naive = medians[BASELINE]
    return {
        "backend": backend,
        "rows_a_second": {name: round(rate, 1) for name, rate in medians.items()},
        "all": {name: [round(one, 1) for one in rate] for name, rate in rates.items()},
        "times": {n: round(rate / naive, 2) for n, rate in medians.items()},
        "goal": GOALS[backend],
    }


def main() -> None:
    """Measure, print, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--store", choices=("lite", "server", "both"), default="both")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=8_000, help="a round, in batches")
    parser.add_argument("--single", type=int, default=200, help="a round, row by row")
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "rows_written.json")
    chosen = parser.parse_args()
    found = []
    for backend in ("lite", "server") if chosen.store == "both" else (chosen.store,):
        row = measure(backend, chosen)
        found.append(row)
        print(f"{backend} (goal: {row['goal']:g} times {BASELINE})")
        for name, rate in row["rows_a_second"].items():
            print(f"  {name:36} {rate:>9,.0f} rows/s {row['times'][name]:>7.1f}x")
    report = {
        "commit": commit(),
        "machine": machine(),
        "dim": chosen.dim,
        "rounds": chosen.rounds,
        "stores": found,
    }
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
