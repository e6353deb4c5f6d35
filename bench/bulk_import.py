"""A server's own import of files beside batched upsert: rows a second, then speed and memory.

::

    python bench/bulk_import.py --items 1000000 --dim 512 --work DIR [--only bulk|upsert]

The vectors are a mixture of clusters (``made_rows.Mixture``), made once and kept in ``DIR``; items
have all that a camera writes. Each way gets a server of its own (the wheel ``milvus``), one after
the other, and writes into a draft by the code that ``index`` uses: ``ingest.bulk.BulkStore``, or
upserts of 5,000 rows. The clock runs while rows are made, too, the same for both; what making them
takes alone is given beside. ``visible`` is when a Strong count finds all rows, ``settled`` when the
index is built and loaded, as ``index`` leaves it. Then the imported version is made live and tuned;
recall@10 is against plain multiplication, p50 and p99 are of one query a call, after the server was
stopped and started again; and the memory of its process stands beside what ``searchengine plan``
says of the data and what the server took before it had any.

A million of 512 numbers take 2 GB of vectors, up to 9 GB while a server is at work, and half an
hour on two cores. A server's data is removed when it has been measured (``--keep``: it stays).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from made_rows import CHUNK, item_of, uri_of
from plan_check import CAPTION, memory_of, tell
from server_world import TOP, World
from surroundings import commit, machine

from ingest.bulk import BulkStore
from searchengine.evaluate.tune import nudged, tune
from searchengine.identity import item_id
from searchengine.planning.measured import loaded_bytes
from searchengine.records import Side
from searchengine.store import open_store
from searchengine.store.bulk_files import BulkPlace
from searchengine.store.contract import Row, SideSpec
from searchengine.store.profiles import PROFILES

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from tests.milvus_process import MilvusProcess  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    from searchengine.store.contract import Store

ROWS_A_CALL = 5_000
RECALL, TUNED = 0.98, 0.985
"""What has to be found, and what is tuned for: its own queries may be a little easier."""
_PATTERNS = 2_000
_CLOSE = 2e-6
_WARM_UP = 50


class Rows:
    """Rows of the world's vectors. Making an item afresh would take longer than writing it."""

    def __init__(self, world: World) -> None:
        self._vectors = world.vectors()
        self._patterns = [item_of(number) for number in range(_PATTERNS)]

    def lots(self) -> Iterator[list[Row]]:
        """Yield all rows, ``ROWS_A_CALL`` at a time."""
        for first in range(0, len(self._vectors), ROWS_A_CALL):
            vectors = np.array(self._vectors[first : first + ROWS_A_CALL])
            yield [Row(self._item(first + at), vector) for at, vector in enumerate(vectors)]

    def _item(self, number: int) -> Any:
        uri = uri_of(number)
        pattern = self._patterns[number % _PATTERNS]
        return replace(pattern, id=item_id(uri), uri=uri, revision=f"{number:x}")


@contextmanager
def server_at(base: Path, work: Path, *, keep: bool) -> Iterator[MilvusProcess]:
    """Yield a server with nothing in it, not started; at the end it is stopped and removed."""
    shutil.rmtree(base, ignore_errors=True)
    server = MilvusProcess(base, work / "binaries")
    try:
        yield server
    finally:
        server.stop()
        if not keep:
            shutil.rmtree(base, ignore_errors=True)


def write(world: World, server: MilvusProcess, way: str) -> dict[str, Any]:
    """Write all rows into a draft in one way; return what took how long."""
    side = Side(world.side.corpus, "image", draft=True)
    plain = open_store(server.start(), timeout_s=300)
    empty = memory_of(server)["rss"]
    files = server.base / "incoming"
    store = cast("Store", BulkStore(plain, BulkPlace(str(files)))) if way == "bulk" else plain
    with closing(store):
        store.ensure(SideSpec(side, "bench", "0" * 32, world.dim, "auto"))
        start = time.perf_counter()
        for number, lot in enumerate(Rows(world).lots(), start=1):
            store.upsert(side, lot)
            if number % 20 == 0:
                tell(f"{way}: {number * ROWS_A_CALL:,} rows, {time.perf_counter() - start:.0f} s")
        if way == "bulk":
            cast("BulkStore", store).finish(side)
        count = plain.count(side)
        visible = time.perf_counter() - start
        if count != world.items:
            raise SystemExit(f"{way}: {count:,} rows are there, of {world.items:,}")
        tell(f"{way}: all rows counted after {visible:.0f} s")
        info = store.settle(side)
        settled = time.perf_counter() - start
        tell(f"{way}: settled after {settled:.0f} s, {info.index}")
        plain.switch(world.side.corpus)
    return {
        "visible_s": round(visible, 1),
        "settled_s": round(settled, 1),
        "rows_a_s_visible": round(world.items / visible),
        "rows_a_s_settled": round(world.items / settled),
        "index": info.index,
        "empty_server_rss": empty,
    }


def look(world: World, server: MilvusProcess, queries: int, empty: int) -> dict[str, Any]:
    """Tune what is live; return recall, latencies and memory of a server that has just started.

    ``empty`` is what the server's process took before there was data, bytes.
    """
    with closing(open_store(server.uri, timeout_s=300)) as store:
        tuned = store.describe(world.side)
        assert tuned is not None
        if PROFILES[tuned.index].effort:  # few items are all compared: there is nothing to tune
            tuned = tune(store, world.side, recall=TUNED, k=TOP, tell=tell).info
    server.stop()
    with closing(open_store(server.start(), timeout_s=300)) as store:
        store.describe(world.side)
        asked, least = world.queries(queries, 0)
        taken: list[float] = []
        found = 0
        for query in nudged(asked[:_WARM_UP], 50):
            store.search(world.side, query[None], limit=TOP, fields=("id",), fresh=False)
        for query, bound in zip(asked, least, strict=True):
            began = time.perf_counter()
            [hits] = store.search(world.side, query[None], limit=TOP, fields=("id",), fresh=False)
            taken.append(1000 * (time.perf_counter() - began))
            found += sum(hit.score >= bound - _CLOSE for hit in hits)
        memory = memory_of(server)
        info = store.describe(world.side)
    assert info is not None
    data = loaded_bytes(info.index, world.items, world.dim, CAPTION, words=info.full_text)
    forecast = empty + data
    return {
        "tuned_to": None if tuned.effort is None else tuned.effort.value,
        "recall": round(found / (TOP * len(asked)), 4),
        "p50_ms": round(float(np.median(taken)), 3),
        "p99_ms": round(float(np.percentile(taken, 99)), 3),
        "memory": memory,
        "forecast": round(forecast),
        "forecast_of_data": round(data),
        "memory_by_forecast": round(memory["rss"] / forecast, 3),
    }


def alone(world: World) -> float:
    """Return the seconds that making the rows takes, which both ways include."""
    start = time.perf_counter()
    for _ in Rows(world).lots():
        pass
    return time.perf_counter() - start


def main() -> None:
    """Make the vectors, write them both ways, measure, print, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--work", type=Path, required=True, help="vectors are kept here")
    parser.add_argument("--only", choices=("bulk", "upsert"))
    parser.add_argument("--keep", action="store_true", help="the servers' data stays")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "bulk_import.json")
    chosen = parser.parse_args()
    assert ROWS_A_CALL <= CHUNK
    world = World(chosen.work, chosen.items, chosen.dim, tell)
    world.queries(chosen.queries, 0)
    report: dict[str, Any] = {
        "items": chosen.items,
        "dim": chosen.dim,
        "making_rows_s": round(alone(world), 1),
        "commit": commit(),
        "machine": machine(),
    }
    for way in ("upsert", "bulk"):
        if chosen.only in (None, way):
            with server_at(world.folder / way, chosen.work, keep=chosen.keep) as server:
                report[way] = write(world, server, way)
                if way == "bulk":
                    report["after"] = look(
                        world, server, chosen.queries, report[way]["empty_server_rss"]
                    )
    if "bulk" in report and "upsert" in report:
        for kind in ("visible", "settled"):
            times = report["upsert"][f"{kind}_s"] / report["bulk"][f"{kind}_s"]
            report[f"bulk_is_faster_{kind}"] = round(times, 2)
    print(json.dumps(report, indent=1))
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    rows = json.loads(chosen.out.read_text())["rows"] if chosen.out.is_file() else []
    rows = [row for row in rows if (row["items"], row["dim"]) != (chosen.items, chosen.dim)]
    chosen.out.write_text(json.dumps({"rows": [*rows, report]}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
