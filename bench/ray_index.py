"""``index --runner ray`` on three nodes, one of which is killed, against the local runner.

::

    python bench/ray_index.py [--scenes 5000] [--rounds 3] [--sources folder tars s3]
        [--work FOLDER] [--out FILE]

Scenes are drawn to JPEGs (kept in ``--work``), put into webdataset tars, and as bytes into Parquet
tables in a bucket of a server that speaks S3. A real Milvus server takes them, each run into a
corpus of its own, by the encoder that ships (torch, fp32). In every round and of every source, one
after the other:

* "local": the local runner, in this process;
* "ray": the same job on a Ray cluster of three nodes, raylets and workers of their own on this
  machine; nothing is killed;
* "killed": the same, and when half of the rows are in the database, a node and all its processes
  are killed by SIGKILL. A node is added again before the next run.

Told are images a second: steady, from the first batch to the last acknowledged row, and whole,
with all that starting and ending takes. Whether both corpora hold the same is told as well: the
ids, and how far any component of any vector is from the local one's. All nodes share the cores of
this machine, so that what is measured is the overhead, never a speed-up. Milvus' own work is on the
same cores, too.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import sys
import tarfile
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from index_memory import draw_scenes
from surroundings import commit, machine

from ingest.job import job_for
from ingest.report import Report
from ingest.runners.local import LocalRunner
from ingest.runners.ray import Cluster, RayRunner
from searchengine.records import Side
from searchengine.settings import load_settings
from searchengine.store import open_store

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.milvus_process import MilvusProcess
from tests.ray_cluster import RayCluster

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.job import Job
    from searchengine.store.contract import Store

NODES, CPUS = 3, 2
_A_TAR, _A_GROUP, _A_TABLE = 500, 250, 2_500
_SHARD = 250
_BUCKET = "scenes"
KINDS = ("local", "ray", "killed")


def write_tars(photos: list[Path], folder: Path) -> list[str]:
    """Put pictures into tars, some hundreds a tar."""
    folder.mkdir(parents=True, exist_ok=True)
    tars = []
    for at in range(0, len(photos), _A_TAR):
        path = folder / f"{at // _A_TAR:04d}.tar"
        if not path.is_file():
            half = path.with_suffix(".part")
            with tarfile.open(half, "w") as tar:
                for number, photo in enumerate(photos[at : at + _A_TAR], at):
                    tar.add(photo, f"{number:06d}.jpg")
            half.replace(path)
        tars.append(str(path))
    return tars


def write_tables(photos: list[Path], fs: Any) -> None:
    """Put pictures into Parquet tables of a bucket, by their bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    fs.mkdir(_BUCKET)
    for at in range(0, len(photos), _A_TABLE):
        rows = [{"image": one.read_bytes()} for one in photos[at : at + _A_TABLE]]
        out = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(rows), out, row_group_size=_A_GROUP)
        fs.pipe_file(f"{_BUCKET}/{at // _A_TABLE:04d}.parquet", out.getvalue().to_pybytes())


@contextmanager
def object_store() -> Iterator[Any]:
    """Have a server that speaks S3 on this machine, known by the environment; give its files."""
    import fsspec
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ.update(
        AWS_ACCESS_KEY_ID="bench",
        AWS_SECRET_ACCESS_KEY="bench",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_ENDPOINT_URL=f"http://{host}:{port}",
    )
    try:
        yield fsspec.filesystem("s3", use_listings_cache=False)
    finally:
        server.stop()


class World:
    """Sources, a database, a cluster."""

    def __init__(self, sources: dict[str, list[str]], uri: str, cluster: RayCluster) -> None:
        self._sources = sources
        self._uri = uri
        self._cluster = cluster
        self._store: Store = open_store(uri)

    def job(self, source: str, corpus: str) -> Job:
        """Return the job over a source."""
        flags = {
            "corpus": corpus,
            "model.name": "drawn-scenes",
            "model.runtime": "torch",
            "model.precision": "fp32",
            "store.uri": self._uri,
            "net.allow": True,
        }
        return job_for(self._sources[source], load_settings(flags=flags))

    def run(self, kind: str, source: str, corpus: str, scenes: int) -> dict[str, Any]:
        """Index a source into a corpus; return the figures."""
        killed_at: list[int] = []

        def kill_half_way(report: Report) -> None:
            if kind == "killed" and not killed_at and report.written >= scenes / 2:
                killed_at.append(report.written)
                self._cluster.kill_node()

        job, report = self.job(source, corpus), Report()
        ray = RayRunner(Cluster(address=self._cluster.address, shard_items=_SHARD))
        runner = LocalRunner() if kind == "local" else ray
        began = time.perf_counter()
        runner.run(job, report, on_progress=kill_half_way)
        seconds = time.perf_counter() - began
        if killed_at:
            self._cluster.add_node()
        told: dict[str, Any] = {
            "seconds": round(seconds, 2),
            "whole_per_s": round(scenes / seconds, 2),
            "steady_per_s": round(report.embedded_per_s, 2),
            "seen": report.seen,
            "embedded": report.embedded,
            "failed": report.failed,
        }
        if kind == "killed":
            told["killed_at"] = killed_at[0] if killed_at else None
        return told

    def compare(self, corpus: str, other: str) -> dict[str, Any]:
        """Return whether two corpora hold the same."""
        one, two = self._vectors(corpus), self._vectors(other)
        same = one.keys() == two.keys()
        apart = max((float(np.abs(one[k] - two[k]).max()) for k in one if k in two), default=1.0)
        return {"items": len(one), "same_ids": same, "most_apart": apart}

    def drop(self, corpus: str) -> None:
        """Forget a corpus."""
        self._store.drop(corpus)

    def _vectors(self, corpus: str) -> dict[str, Any]:
        rows = self._store.scan(Side(corpus, "image"), fields=("id", "vector"))
        return {row["id"]: row["vector"] for row in rows}


def measure(world: World, source: str, scenes: int, rounds: int) -> dict[str, Any]:
    """Return what all rounds over one source gave."""
    runs: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    same: list[dict[str, Any]] = []
    for number in range(rounds):
        corpora = {kind: f"bench ray {source} {kind} {number}" for kind in KINDS}
        for kind in KINDS:
            runs[kind].append(world.run(kind, source, corpora[kind], scenes))
            print(source, kind, runs[kind][-1], flush=True)
            if kind != "local":
                same.append({"kind": kind, **world.compare(corpora[kind], corpora["local"])})
                print("   ", same[-1], flush=True)
        for corpus in corpora.values():
            world.drop(corpus)
    found: dict[str, Any] = {"runs": runs, "same": same}
    for figure in ("whole_per_s", "steady_per_s"):
        local = statistics.median(one[figure] for one in runs["local"])
        for kind in KINDS:
            median = statistics.median(one[figure] for one in runs[kind])
            found.setdefault(kind, {})[figure] = round(median, 2)
            found[kind][f"{figure}_of_local"] = round(median / local, 3)
    return found


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--scenes", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sources", nargs="+", default=["folder", "tars", "s3"])
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "ray-index")
    out = Path(__file__).parent / "results" / "ray_index.json"
    parser.add_argument("--out", type=Path, default=out)
    given = parser.parse_args()
    photos = draw_scenes(given.work / f"scenes-{given.scenes}", given.scenes)
    paths = sorted(photos.rglob("*.jpg"))
    tars = write_tars(paths, given.work / f"tars-{given.scenes}")
    told: dict[str, Any] = {
        "command": "python bench/ray_index.py",
        "machine": machine(),
        "commit": commit(),
        "scenes": given.scenes,
        "nodes": NODES,
        "cpus_a_node": CPUS,
        "sources": {},
    }
    with tempfile.TemporaryDirectory(dir=given.work) as scratch, object_store() as fs:
        write_tables(paths, fs)
        sources = {
            "folder": [str(photos)],
            "tars": tars,
            "s3": [f"s3://{_BUCKET}/*.parquet"],
        }
        server = MilvusProcess(Path(scratch) / "milvus", given.work / "milvus-binaries")
        try:
            uri = server.start()
            with RayCluster(NODES, CPUS) as cluster:
                world = World(sources, uri, cluster)
                for source in given.sources:
                    told["sources"][source] = measure(world, source, given.scenes, given.rounds)
        finally:
            server.stop()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    for source, found in told["sources"].items():
        print(source, {kind: found[kind] for kind in KINDS})


if __name__ == "__main__":
    main()
