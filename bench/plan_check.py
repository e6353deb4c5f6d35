"""What a Milvus server really takes, beside what ``searchengine plan`` would have said.

::

    python bench/plan_check.py --items 10000 100000 --work DIR [--world DIR] [--out FILE]

For each size and each of FLAT, HNSW and IVF_FLAT: rows of a photo collection (``made_rows``) are
written, settled, the server is stopped and started again, the side is loaded and asked, and then
the memory of the server's process is read (median of some seconds; ``anon`` is what is not a mapped
file) and the files of the segments that are in use are added up. The same index built by FAISS in
this process says what the index alone takes. ``--world`` measures a server that
``bench/server_search.py`` has filled (HNSW alone), the largest size there; no row is written.

Runs merge into the result file by size and profile, with machine and commit beside each.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from made_rows import CHUNK, Mixture, rows_of
from surroundings import commit, machine

from searchengine.planning.measured import loaded_bytes, stored_bytes
from searchengine.records import Side
from searchengine.store import open_store
from searchengine.store.contract import SideSpec
from searchengine.store.profiles import PROFILES

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from tests.milvus_process import MilvusProcess  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

    from searchengine.store.contract import Store

CHECKED = ("FLAT", "HNSW", "IVF_FLAT")
DIM = 512
CAPTION = 50
"""Bytes of the captions of ``made_rows``, on average."""
SEGMENT_MB = 512
"""Of the server in the wheel, 2.3.5."""
NO_EFFORT = 16
"""FAISS's efConstruction here: the size of a graph does not depend on it."""
_REST_S, _SAMPLES = 15, 11


def tell(text: str) -> None:
    """Say how far it is."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def memory_of(server: MilvusProcess) -> dict[str, int]:
    """Return bytes of the server's process, the median of some samples."""
    process = server._process
    assert process is not None
    [pid] = [one for one in _session(process.pid) if _status(one).get("Name") == "milvus"]
    samples: dict[str, list[int]] = {"rss": [], "anon": [], "mapped": []}
    for _ in range(_SAMPLES):
        status = _status(pid)
        for key, name in (("rss", "VmRSS"), ("anon", "RssAnon"), ("mapped", "RssFile")):
            samples[key].append(int(status[name].split()[0]) * 1024)
        time.sleep(1)
    return {key: round(statistics.median(values)) for key, values in samples.items()}


def _session(leader: int) -> list[int]:
    """Return the processes of a session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader:
            found.append(int(path.parent.name))
    return found


def _status(pid: int) -> dict[str, str]:
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return {
        name: value.strip() for name, _, value in (line.partition(":") for line in text.split("\n"))
    }


def files_of(base: Path, segments: set[str]) -> dict[str, int]:
    """Return bytes of the files of those segments, and of all files there are.

    An index lies under the number of its making; the highest one is in use.
    """
    sizes = {"columns": 0, "index": 0, "all": 0}
    data = base / "data"
    indexes: dict[str, dict[int, int]] = {segment: {} for segment in segments}
    for path in data.rglob("*"):
        if not path.is_file():
            continue
        size, parts = path.stat().st_size, path.relative_to(data).parts
        sizes["all"] += size
        if segments.isdisjoint(parts):
            continue
        if parts[0] in ("insert_log", "stats_log"):
            sizes["columns"] += size
        elif parts[0] == "index_files":
            made, segment = int(parts[1]), parts[4]
            indexes[segment][made] = indexes[segment].get(made, 0) + size
    sizes["index"] = sum(builds[max(builds)] for builds in indexes.values() if builds)
    return sizes


def measure(
    server: MilvusProcess, side: Side, profile: str, items: int, dim: int
) -> dict[str, Any]:
    """Return what the server takes, just started, with the side loaded and asked."""
    store = open_store(server.start(), timeout_s=300)
    try:
        info = store.describe(side)
        assert info is not None
        assert (info.index, info.count) == (profile, items), info
        for query in Mixture(items, dim).fresh(50):
            store.search(side, query[None], limit=10, fields=("id",), fresh=False)
        time.sleep(_REST_S)
        memory = memory_of(server)
        segments = segments_of(store, info.collection)
    finally:
        store.close()
        server.stop()
    stored = files_of(server.base, {str(number) for number in segments})
    return {
        "items": items,
        "dim": dim,
        "profile": profile,
        "memory": memory,
        "stored": stored,
        "segments": len(segments),
        "largest_segment_rows": max(segments.values()),
        "forecast": {
            "memory": round(
                loaded_bytes(
                    profile, items, dim, CAPTION, words=info.full_text, segment_mb=SEGMENT_MB
                )
            ),
            "stored": round(stored_bytes(profile, items, dim, CAPTION, segment_mb=SEGMENT_MB)),
        },
        "commit": commit(),
        "machine": machine(),
    }


def segments_of(store: Store, collection: str) -> dict[int, int]:
    """Return the rows of each loaded segment, by its number."""
    client = store._connection._client  # type: ignore[attr-defined]
    found = client.list_loaded_segments(collection)
    return {int(one.segment_id): int(one.num_rows) for one in found}


def faiss_bytes(profile: str, items: int, dim: int) -> int:
    """Return the bytes of FAISS's own index of that kind."""
    import faiss

    if profile == "FLAT":
        return items * dim * 4
    faiss.omp_set_num_threads(1)

    build = PROFILES[profile].build(items, dim)
    factory = {
        "HNSW": f"HNSW{build.get('M')},Flat",
        "IVF_FLAT": f"IVF{build.get('nlist')},Flat",
    }[profile]
    index = faiss.index_factory(dim, factory, faiss.METRIC_INNER_PRODUCT)
    if profile == "HNSW":
        index.hnsw.efConstruction = NO_EFFORT
    vectors = np.concatenate([some for _, some in Mixture(items, dim).chunks()])
    index.train(vectors)
    index.add(vectors)
    return int(faiss.serialize_index(index).nbytes)


def fill(server: MilvusProcess, side: Side, items: int, dim: int) -> None:
    """Write the rows."""
    store = open_store(server.start(), timeout_s=300)
    try:
        store.ensure(SideSpec(side, "bench", "0" * 32, dim, "FLAT"))
        for first, some in Mixture(items, dim).chunks():
            for at in range(0, len(some), CHUNK // 4):
                store.upsert(side, rows_of(some[at : at + CHUNK // 4], first + at))
        store.settle(side)
    finally:
        store.close()


def checked(work: Path, items: int, dim: int, profiles: Sequence[str]) -> list[dict[str, Any]]:
    """Return what a server of its own takes with so many items, profile by profile."""
    base = work / f"plan-{items}"
    shutil.rmtree(base, ignore_errors=True)
    server, side = MilvusProcess(base, work / "binaries"), Side("plan", "image")
    found = []
    try:
        fill(server, side, items, dim)
        tell(f"{items:,} written")
        for profile in profiles:
            store = open_store(
                server.uri if profile == profiles[0] else server.start(), timeout_s=300
            )
            start = time.perf_counter()
            store.reindex(side, profile)
            built_s = time.perf_counter() - start
            store.close()
            server.stop()
            row = measure(server, side, profile, items, dim)
            row["reindex_s"] = round(built_s, 1)
            row["faiss_bytes"] = faiss_bytes(profile, items, dim)
            found.append(row)
            show(row)
    finally:
        server.stop()
        shutil.rmtree(base, ignore_errors=True)
    return found


def world(folder: Path, dim: int) -> dict[str, Any]:
    """Return what the server takes that ``bench/server_search.py`` filled: its largest world."""
    largest = max(folder.glob(f"*x{dim}"), key=lambda one: int(one.name.partition("x")[0]))
    items = int(largest.name.partition("x")[0])
    side = Side(f"bench server {items}x{dim}", "image")
    row = measure(MilvusProcess(largest / "milvus", folder / "binaries"), side, "HNSW", items, dim)
    row["faiss_bytes"] = (largest / "hnsw.faiss").stat().st_size
    show(row)
    return row


def show(row: dict[str, Any]) -> None:
    """Print one row."""
    memory, stored, said = row["memory"], row["stored"], row["forecast"]
    print(
        f"{row['items']:>9,} {row['profile']:9} "
        f"memory MB {memory['rss'] / 1e6:8.0f} (anon {memory['anon'] / 1e6:8.0f}), "
        f"data by forecast {said['memory'] / 1e6:8.0f}; "
        f"files MB {(stored['columns'] + stored['index']) / 1e6:8.0f}, "
        f"by forecast {said['stored'] / 1e6:8.0f}, all {stored['all'] / 1e6:8.0f}; "
        f"{row['segments']} segments",
        flush=True,
    )


def main() -> None:
    """Measure, print, merge into the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--items", type=int, nargs="*", default=[10_000])
    parser.add_argument("--dim", type=int, default=DIM)
    parser.add_argument("--profiles", nargs="+", default=list(CHECKED))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--world", type=Path, help="what bench/server_search.py has built")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "plan_check.json")
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    measured = [
        row
        for items in chosen.items
        for row in checked(chosen.work, items, chosen.dim, chosen.profiles)
    ]
    if chosen.world:
        measured.append(world(chosen.world, chosen.dim))
    before = json.loads(chosen.out.read_text())["rows"] if chosen.out.is_file() else []
    kept = {(row["items"], row["dim"], row["profile"]): row for row in [*before, *measured]}
    report = {"rows": [kept[key] for key in sorted(kept)]}
    chosen.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
