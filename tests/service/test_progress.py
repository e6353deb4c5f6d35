"""What is on its way into a corpus, told live; and why an item scores as it does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from searchengine.explain.explain import explain
from searchengine.explain.explanation import as_json
from searchengine.query.language import parse_query
from searchengine.service import jobs
from searchengine.service.app import create_app
from searchengine.service.jobs import Jobs
from tests.service.conftest import SCENES, settings_at
from tests.service.live import listening

ADDRESS = "/v1/corpora/scenes/progress"


def states(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """The states that a stream of events tells."""
    for line in lines:
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def test_once(client: TestClient) -> None:
    answer = client.get(ADDRESS)
    assert answer.json() == {"items": {"image": SCENES}, "jobs": []}
    # A corpus that does not exist yet has nothing, and may come to have something.
    assert client.get("/v1/corpora/later/progress").json() == {"items": {}, "jobs": []}


def test_live(scenes_home: Path) -> None:
    app = create_app(settings_at(scenes_home))
    with listening(app) as url, httpx.Client(timeout=60) as asking:
        work: Jobs = app.state.service.jobs
        with asking.stream("GET", url + ADDRESS, headers={"Accept": "text/event-stream"}) as told:
            assert told.headers["content-type"].startswith("text/event-stream")
            coming = states(told.iter_lines())
            assert next(coming) == {"items": {"image": SCENES}, "jobs": []}
            with work.writing("other", 5), work.writing("scenes", 3) as job:
                state = next(coming)
                (seen,) = state["jobs"]
                assert (seen["total"], seen["done"], seen["finished"]) == (3, 0, None)
                job.done(2)
                job.failed("bro\udcffken.jpg", "damaged")
                while (seen := next(coming)["jobs"][0])["done"] + seen["failed"] < 3:
                    pass
            assert seen["failures"] == [{"name": "bro?ken.jpg", "message": "damaged"}]
            while (seen := next(coming)["jobs"][0])["finished"] is None:
                pass
            assert seen["began"] <= seen["finished"]
            # A service that ends does not wait for who watches.
            work.closed.set()
            assert list(coming) == []


def test_jobs_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "KEPT_JOBS", 3)
    monkeypatch.setattr(jobs, "KEPT_FAILURES", 2)
    board = Jobs()
    with board.writing("a", 9) as first:
        for number in range(9):
            first.failed(f"{number}.jpg", "damaged")
        for _ in range(5):
            with board.writing("a", 1):
                pass
        kept = board.of("a")
        assert kept[0]["failed"] == 9
        assert [row["name"] for row in kept[0]["failures"]] == ["0.jpg", "1.jpg"]
    # One under way is not forgotten, whatever has come after it.
    assert kept[0]["number"] == 1
    with board.writing("a", 1):
        assert [job["number"] for job in board.of("a")] == [5, 6, 7]


def test_explained_as_on_the_command_line(client: TestClient) -> None:
    engine = client.app.state.service.corpora.engine("scenes")  # type: ignore[attr-defined]
    id = engine.search("a red car", limit=1).hits[0].id
    terms = [{"text": "a red car", "weight": 2}, {"text": "snow", "weight": -1}]
    address = f"/v1/corpora/scenes/items/{id}/explain"
    said = client.post(address, json={"terms": terms}).json()
    wanted = explain(engine, id, parse_query("2:a red car - snow"), with_map=False)
    assert said == as_json(wanted.explanation)
    assert [word["word"] for word in said["terms"][0]["words"]] == ["a", "red", "car"]
    mapped = client.post(address, json={"terms": terms[:1], "map": True}).json()["map"]
    assert len(mapped["grid"]) == mapped["rows"]


def test_explaining_what_cannot_be(client: TestClient) -> None:
    terms = {"terms": [{"text": "a car"}]}
    missing = client.post(f"/v1/corpora/scenes/items/{'0' * 32}/explain", json=terms)
    assert (missing.status_code, missing.json()["title"]) == (404, "NotFound")
    id = client.get("/v1/corpora/scenes/search", params={"q": "a car"}).json()["hits"][0]["id"]
    address = f"/v1/corpora/scenes/items/{id}/explain"
    away = client.post(address, json={"terms": [{"text": "a car", "weight": -1}]})
    assert away.status_code == 422
    path = client.post(address, json={"terms": [{"image": "/etc/passwd"}]})
    assert path.status_code == 422
    net = client.post(address, json={"terms": [{"image": "https://pictures.example/a.jpg"}]})
    assert (net.status_code, net.json()["pointer"]) == (403, "/terms/0")
    assert "send the picture itself" in net.json()["hint"]
