"""The parts of the Ray runner that need no Ray: sizes, slices, the book, and that a job crosses."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from ray import cloudpickle

from ingest.job import job_for
from ingest.plan import Todo
from ingest.report import Report
from ingest.runners.ray.book import Book
from ingest.runners.ray.cluster import Cluster, Node, Pool, Pools, size_pools
from ingest.runners.ray.runner import RayRunner
from ingest.runners.ray.slices import (
    MOST_BYTES,
    Facts,
    Slice,
    Tally,
    cut_assets,
    lean,
    numbered,
    pack,
    unpack,
)
from ingest.sources.contract import Asset
from searchengine.cli.runners import RunnerChoice, choose_runner
from searchengine.errors import ReadError, SettingsError, UnsupportedError, UsageError
from searchengine.settings import load_settings
from searchengine.store.memory import MemoryStore
from tests.ingest.folders import make_job, picture


def total_cpus(pools: Pools) -> float:
    every = (pools.readers, pools.decoders, pools.encoders, pools.writers)
    return sum(pool.count * pool.cpus for pool in every)


def asset(n: int, size: int = 1000, **options: Any) -> Asset:
    return Asset(f"file:///{n}.jpg", "image", "r", size, 0, **options)


@pytest.mark.parametrize("cpus", [1, 2, 4, 16, 64])
@pytest.mark.parametrize("count", [1, 3, 20])
def test_all_stages_fit_on_nodes_without_gpus(count: int, cpus: int) -> None:
    pools = size_pools([Node(cpus, 0)] * count, Cluster())
    assert pools.encoders.count == pools.readers.count == count
    assert pools.encoders.gpus == 0
    assert total_cpus(pools) <= count * cpus
    assert pools.encoders.cpus <= cpus
    if cpus >= 16:
        assert pools.decoders.cpus == 1
        assert total_cpus(pools) > 0.9 * count * cpus  # none lies idle


def test_cpu_nodes_decode_for_gpu_nodes() -> None:
    nodes = [Node(8, 2), Node(8, 2), *[Node(32, 0)] * 4]
    pools = size_pools(nodes, Cluster())
    assert pools.encoders == Pool(4, 1.0, 1.0)
    assert pools.decoders.cpus == 1
    assert pools.decoders.count > 120
    assert size_pools(nodes, Cluster(gpus_per_worker=0.5)).encoders.count == 8
    assert size_pools(nodes, Cluster(gpus_per_worker=2)).encoders.count == 2
    assert size_pools(nodes, Cluster(gpus_per_worker=0)).encoders == Pool(6, 4.0)
    assert size_pools(nodes, Cluster(encoders=3)).encoders.count == 3
    with pytest.raises(UnsupportedError, match=r"wants 4 GPUs, .* has 2"):
        size_pools(nodes, Cluster(gpus_per_worker=4))
    with pytest.raises(UnsupportedError, match="no CPUs"):
        size_pools([Node(0, 0)], Cluster())


def test_what_the_user_asks_for_is_made_to_fit() -> None:
    asked = Cluster(readers=5, decoders=7, encoders=2, writers=3)
    pools = size_pools([Node(2, 0)], asked)
    counts = (pools.readers.count, pools.decoders.count, pools.encoders.count, pools.writers.count)
    assert counts == (5, 7, 2, 3)
    assert total_cpus(pools) <= 2.2


def test_slices_are_cut_by_number_and_bytes() -> None:
    def sizes(assets: list[Asset]) -> list[int]:
        return [len(cut) for cut in cut_assets(assets, 10)]

    assert sizes([asset(n) for n in range(25)]) == [10, 10, 5]
    assert sizes([asset(n, MOST_BYTES // 4) for n in range(9)]) == [4, 4, 1]
    assert sizes([asset(1), asset(2, 3 * MOST_BYTES), asset(3)]) == [1, 1, 1]
    film = asset(2, parts="frame")
    assert sizes([asset(1), film, asset(3), asset(4)]) == [1, 1, 2]
    assert sizes([asset(n, 0) for n in range(9)]) == [9]  # nobody tells their sizes
    every = [asset(n, 7000 * n) for n in range(100)]
    assert list(itertools.chain(*cut_assets(every, 10))) == every


def test_a_slice_crosses_with_what_it_holds() -> None:
    tally = Tally(["image"])
    tally.seen, tally.unchanged = 3, 2
    tally.fail("file:///a.jpg", "undecodable", "no picture")
    tally.ledgers["image"].note("ff" * 16, True)
    with tally.clock.busy("read", 3):
        pass
    facts = Facts(error=ReadError("away", hint="come back"))
    facts.take(tally)
    (back,) = unpack(pack(Slice(items=[lean(Todo(asset(1), "id", None))], facts=facts)))
    assert isinstance(back, Slice)
    assert back.facts.counts == {"seen": 3, "unchanged": 2}
    assert back.facts.failures == [("file:///a.jpg", "undecodable", "no picture")]
    assert back.facts.noted == {"image": (b"\xff" * 8, 1)}
    assert back.facts.times["read"][0] == 3
    error = back.facts.error
    assert isinstance(error, ReadError)
    assert (str(error), error.hint) == ("away", "come back")


def test_the_book_takes_each_slice_once_and_misses_none() -> None:
    orders = [list(numbered(n, [Slice() for _ in range(n)])) for n in (3, 1, 2)]
    last = Slice(facts=Facts(orders=4))
    every = [*itertools.chain(*orders), *numbered(0, [last])]
    for left_out in range(len(every)):
        book = Book()
        for place, one in enumerate(every[::-1]):
            if place != left_out:
                assert book.enter(one)
                assert not book.enter(one)
        assert not book.complete
        assert book.enter(every[::-1][left_out])
        assert book.complete


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"recursive": False, "exclude": ["*.gif"], "follow_links": True},
        {"modality": "image", "prune": False, "dry_run": True},
    ],
)
def test_a_job_crosses_process_borders(tmp_path: Path, options: dict[str, Any]) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(picture((200, 0, 0)))
    flags = {
        "model.name": "fake",
        "store.uri": "memory:crossing",
        "store.token": "secret",
        "table.image_column": "x",
        "net.allow": True,
        "ingest.decode_apart": True,
    }
    job = job_for([tmp_path / "photos"], load_settings(flags=flags), **options)
    back = cloudpickle.loads(cloudpickle.dumps(job))
    assert [one.uri for one in back.build_source()] == [one.uri for one in job.build_source()]
    assert back.build_encoder("fake").fingerprint == job.build_encoder("fake").fingerprint
    assert back.describe_model("fake") == job.describe_model("fake")
    assert [s.name for s in back.divide(10).shards] == []
    assert list(back.divide(10).build_listed()) == list(job.build_source())
    assert (back.limits, back.bounds, back.prune) == (job.limits, job.bounds, job.prune)
    back.build_store().close()
    back.prepare_questions(back.build_encoder("fake"))


def test_a_database_of_one_process_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="belongs to one") as caught:
        RayRunner().run(make_job(tmp_path, MemoryStore()), Report())
    assert "--store http://" in caught.value.hint
    settings = load_settings(flags={"store.uri": str(tmp_path / "lite"), "model.name": "fake"})
    with pytest.raises(UnsupportedError, match="belongs to one"):
        RayRunner().run(job_for([tmp_path], settings), Report())


def test_options_of_a_cluster_need_one(tmp_path: Path) -> None:
    def choose(name: str, **options: Any) -> Any:
        given: dict[str, Any] = {
            "address": None, "gpus_per_worker": None, "counts": {}, "runtime_env": None, **options
        }  # fmt: skip
        return choose_runner(RunnerChoice(name), **given)

    with pytest.raises(UsageError, match="--address belongs to a Ray cluster"):
        choose("local", address="auto")
    with pytest.raises(UsageError, match="--gpus-per-worker belongs"):
        choose("local", gpus_per_worker=0.0)
    with pytest.raises(UsageError, match="--decoders belongs"):
        choose("local", counts={"readers": None, "decoders": 3})
    assert isinstance(choose("ray", address="auto", counts={"readers": 2}), RayRunner)
    env = tmp_path / "env.yaml"
    env.write_text("[1, 2]")
    with pytest.raises(SettingsError, match="is no mapping"):
        choose("ray", runtime_env=env)
    with pytest.raises(SettingsError, match="cannot be read"):
        choose("ray", runtime_env=tmp_path / "none.yaml")
