"""The frame of the service: answers, problems, and requests that end early."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from searchengine import SearchEngine
from searchengine.errors import StoreUnavailableError
from searchengine.present.formats import as_json
from searchengine.service.app import create_app
from searchengine.settings import Settings
from searchengine.store.configured import open_configured_store
from searchengine.store.contract import Store
from tests.service.conftest import settings_at


def test_the_answer_is_the_engine_s(client: TestClient, scenes_home: Path) -> None:
    answer = client.get("/v1/corpora/scenes/search", params={"q": "a red car", "limit": 3})
    assert answer.status_code == 200
    found = answer.json()
    assert len(found["hits"]) == 3
    engine: SearchEngine = client.app.state.service.corpora.engine("scenes")  # type: ignore[attr-defined]
    assert found == as_json(engine.search("a red car", limit=3))


def test_problems_say_what_and_where(client: TestClient) -> None:
    answer = client.get("/v1/corpora/nowhere/search", params={"q": "a car"})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["title"] == "NotFound"
    assert "scenes" in problem["hint"]
    assert problem["request_id"] == answer.headers["x-request-id"]

    answer = client.get("/v1/corpora/scenes/search", params={"q": "a car + "})
    assert (answer.status_code, answer.json()["title"]) == (422, "Query")
    assert answer.json()["column"] is not None


def test_a_query_cannot_name_files(client: TestClient, scenes_home: Path) -> None:
    picture = next((scenes_home / "scenes").rglob("*.jpg"))
    answer = client.get("/v1/corpora/scenes/search", params={"q": str(picture)})
    assert answer.status_code == 422
    assert "by path" in answer.json()["detail"]


def test_a_database_that_comes_later(scenes_home: Path) -> None:
    there = threading.Event()

    def open_late(settings: Settings) -> Store:
        if not there.is_set():
            raise StoreUnavailableError("the database does not answer")
        return open_configured_store(settings)

    with TestClient(create_app(settings_at(scenes_home), open_store=open_late)) as client:
        answer = client.get("/v1/corpora")
        assert answer.status_code == 503
        assert "Retry-After" in answer.headers
        there.set()
        assert client.get("/v1/corpora").json()["corpora"]


def test_what_takes_too_long_is_given_up(scenes_home: Path) -> None:
    release = threading.Event()

    def open_slowly(settings: Settings) -> Store:
        release.wait(30)
        raise StoreUnavailableError("the database does not answer")

    settings = settings_at(
        scenes_home, service__deadline_s=3.0, service__threads=1, service__waiting=1
    )
    with TestClient(create_app(settings, open_store=open_slowly)) as client:
        answers: list[int] = []

        def ask() -> None:
            answers.append(client.get("/v1/corpora").status_code)

        askers = [threading.Thread(target=ask) for _ in range(2)]
        for asker in askers:
            asker.start()
            time.sleep(0.05)
        # One is at work, one waits: a third is told to come again.
        refused = client.get("/v1/corpora")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
        for asker in askers:
            asker.join()
        assert answers == [503, 503]
        release.set()


@pytest.mark.parametrize("path", ["/nowhere", "/v1/corpora/scenes/nothing"])
def test_unknown_addresses(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json()["title"] == "HTTP"
