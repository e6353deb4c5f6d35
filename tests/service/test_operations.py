"""What those who look after the service are told."""

from __future__ import annotations

import io
import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from searchengine.encoders.contract import Encoder, Vectors
from searchengine.encoders.fake import FakeEncoder
from searchengine.errors import StoreUnavailableError
from searchengine.service.app import create_app
from searchengine.service.call import Call, calling
from searchengine.service.logs import JsonLines
from searchengine.service.meters import STAGES
from searchengine.service.stage_table import COLUMNS
from searchengine.service.watched_store import PAUSE_S, watched
from searchengine.settings import Settings
from searchengine.store.configured import open_configured_store
from searchengine.store.contract import Store
from searchengine.store.memory import MemoryStore
from tests.service.conftest import settings_at

SEARCH = "/v1/corpora/scenes/search"
ROUTE = "/v1/corpora/{corpus}/search"


def readiness(client: TestClient, wanted: int) -> dict[str, Any]:
    """Ask until the status is the wanted one."""
    end = time.monotonic() + 60
    while (answer := client.get("/readyz")).status_code != wanted:
        assert time.monotonic() < end, answer.text
        time.sleep(0.05)
    return dict(answer.json())


def sample(client: TestClient, name: str, **labels: str) -> float:
    text = client.get("/metrics").text
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            if one.name == name and labels.items() <= one.labels.items():
                return float(one.value)
    raise AssertionError(f"no {name} {labels} in\n{text}")


def test_ready_once_it_has_encoded_and_searched(client: TestClient) -> None:
    assert client.get("/livez").json() == {"alive": True}
    found = readiness(client, 200)
    assert set(found["took_ms"]) == {"database", "text", "picture", "search"}


def test_not_ready_before_the_model_is_warm(scenes_home: Path) -> None:
    go_on = threading.Event()

    def load_slowly(settings: Settings, model: str) -> Encoder:
        assert go_on.wait(30)
        return FakeEncoder(dim=64)

    with TestClient(create_app(settings_at(scenes_home), load_encoder=load_slowly)) as client:
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["reason"] == "the model is being loaded"
        assert client.get("/livez").status_code == 200
        go_on.set()
        end = time.monotonic() + 30
        while "was made with" not in (reason := client.get("/readyz").json()["reason"]):
            assert time.monotonic() < end, reason  # it is another model: it says so
            time.sleep(0.02)


def test_a_model_that_hangs_is_not_ready(scenes_home: Path) -> None:
    from searchengine.encoders.configured import load_questions_encoder

    hangs = threading.Event()
    release = threading.Event()

    def load(settings: Settings, model: str) -> Encoder:
        encoder = load_questions_encoder(settings, model)
        encode = encoder.encode_images

        def encode_images(pixels: Any) -> Vectors:
            if hangs.is_set():
                release.wait(30)
            return encode(pixels)

        encoder.encode_images = encode_images  # type: ignore[method-assign]
        return encoder

    settings = settings_at(scenes_home, service__ready_s=1.0)
    with TestClient(create_app(settings, load_encoder=load)) as client:
        readiness(client, 200)
        hangs.set()
        assert "not done within 1 s" in readiness(client, 503)["reason"]
        assert client.get("/livez").status_code == 200
        release.set()
        hangs.clear()
        readiness(client, 200)


def test_the_metrics_say_what_happened(scenes_home: Path) -> None:
    with TestClient(create_app(settings_at(scenes_home))) as client:
        readiness(client, 200)
        with ThreadPoolExecutor(16) as pool:
            texts = [f"a red car {n % 8}" for n in range(32)]
            found = list(pool.map(lambda q: client.get(SEARCH, params={"q": q}), texts))
        assert [one.status_code for one in found] == [200] * 32
        client.get(SEARCH, params={"q": "a + "})
        client.get("/nowhere/secret")

        requests = "searchengine_request_seconds_count"
        assert sample(client, requests, route=ROUTE, method="GET", status="200") == 32
        assert sample(client, requests, route=ROUTE, status="422") == 1
        assert sample(client, requests, route="other", status="404") == 1
        for stage in STAGES:
            assert (
                sample(client, "searchengine_stage_seconds_count", route=ROUTE, stage=stage) == 33
            )
        for stage in ("encode", "database", "rank", "other"):
            assert sample(client, "searchengine_stage_seconds_sum", route=ROUTE, stage=stage) > 0
        assert sample(client, "searchengine_batch_rows_count", tower="text") >= 2
        hits = sample(client, "searchengine_text_cache_total", result="hit")
        misses = sample(client, "searchengine_text_cache_total", result="miss")
        assert hits >= 32 - 16  # asked at once, a text may be unknown to several
        assert misses >= 8
        assert sample(client, "searchengine_text_cache_bytes") > 8 * 64 * 4
        assert sample(client, "searchengine_queue_depth", queue="text") == 0
        assert sample(client, "searchengine_database_up") == 1
        assert sample(client, "searchengine_items", corpus="scenes", modality="image") == 60
        assert sample(client, "process_resident_memory_bytes") > 1e7
        assert "secret" not in client.get("/metrics").text


def test_the_stage_table(scenes_home: Path) -> None:
    with TestClient(create_app(settings_at(scenes_home))) as client:
        readiness(client, 200)
        for n in range(5):
            client.get(SEARCH, params={"q": f"{n} red cars"})
        figures = client.get("/v1/stats", params={"format": "json"}).json()["routes"]
        mine = figures[f"GET {ROUTE}"]
        assert set(mine) == set(COLUMNS)
        total = mine["total"]
        assert 0 < total["p50_ms"] <= total["p99_ms"]
        parts = ("queue", "decode", "encode", "database", "rank", "serialise", "other")
        assert all(mine[part]["p50_ms"] <= total["p50_ms"] for part in parts)
        assert mine["overhead"]["p50_ms"] < total["p50_ms"]
        table = client.get("/v1/stats").text.splitlines()
        assert table[0].split() == ["route", "requests", "ms", *COLUMNS]
        row = next(line for line in table if line.startswith(f"GET {ROUTE}"))
        assert row.split()[2:4] == ["5", "p50"]


def test_a_database_that_is_away(scenes_home: Path) -> None:
    there = threading.Event()

    def open_late(settings: Settings) -> Store:
        if not there.is_set():
            raise StoreUnavailableError("the database does not answer")
        return open_configured_store(settings)

    with TestClient(create_app(settings_at(scenes_home), open_store=open_late)) as client:
        end = time.monotonic() + 10
        while client.get("/readyz").json()["reason"] != "the database does not answer":
            assert time.monotonic() < end
        assert sample(client, "searchengine_database_up") == 0
        there.set()
        readiness(client, 200)
        assert sample(client, "searchengine_database_up") == 1


class _Away(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.away = True
        self.asked = 0

    def sides(self) -> Any:
        self.asked += 1
        if self.away:
            raise StoreUnavailableError("the database does not answer")
        return super().sides()


def test_nobody_queues_up_for_a_database_that_is_away() -> None:
    inner = _Away()
    store = watched(inner)
    for _ in range(50):
        with pytest.raises(StoreUnavailableError, match="does not answer"):
            store.sides()
    assert inner.asked == 1
    time.sleep(PAUSE_S + 0.05)
    with pytest.raises(StoreUnavailableError):
        store.sides()
    assert inner.asked == 2
    inner.away = False
    time.sleep(PAUSE_S + 0.05)
    assert [store.sides() for _ in range(3)] == [[], [], []]
    assert inner.asked == 5


def test_stages_within_stages_are_counted_once() -> None:
    call = Call()
    with calling(call), call.stage("outer"):
        time.sleep(0.02)
        with call.stage("inner"):
            time.sleep(0.05)
        call.spend("told", 0.01)
        time.sleep(0.02)
    assert call.stages["inner"] >= 0.05
    assert 0.02 <= call.stages["outer"] < 0.05
    assert call.stages["told"] == 0.01


def test_the_log_has_a_line_a_request_and_no_secret(client: TestClient) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("searchengine.service")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        answer = client.get(
            SEARCH, params={"q": "hush\nhush"}, headers={"Authorization": "Bearer topsecret"}
        )
        client.get("/hush/hush")
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    first, second = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert first["request_id"] == answer.headers["x-request-id"]
    assert (first["route"], first["status"], first["corpus"]) == (ROUTE, 200, "scenes")
    assert first["ms"] > 0
    assert set(first["stages_ms"]) >= {"database", "rank"}
    assert (second["route"], second["status"]) == ("other", 404)
    assert "hush" not in stream.getvalue()
    assert "topsecret" not in stream.getvalue()


def test_what_breaks_is_a_problem_and_in_the_log(
    scenes_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(settings: Settings) -> Store:
        raise ZeroDivisionError("very odd")

    with TestClient(create_app(settings_at(scenes_home), open_store=broken)) as client:
        answer = client.get("/v1/corpora")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "odd" not in answer.text
    ids = [getattr(record, "request_id", None) for record in caplog.records]
    assert answer.json()["request_id"] in ids
