"""Many requests at once get the answers that one at a time gets: on Lite, and on a real server."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from searchengine import SearchEngine
from searchengine.encoders.fake import COLOURS, FakeEncoder
from searchengine.identity import item_id
from searchengine.present.formats import as_json
from searchengine.query.json_form import query_from_json
from searchengine.query.terms import RawVector
from searchengine.records import ITEM_FIELDS, Item, Side
from searchengine.service.app import create_app
from searchengine.store import open_store
from searchengine.store.contract import Row, SideSpec, Store
from tests.service.conftest import SCENES, settings_at
from tests.service.live import listening

THREADS = 16
ROUNDS = 2
READS = 10


@pytest.fixture(scope="module", params=["lite", "lite alone", "server"])
def home(
    request: pytest.FixtureRequest, scenes_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """A folder of one's own with the scenes, and the settings of the store they are in."""
    folder = tmp_path_factory.mktemp("threads")
    shutil.copytree(scenes_home, folder, dirs_exist_ok=True)
    if request.param == "lite":
        yield folder, {}
        return
    if request.param == "lite alone":
        yield folder, {"store__mirror_mb": 0}
        return
    uri = str(request.getfixturevalue("milvus_server_uri"))
    there, here = open_store(uri), open_store(folder / "data" / "milvus")
    copied = [copy_side(here, there, info) for info in here.sides()]
    here.close()
    assert sum(copied) >= SCENES
    yield folder, {"store__uri": uri}
    there.drop("scenes")
    there.close()


def copy_side(here: Store, there: Store, info: Any) -> int:
    there.ensure(SideSpec(info.side, info.model, info.fingerprint, info.dim))
    rows = [
        Row(
            Item(modality=info.side.modality, **{name: row[name] for name in ITEM_FIELDS}),
            row["vector"],
        )
        for row in here.scan(info.side, fields=(*ITEM_FIELDS, "vector"))
    ]
    there.upsert(info.side, rows)
    there.settle(info.side)
    return len(rows)


def questions(store: Store) -> list[dict[str, Any]]:
    [one, other] = sorted(row["id"] for row in store.scan(Side("scenes", "image")))[:2]
    asked: list[dict[str, Any]] = [
        {"query": "a red car"},
        {"query": "a dog", "limit": 30},
        {"query": "a boat on the sea", "limit": 5, "offset": 7},
        {"terms": [{"text": "two dogs"}, {"text": "snow", "weight": -0.5}]},
        {"terms": [{"id": one}], "limit": 20},
        {"terms": [{"id": other}, {"text": "at night", "weight": 2}]},
        {"query": "a house", "filter": "width > 0 and caption is not null"},
        {"query": "a tree", "modalities": ["image", "text"], "limit": 20},
        {"query": "a cat", "min_relevance": 0.2},
        {"query": "a cat", "fold": True, "diversity": 0.5},
        {"query": "a car", "sort": "-size", "facets": ["mime"]},
        {"query": "a car", "group_by": "folder"},
    ]
    if store.capabilities.bm25:
        asked.append({"query": "a red car", "hybrid": True})
    return asked


def answer(engine: SearchEngine, question: dict[str, Any]) -> dict[str, Any]:
    return as_json(engine.answer(query_from_json(question)))


def test_one_engine_under_many_threads(home: tuple[Path, dict[str, Any]]) -> None:
    folder, flags = home
    settings = settings_at(folder, **flags)
    with SearchEngine.open(settings) as alone:
        asked = questions(alone.store)
        expected = [answer(alone, one) for one in asked]
        again = [answer(alone, one) for one in asked]
        for one, other in zip(again, expected, strict=True):
            assert_equal(one, other)  # else nothing can be said of threads
    with SearchEngine.open(settings) as shared:  # a new one: its first questions come at once, too
        jobs = list(range(len(asked))) * ROUNDS * 2
        random.Random(0).shuffle(jobs)
        begin = threading.Barrier(THREADS)

        def work(mine: list[int]) -> list[tuple[int, dict[str, Any]]]:
            begin.wait()
            return [(number, answer(shared, asked[number])) for number in mine]

        with ThreadPoolExecutor(THREADS) as pool:
            parts = pool.map(work, [jobs[n::THREADS] for n in range(THREADS)])
            found = [one for part in parts for one in part]
    assert len(found) == len(jobs)
    for number, one in found:
        assert_equal(one, expected[number])


def assert_equal(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """But for the last digits: matrices are multiplied otherwise where cores are busy."""
    for one, other in zip(found["hits"], expected["hits"], strict=True):
        assert one["score"] == pytest.approx(other["score"], abs=2e-6)
        assert one.get("relevance", 0) == pytest.approx(other.get("relevance", 0), abs=2e-4)
        assert without(one, "score", "relevance") == without(other, "score", "relevance")
    assert bool(found["cursor"]) == bool(expected["cursor"])  # it holds the last score
    assert without(found, "hits", "cursor") == without(expected, "hits", "cursor")


def without(one: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in one.items() if name not in names}


def test_the_service_under_many_clients(home: tuple[Path, dict[str, Any]]) -> None:
    """Words no cache knows, encoded in batches: the same items, and scores to rounding."""
    folder, flags = home
    texts = [f"{n} {thing}" for n in range(8) for thing in ("red cars", "dogs on the snow", "cats")]
    # A small model may find a faster way to run, in the same space, but for the last digits.
    flags = {**flags, "query__keep": 0, "model__runtime": "torch", "model__precision": "fp32"}
    alone = settings_at(folder, service__batching=False, **flags)
    with listening(create_app(alone)) as address, httpx.Client(base_url=address) as client:
        expected = {text: search(client, text) for text in texts}
    app = create_app(settings_at(folder, **flags))
    with listening(app) as address, httpx.Client(base_url=address, timeout=60) as client:
        while client.get("/readyz").status_code != 200:
            pass
        with ThreadPoolExecutor(THREADS) as pool:
            found = list(pool.map(lambda text: search(client, text), texts * ROUNDS))
        rows = client.get("/metrics").text
    batches = {
        line.split()[0]: float(line.split()[1])
        for line in rows.splitlines()
        if line.startswith(("searchengine_batch_rows_sum", "searchengine_batch_rows_count"))
    }
    name = 'searchengine_batch_rows_{}{{tower="text"}}'
    assert batches[name.format("sum")] > 1.2 * batches[name.format("count")], "nothing was batched"
    for text, hits in zip(texts * ROUNDS, found, strict=True):
        best = expected[text]
        np.testing.assert_allclose(
            [hit["score"] for hit in hits], [hit["score"] for hit in best], atol=1e-5
        )
        scores = {hit["id"]: hit["score"] for hit in best}
        for hit in hits[:-1]:  # the last may change places with one just beyond the page
            assert hit["score"] == pytest.approx(scores[hit["id"]], abs=1e-5)


def search(client: httpx.Client, text: str) -> list[dict[str, Any]]:
    answer = client.get("/v1/corpora/scenes/search", params={"q": text})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["hits"])


@pytest.mark.parametrize("mirror_mb", [2048, 0])
def test_readers_see_whole_items_while_they_are_written(tmp_path: Path, mirror_mb: int) -> None:
    """An item's colour is in its vector and in its caption: a reader never sees two of them."""
    encoder, side = FakeEncoder(), Side("colours", "image")
    names = list(COLOURS)[:6]
    vectors = dict(zip(names, encoder.encode_texts(names), strict=True))
    store = open_store(tmp_path / "milvus", mirror_mb=mirror_mb)
    store.ensure(SideSpec(side, encoder.name, encoder.fingerprint, encoder.dim))

    def write(colour: str, numbers: range) -> None:
        store.upsert(
            side,
            [
                Row(
                    Item(
                        id=item_id(f"file:///{n}.jpg"),
                        uri=f"file:///{n}.jpg",
                        modality="image",
                        revision=colour,
                        content_hash="0" * 32,
                        size=1,
                        mtime_ns=0,
                        mime="image/jpeg",
                        caption=colour,
                    ),
                    vectors[colour],
                )
                for n in numbers
            ],
        )

    write(names[0], range(40))
    stop = threading.Event()

    def write_on() -> int:
        written = 0
        while not stop.is_set():
            write(names[written % len(names)], range(written % 7, 40, 3))
            written += 1
        return written

    def read(seed: int) -> int:
        engine = SearchEngine(store, lambda model: encoder, corpus="colours")
        mixed = random.Random(seed)
        seen = 0
        for _ in range(READS):
            colour = mixed.choice(names)
            asked = RawVector(tuple(vectors[colour].tolist()), "text")
            hits = engine.find(asked, limit=60).hits
            assert len({hit.id for hit in hits}) == len(hits) == 40
            for hit in hits:
                cosine = float(vectors[colour] @ vectors[hit.metadata["caption"]])
                assert hit.score == pytest.approx(cosine, abs=1e-5)
                seen += 1
        return seen

    with ThreadPoolExecutor(THREADS + 1) as pool:
        writing = pool.submit(write_on)
        reading = list(pool.map(read, range(THREADS)))
        stop.set()
        assert writing.result() > 3
    assert reading == [READS * 40] * THREADS
    store.close()
