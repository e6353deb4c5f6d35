"""Tuning reaches the recall it was asked for, with queries that the corpus has never seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from typer.testing import CliRunner

from searchengine.cli.app import app
from searchengine.errors import NotFoundError, QueryError, UnsupportedError
from searchengine.evaluate.probes import ask
from searchengine.evaluate.tune import Trial, _ladder, _search, nudged, tune
from searchengine.evaluate.tune_report import tuning_json, tuning_table
from searchengine.records import Side
from searchengine.store import open_store
from searchengine.store.contract import Effort, Row, Store
from searchengine.store.memory import MemoryStore
from tests.store.cases import drop_quietly, make_item, rows_of, spec_of, unit

COUNT, DIM, FRESH, TOP = 10_000, 64, 500, 10
CORPUS = "tuned"
SIDE = Side(CORPUS, "image")


@dataclass(frozen=True)
class World:
    """Clusters that overlap: an index has to look hard."""

    vectors: npt.NDArray[np.float32]
    fresh: npt.NDArray[np.float32]

    def recall(self, store: Store, turn: int) -> float:
        """Return recall@10 of the fresh queries with what the side is tuned to."""
        least = np.sort(self.fresh @ self.vectors.T, axis=1)[:, -TOP]
        answers = store.search(SIDE, nudged(self.fresh, turn), limit=TOP)
        found = [
            sum(hit.score >= score - 2e-6 for hit in hits) / TOP
            for hits, score in zip(answers, least.tolist(), strict=True)
        ]
        return float(np.mean(found))


def make_world() -> World:
    rng = np.random.default_rng(5)
    centres = rng.normal(size=(100, DIM))

    def around(count: int) -> npt.NDArray[np.float32]:
        return unit(centres[rng.integers(0, 100, count)] + 2.0 * rng.normal(size=(count, DIM)))

    return World(around(COUNT), around(FRESH))


@pytest.fixture(scope="module", params=["lite", "server"])
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Store, World]]:
    """A store with 10,000 clustered vectors."""
    if request.param == "lite":
        address = str(tmp_path_factory.mktemp("tune") / "milvus")
    else:
        address = str(request.getfixturevalue("milvus_server_uri"))
    store = open_store(address, mirror_mb=0)  # its own searches are what was promised for
    drop_quietly(store, CORPUS)
    store.ensure(spec_of(CORPUS, dim=DIM, profile="flat"))
    world = make_world()
    store.upsert(SIDE, [Row(make_item(n), vector) for n, vector in enumerate(world.vectors)])
    yield store, world
    drop_quietly(store, CORPUS)
    store.close()


@pytest.mark.parametrize("index", ["HNSW", "IVF_FLAT"])
def test_fresh_queries_have_the_recall_that_was_asked_for(
    filled: tuple[Store, World], index: str
) -> None:
    store, world = filled
    store.reindex(SIDE, index)
    efforts = []
    for turn, target in enumerate((0.9, 0.98)):
        tuning = tune(store, SIDE, recall=target, queries=120)
        assert tuning.reached, tuning
        assert tuning.after.effort == min(
            trial.effort for trial in tuning.tried if trial.sure >= target
        )
        kept = store.describe(SIDE)
        assert kept is not None
        assert kept.effort == Effort(tuning.after.effort, TOP, COUNT, round(tuning.after.recall, 4))
        assert world.recall(store, turn) >= target - 0.01, tuning
        efforts.append(tuning.after.effort)
    assert efforts[0] < efforts[1]


def test_new_queries_are_as_hard_as_unseen_ones(filled: tuple[Store, World]) -> None:
    """Items are far easier for a graph: their recall would promise too much."""
    store, world = filled
    info = store.reindex(SIDE, "HNSW")
    asked = {one.kind: one for one in ask(store, info, TOP, 150)}
    assert asked.keys() == {"images", "new images"}
    unseen = np.sort(world.fresh @ world.vectors.T, axis=1)[:, -TOP]
    recalls = {}
    for kind, one in asked.items():
        least = np.asarray([hits[-1].score for hits in one.exact])
        assert abs(float(least.mean() - unseen.mean())) < 0.01
        limit = TOP + (one.own is not None)
        answers = store.search(SIDE, nudged(one.vectors, 1), limit=limit, effort=27)
        recalls[kind] = np.mean(
            [
                sum(hit.score >= score - 2e-6 for hit in hits[limit - TOP :]) / TOP
                for hits, score in zip(answers, least.tolist(), strict=True)
            ]
        )
    store.set_effort(SIDE, Effort(27, TOP, COUNT, 0.0))
    truth = world.recall(store, 9)
    assert recalls["images"] > truth + 0.1
    assert recalls["new images"] < truth + 0.06


def test_a_recall_out_of_reach_keeps_the_best(
    filled: tuple[Store, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = filled
    info = store.reindex(SIDE, "HNSW")
    monkeypatch.setattr("searchengine.evaluate.tune.most", lambda profile, items: 40)
    tuning = tune(store, SIDE, recall=1.0, queries=60)
    assert not tuning.reached
    assert tuning.after.recall == max(trial.recall for trial in tuning.tried if trial.effort <= 40)
    kept = store.describe(SIDE)
    assert kept is not None
    assert kept.effort is not None
    assert kept.effort.value == tuning.after.effort <= 40
    assert "not reached" in tuning_table(tuning)
    assert tuning_json(tuning)["reached"] is False
    assert info.index == "HNSW"


def test_the_other_side_asks_too(tmp_path: Path) -> None:
    store = open_store(tmp_path / "milvus")
    rows = rows_of(60)
    for modality in ("image", "text"):
        side = Side("both", modality)  # type: ignore[arg-type]
        spec = spec_of("both", profile="hnsw")
        store.ensure(type(spec)(side, spec.model, spec.fingerprint, spec.dim, spec.profile))
        store.upsert(side, rows)
    tuning = tune(store, Side("both", "text"), recall=0.9, k=3, queries=20)
    assert dict(tuning.queries) == {"texts": 20, "new texts": 20, "images": 20}
    store.close()


def test_efforts_are_bisected() -> None:
    efforts = _ladder(27, 32_768)
    assert efforts[0] == 27
    assert efforts[-1] == 32_768
    assert all(1 < after / before < 1.15 for before, after in pairwise(efforts))
    assert _ladder(1, 5) == [1, 2, 3, 4, 5]
    assert _ladder(27, 10) == [27]
    for least in efforts:
        asked: list[int] = []

        def measure(effort: int, least: int = least, asked: list[int] = asked) -> Trial:
            asked.append(effort)
            return Trial(effort, 0.0, float(effort >= least), 0.0, 0.0)

        assert _search(measure, efforts, 0.98).effort == least
        assert len(set(asked)) <= 14


def test_the_same_query_is_never_asked_twice() -> None:
    vectors = unit(np.random.default_rng(0).normal(size=(4, 8)))
    seen = {nudged(vectors, number).tobytes() for number in range(50)}
    assert len(seen) == 50
    for number in range(50):
        np.testing.assert_allclose(nudged(vectors, number), vectors, atol=1e-6)


def test_what_cannot_be_tuned_is_refused() -> None:
    store = MemoryStore()
    side = Side("exact", "image")
    store.ensure(spec_of("exact"))
    store.upsert(side, rows_of(30))
    with pytest.raises(UnsupportedError, match="nothing to tune"):
        tune(store, side, recall=0.98)
    for wrong in ({"recall": 0.0}, {"recall": 1.5}, {"recall": float("nan")}):
        with pytest.raises(QueryError):
            tune(store, side, **wrong)
    for wrong_ in ({"k": 0}, {"k": 10**7}, {"queries": 1}):
        with pytest.raises(QueryError):
            tune(store, side, recall=0.98, **wrong_)
    with pytest.raises(NotFoundError):
        tune(store, Side("no such corpus", "image"), recall=0.98)


def test_too_few_items_are_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path / "milvus")
    store.ensure(spec_of("few", profile="hnsw"))
    with pytest.raises(QueryError, match="too few"):
        tune(store, Side("few", "image"), recall=0.98)
    store.upsert(Side("few", "image"), rows_of(3))
    assert tune(store, Side("few", "image"), recall=0.98, queries=200).reached
    store.close()


def test_the_command_prints_and_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = str(tmp_path / "milvus")
    store = open_store(folder)
    store.ensure(spec_of("mine", profile="hnsw"))
    store.upsert(Side("mine", "image"), rows_of(300))
    store.close()
    common = ["tune", "--corpus", "mine", "--store", folder, "--queries", "20"]
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, [*common, "--recall", "0.9", "--json", "--quiet"])
    assert done.exit_code == 0, done.output
    [side] = json.loads(done.stdout)["sides"]
    assert (side["tuned"], side["reached"], side["parameter"]) == (True, True, "ef")
    assert side["after"]["recall"] >= 0.9
    assert side["before"]["effort"] == 256
    assert side["after"]["p50_ms"] > 0
    store = open_store(folder)
    info = store.describe(Side("mine", "image"))
    assert info is not None
    assert info.effort is not None
    assert info.effort.value == side["after"]["effort"]
    store.reindex(Side("mine", "image"), "flat")
    store.close()
    done = CliRunner().invoke(app, common)
    assert done.exit_code == 0
    assert "nothing to tune" in done.stdout


def test_the_command_ends_with_1_where_the_recall_is_out_of_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(tmp_path / "milvus")
    store = open_store(folder)
    store.ensure(spec_of("hard", dim=DIM, profile="ivf_flat"))
    rows = [Row(make_item(n), v) for n, v in enumerate(make_world().vectors[:3_000])]
    store.upsert(Side("hard", "image"), rows)
    store.close()
    monkeypatch.setattr("searchengine.evaluate.tune.most", lambda profile, items: 3)
    monkeypatch.chdir(tmp_path)
    options = ["--corpus", "hard", "--store", folder, "--queries", "20", "--recall", "0.99"]
    done = CliRunner().invoke(app, ["tune", *options])
    assert done.exit_code == 1
    assert "recall 0.99 is not reached" in done.stdout
    assert "nprobe" in done.stdout
