"""Indexing on a real Ray cluster, three nodes on this machine, into a real Milvus server.

Whatever happens to nodes, drivers and connections: what stands in the corpus in the end is what a
local run writes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fsspec
import pytest

from ingest.job import Job, job_for
from ingest.report import Report
from ingest.runners.local import LocalRunner
from ingest.runners.ray import Cluster, RayRunner, runner
from searchengine.errors import MismatchError, UnsupportedError
from searchengine.settings import load_settings
from searchengine.store import open_store
from searchengine.store.contract import Store
from tests.faulty_proxy import FaultyProxy
from tests.ingest.folders import contents, picture
from tests.ingest.sources.test_picture_table import write_parquet
from tests.ingest.sources.test_tar import write_tar
from tests.ray_cluster import RayCluster

pytestmark = pytest.mark.cluster

Change = Callable[[Report], None]
SHARD, SLICE = 30, 10


def wait_for_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin the stages anew after seconds, not after a minute, where a lost node's find no room."""
    monkeypatch.setattr(runner, "STALLED_S", 6.0)


@pytest.fixture(scope="module")
def client_port() -> int:
    return wait_for_port()


@pytest.fixture(scope="module")
def cluster(client_port: int) -> Iterator[RayCluster]:
    with RayCluster(nodes=3, cpus=2, client_port=client_port) as made:
        yield made


@pytest.fixture(scope="module")
def store(milvus_server_uri: str) -> Iterator[Store]:
    opened = open_store(milvus_server_uri)
    yield opened
    opened.close()


@pytest.fixture
def corpora(store: Store) -> Iterator[Callable[[], str]]:
    """Makes names, and drops what goes by them."""
    names: list[str] = []

    def make() -> str:
        names.append(f"ray {uuid.uuid4().hex}")
        return names[-1]

    yield make
    for side in [info.side for info in store.sides() if info.side.corpus in names]:
        store.drop(side.corpus, side.modality)


def job_of(paths: list[Path | str], uri: str, corpus: str, **options: Any) -> Job:
    flags = {
        "corpus": corpus,
        "model.name": options.pop("model", "fake"),
        "store.uri": uri,
        "ingest.batch_size": SLICE,
        **{name: options.pop(name) for name in list(options) if "." in name},
    }
    return job_for(paths, load_settings(flags=flags), **options)


def on(cluster: RayCluster, **options: Any) -> RayRunner:
    small = {"readers": 1, "decoders": 1, "encoders": 1, "writers": 1, "shard_items": SHARD}
    return RayRunner(Cluster(**{"address": cluster.address, **small, **options}))


def photos(folder: Path, count: int) -> Path:
    """Pictures of which no two are alike, captions, texts, and one that is none."""
    folder.mkdir()
    for n in range(count):
        colours = (n % 256, n * 7 % 256, n * 31 % 256)
        (folder / f"{n:03}.png").write_bytes(picture(colours, (40 + n, 30)))
        if n % 10 == 0:
            (folder / f"{n:03}.txt").write_text(f"picture {n}")
    (folder / "notes.md").write_text("\n\n".join(f"Line {n} is red." for n in range(20)))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    return folder


def when(written: int, do: Callable[[], object]) -> Change:
    """Do something once, when so many rows have been written."""
    done: list[bool] = []

    def look(report: Report) -> None:
        if report.written >= written and not done:
            done.append(True)
            do()

    return look


def test_a_lost_node_costs_nothing_that_can_be_seen(
    tmp_path: Path,
    cluster: RayCluster,
    store: Store,
    milvus_server_uri: str,
    corpora: Callable[[], str],
) -> None:
    # So many that all stages are at work when the first rows are told of.
    folder = photos(tmp_path / "photos", 1_200)
    here, there = corpora(), corpora()
    local = LocalRunner().run(job_of([folder], milvus_server_uri, here), Report())
    report = Report(path=tmp_path / "failures.jsonl")
    gone: list[int] = []
    on(cluster, readers=2, decoders=2, encoders=2).run(
        job_of([folder], milvus_server_uri, there),
        report,
        on_progress=when(60, lambda: gone.append(cluster.kill_node())),
    )
    cluster.add_node()
    assert gone[0] >= 1
    assert contents(store, there) == contents(store, here)
    assert (report.seen, report.failed) == (local.seen, 1) == (1_221, 1)
    # What was written and not told of when the node went is met again as what it is: unchanged.
    assert report.embedded + report.unchanged + report.updated == 1_220
    assert report.embedded >= 800
    failure = json.loads((tmp_path / "failures.jsonl").read_text())
    assert failure["uri"].endswith("broken.jpg")
    assert failure["reason"] == "undecodable"
    times = {one.stage: one for one in report.clock.read().stages}
    assert times["encode"].items >= report.embedded
    assert {"list", "compare", "read", "decode", "write", "settle"} <= times.keys()
    assert report.embedded_per_s > 0

    # Again: a look, a new file, one that has moved, one that is gone, one that has changed.
    (folder / "005.png").unlink()
    (folder / "001.png").rename(folder / "moved.png")
    (folder / "002.png").write_bytes(picture((1, 2, 3), (11, 11)))
    (folder / "new.png").write_bytes(picture((9, 9, 9), (99, 9)))
    (folder / "003.txt").write_text("now it has a caption")
    told = {}
    for name, one in (("local", LocalRunner()), ("ray", on(cluster))):
        corpus = here if name == "local" else there
        dry = one.run(job_of([folder], milvus_server_uri, corpus, dry_run=True), Report())
        found = contents(store, corpus)
        wet = one.run(job_of([folder], milvus_server_uri, corpus), Report())
        told[name] = [
            {key: value for key, value in each.as_json().items() if type(value) is int}
            for each in (dry, wet)
        ]
        assert found != contents(store, corpus)
    assert told["local"] == told["ray"]
    assert told["ray"][1] == {
        "seen": 1_221, "embedded": 2, "unchanged": 1_216, "updated": 1, "moved": 1, "copied": 0,
        "removed": 1, "failed": 1, "skipped": 0,
    }  # fmt: skip
    assert contents(store, there) == contents(store, here)
    assert all(info.settled for info in store.sides() if info.side.corpus == there)


def test_stages_that_are_begun_anew_count_nothing_twice(
    tmp_path: Path,
    cluster: RayCluster,
    store: Store,
    milvus_server_uri: str,
    corpora: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As after a loss that Ray does not make good: here it is said that there was one."""
    begun: list[int] = []
    begin, take = runner._Run._begin_anew, runner._Run._take

    def noted(self: Any) -> None:
        begun.append(self._report.written)
        begin(self)

    def lost_once(self: Any, table: Any, book: Any) -> None:
        take(self, table, book)
        if self._report.written >= 40 and not begun:
            raise runner._LostError

    monkeypatch.setattr(runner._Run, "_begin_anew", noted)
    monkeypatch.setattr(runner._Run, "_take", lost_once)
    folder = photos(tmp_path / "photos", 200)
    here, there = corpora(), corpora()
    LocalRunner().run(job_of([folder], milvus_server_uri, here), Report())
    report = on(cluster).run(job_of([folder], milvus_server_uri, there), Report())
    assert len(begun) == 1
    assert 40 <= begun[0] < 220
    assert contents(store, there) == contents(store, here)
    assert (report.seen, report.failed) == (221, 1)
    assert report.embedded + report.unchanged + report.updated == 220


@pytest.fixture
def s3(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    names = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": s3_endpoint,
    }
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    return names


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_tars_and_parquet_in_an_object_store(
    tmp_path: Path,
    cluster: RayCluster,
    store: Store,
    milvus_server_uri: str,
    corpora: Callable[[], str],
    s3: dict[str, str],
) -> None:
    samples = {
        f"{n:03}.{suffix}": data
        for n in range(40)
        for suffix, data in (("png", picture((n, 0, 0), (20 + n, 9))), ("txt", b"red %d" % n))
    }
    rows = [{"image": picture((0, n, 0), (9, 20 + n)), "caption": f"green {n}"} for n in range(40)]
    table = write_parquet(tmp_path / "t.parquet", rows)
    fs = fsspec.filesystem("s3", use_listings_cache=False)
    fs.mkdir("ray")
    fs.pipe_file("ray/tables/a.parquet", table.read_bytes())
    fs.pipe_file("ray/tables/b.parquet", table.read_bytes())
    for n in range(25):
        fs.pipe_file(f"ray/folder/{n}.png", picture((0, 0, n), (8, 8)))
    paths: list[Path | str] = [
        write_tar(tmp_path / "a.tar", samples),
        write_tar(tmp_path / "b.tar.gz", samples, "w:gz"),
        table,
        "s3://ray/tables/*.parquet",
        "s3://ray/folder",
    ]
    here, there = corpora(), corpora()
    net = {"net.allow": True}
    local = LocalRunner().run(job_of(paths, milvus_server_uri, here, **net), Report())
    ray = on(cluster, runtime_env={"env_vars": s3})
    report = ray.run(job_of(paths, milvus_server_uri, there, **net), Report())
    assert contents(store, there) == contents(store, here)
    assert (report.seen, report.embedded) == (local.seen, local.embedded) == (225, 225)

    # Gone from the bucket, from a tar and from a table: swept; the rest is not opened again.
    fs.rm("ray/folder/3.png")
    write_tar(tmp_path / "a.tar", dict(list(samples.items())[:60]))
    report = ray.run(job_of(paths, milvus_server_uri, there, **net), Report())
    LocalRunner().run(job_of(paths, milvus_server_uri, here, **net), Report())
    assert (report.removed, report.embedded) == (11, 0)
    assert contents(store, there) == contents(store, here)
    fs.rm("ray", recursive=True)


def test_a_bad_network_between_the_workers_and_the_database(
    tmp_path: Path,
    cluster: RayCluster,
    store: Store,
    milvus_server_uri: str,
    corpora: Callable[[], str],
) -> None:
    folder = photos(tmp_path / "photos", 150)
    here, there = corpora(), corpora()
    LocalRunner().run(job_of([folder], milvus_server_uri, here), Report())
    at = urlsplit(milvus_server_uri)
    assert at.hostname
    assert at.port
    with FaultyProxy(at.hostname, at.port, cut_every=40, delay_s=0.005) as proxy:
        report = on(cluster).run(job_of([folder], proxy.uri, there), Report())
    assert proxy.cuts >= 3
    assert contents(store, there) == contents(store, here)
    assert (report.seen, report.failed) == (171, 1)


def test_a_driver_that_is_killed_is_gone_on_from(
    tmp_path: Path,
    cluster: RayCluster,
    store: Store,
    milvus_server_uri: str,
    corpora: Callable[[], str],
) -> None:
    folder = photos(tmp_path / "photos", 600)
    here, there = corpora(), corpora()
    LocalRunner().run(job_of([folder], milvus_server_uri, here), Report())
    command = [sys.executable, "-m", "searchengine", "index", str(folder), "--corpus", there]
    command += ["--store", milvus_server_uri, "--model", "fake", "--runner", "ray", "--json", "-q"]
    command += ["--address", cluster.address, "--readers", "1", "--decoders", "1"]
    command += ["--encoders", "1", "--writers", "1", "--set", f"ingest.batch_size={SLICE}"]
    env = {**os.environ, "SEARCHENGINE_DATA_DIR": str(tmp_path / "data")}
    killed = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until = time.monotonic() + 300
    while not 40 <= (before := len(contents(store, there))) < 600:
        assert killed.poll() is None, killed.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    done = subprocess.run(
        [*command, "--profile"], env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)  # nothing else of Ray's is there
    assert contents(store, there) == contents(store, here)
    assert told["seen"] == 621
    assert told["failed"] == 1
    assert told["unchanged"] >= before
    assert told["embedded"] == 620 - told["unchanged"]
    assert "stage    workers" in done.stderr
    assert "Traceback" not in done.stderr


def test_from_outside_the_cluster(
    tmp_path: Path,
    cluster: RayCluster,
    store: Store,
    milvus_server_uri: str,
    corpora: Callable[[], str],
    client_port: int,
) -> None:
    """By Ray's client: a stop gets there, failures come back, and what stops a run, as itself."""
    folder = photos(tmp_path / "photos", 300)
    corpus = corpora()
    far = on(cluster, address=f"ray://127.0.0.1:{client_port}")
    stop = threading.Event()
    stop.set()
    report = far.run(job_of([folder], milvus_server_uri, corpus), Report(), stop=stop)
    assert report.interrupted
    assert report.written == report.embedded == len(contents(store, corpus)) < 320
    report = Report(path=tmp_path / "failures.jsonl")
    far.run(job_of([folder], milvus_server_uri, corpus), report)
    assert not report.interrupted
    assert report.embedded + report.unchanged == len(contents(store, corpus)) == 320
    assert report.failed == 1
    assert "broken.jpg" in (tmp_path / "failures.jsonl").read_text()
    assert report.clock.read().of("encode") is not None
    with pytest.raises(MismatchError, match="were encoded by fake"):
        far.run(job_of([folder], milvus_server_uri, corpus, model="drawn-scenes"), Report())
    with pytest.raises(UnsupportedError, match="knows no index NONE") as caught:
        far.run(
            job_of([folder], milvus_server_uri, corpora(), **{"store.profile": "NONE"}), Report()
        )
    assert "It can build" in caught.value.hint
