"""Searching over HTTP: the answers of the engine, whatever way the question comes in."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from searchengine import SearchEngine
from searchengine.present.formats import as_json
from searchengine.query.json_form import QueryForm, TermForm, query_from_json
from searchengine.query.terms import Known
from searchengine.service.schemas.asking import SearchRequest, TermRequest

SEARCH = "/v1/corpora/scenes/search"


@pytest.fixture
def engine(client: TestClient) -> SearchEngine:
    found = client.app.state.service.corpora.engine("scenes")  # type: ignore[attr-defined]
    assert isinstance(found, SearchEngine)
    return found


@pytest.fixture
def picture(scenes_home: Path) -> bytes:
    return next((scenes_home / "scenes").rglob("*.jpg")).read_bytes()


def problem_of(answer: httpx.Response, status: int = 422) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    return found


def test_names_are_those_of_the_query_as_json() -> None:
    assert set(TermRequest.model_fields) == set(TermForm.model_fields) - {"vector_file"}
    assert set(QueryForm.model_fields) <= set(SearchRequest.model_fields)


def test_every_option_means_what_it_means_to_the_engine(
    client: TestClient, engine: SearchEngine
) -> None:
    options: dict[str, Any] = {
        "hybrid": True,
        "text_weight": 0.3,
        "limit": 7,
        "offset": 1,
        "min_relevance": 0.01,
        "min_score": -0.5,
        "sort": "-size",
        "fold": True,
        "diversity": 0.2,
        "group_by": "folder",
        "per_group": 5,
        "facets": ["width"],
        "expand": "alpha-qe",
    }
    answer = client.post(SEARCH, json={"query": "a red car", "filter": "width > 10", **options})
    assert answer.status_code == 200, answer.text
    options["facets"] = tuple(options["facets"])
    assert answer.json() == as_json(engine.search("a red car", where="width > 10", **options))


def test_terms_of_every_kind(client: TestClient, engine: SearchEngine, picture: bytes) -> None:
    first = client.get(SEARCH, params={"q": "a red car", "vectors": True}).json()["hits"][0]
    terms = [
        {"text": "a red car", "weight": 2},
        {"image_base64": base64.b64encode(picture).decode(), "weight": 0.5},
        {"id": first["id"], "weight": -0.25},
        {"vector": first["vector"], "kind": "image"},
    ]
    answer = client.post(SEARCH, json={"terms": terms, "limit": 5})
    assert answer.status_code == 200, answer.text
    expected = as_json(engine.answer(query_from_json({"terms": terms, "limit": 5})))
    assert answer.json() == expected


def test_pictures_come_in_a_form(client: TestClient, picture: bytes) -> None:
    sent = {"image_base64": base64.b64encode(picture).decode()}
    expected = client.post(SEARCH, json={"terms": [sent], "limit": 4}).json()
    files = {"photo": ("it.jpg", picture, "image/jpeg")}
    bare = client.post(SEARCH, files=files)
    assert bare.status_code == 200, bare.text
    assert [hit["id"] for hit in bare.json()["hits"]][:4] == [h["id"] for h in expected["hits"]]

    asked = {"terms": [{"upload": "photo"}, {"text": "night", "weight": 0.5}], "limit": 4}
    mixed = client.post(SEARCH, files=files, data={"query": json.dumps(asked)})
    terms = [sent, {"text": "night", "weight": 0.5}]
    expected = client.post(SEARCH, json={"terms": terms, "limit": 4}).json()
    assert mixed.json()["hits"] == expected["hits"]
    # The cursor goes on with the very form it came from.
    asked["cursor"] = mixed.json()["cursor"]
    further = client.post(SEARCH, files=files, data={"query": json.dumps(asked)}).json()
    assert [hit["rank"] for hit in further["hits"]] == [5, 6, 7, 8]


def test_a_page_leads_to_the_next(client: TestClient) -> None:
    whole = client.get(SEARCH, params={"q": "a house", "limit": 9}).json()["hits"]
    paged: list[Any] = []
    cursor = None
    for _ in range(3):
        answer = client.post(SEARCH, json={"query": "a house", "limit": 3, "cursor": cursor}).json()
        paged += answer["hits"]
        cursor = answer["cursor"]
    assert paged == whole


def test_what_metadata_holds_can_be_chosen(client: TestClient) -> None:
    asked = {"query": "a house", "fields": ["caption", "width"], "vectors": True, "limit": 2}
    hits = client.post(SEARCH, json=asked).json()["hits"]
    assert all(set(hit["metadata"]) <= {"caption", "width"} for hit in hits)
    assert all(abs(sum(x * x for x in hit["vector"]) - 1) < 1e-4 for hit in hits)


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"query": "a car", "limti": 3}, "/limti"),
        ({"query": "a car", "limit": "3"}, "/limit"),
        ({"query": "a car", "limit": 0}, "/limit"),
        ({"query": "a car +"}, "/query"),
        ({"query": "a car", "filter": "width >"}, "/filter"),
        ({"query": "a car", "filter": {"field": "width", "op": "?", "value": 1}}, "/filter"),
        ({"query": "a car", "filter": {}}, "/filter"),
        ({"query": "a car", "filter": 3}, "/filter"),
        ({"terms": [{"text": "a car"}, {"text": "x", "id": 32 * "0"}]}, "/terms/1"),
        ({"terms": [{"text": "a car"}, {"text": "b", "wieght": 2}]}, "/terms/1/wieght"),
        ({"terms": [{"image_base64": "?!"}]}, "/terms/0"),
        ({"terms": [{"image": "./pool.jpg"}]}, "/terms/0/image"),
        ({"query": "a car", "sort": "colour"}, "/sort"),
        ({"query": "a car", "modalities": ["image", "image"]}, ""),
    ],
)
def test_the_wrong_place_is_pointed_at(
    client: TestClient, asked: dict[str, Any], pointer: str
) -> None:
    assert problem_of(client.post(SEARCH, json=asked)).get("pointer", "") == pointer


def test_what_is_wrong_is_told_by_its_status(client: TestClient) -> None:
    def asks(terms: list[dict[str, Any]], status: int) -> dict[str, Any]:
        return problem_of(client.post(SEARCH, json={"terms": terms}), status)

    assert asks([{"id": 32 * "0"}], 404)["title"] == "NotFound"
    assert asks([{"vector": [1.0, 2.0]}], 409)["title"] == "Mismatch"
    assert "network" in asks([{"image": "https://example.org/a.jpg"}], 403)["detail"]
    junk = base64.b64encode(b"no picture").decode()
    assert asks([{"text": "x"}, {"image_base64": junk}], 422)["title"] == "Decode"
    asked = {"query": "a car", "rerank": "local-dir:/etc"}
    assert problem_of(client.post(SEARCH, json=asked), 404)["pointer"] == "/rerank"
    assert problem_of(client.post(SEARCH, content=b"<x/>"), 415)
    answer = client.post(SEARCH, content=b"{", headers={"content-type": "application/json"})
    assert problem_of(answer)


def test_what_a_form_may_not_be(client: TestClient, picture: bytes) -> None:
    files = {"photo": ("it.jpg", picture, "image/jpeg")}

    def asks(asked: str, status: int = 422, **more: Any) -> dict[str, Any]:
        given = {"files": files, **more}
        return problem_of(client.post(SEARCH, data={"query": asked}, **given), status)

    assert asks('{"terms": [{"upload": "other"}]}')["pointer"] == "/terms/0"
    assert asks('{"limit": -1}')["pointer"] == "/query/limit"
    twice = [("photo", ("a.jpg", picture)), ("photo", ("b.jpg", picture))]
    assert asks("{}", files=twice)["pointer"] == "/photo"
    assert problem_of(client.post(SEARCH, files=files, data={"limit": "3"}))["pointer"] == "/limit"
    headers = {"content-type": "multipart/form-data"}
    assert problem_of(client.post(SEARCH, content=b"--x", headers=headers), 400)


def test_an_address_refuses_what_it_does_not_know(client: TestClient) -> None:
    answer = client.get(SEARCH, params={"q": "a car", "limti": 3})
    assert "limti" in problem_of(answer)["detail"]
    filtered = {"q": "a car", "filter": "width > 10 and", "limit": 3}
    assert problem_of(client.get(SEARCH, params=filtered))["column"] is not None


def test_likes_of_an_item(client: TestClient, engine: SearchEngine) -> None:
    first = client.get(SEARCH, params={"q": "a house"}).json()["hits"][0]["id"]
    likes = f"/v1/corpora/scenes/items/{first}/similar"
    found = client.get(likes, params={"limit": 5}).json()
    assert found == as_json(engine.find(Known(first), limit=5))
    others = client.get(likes, params={"limit": 5, "exclude_self": True}).json()
    assert first not in [hit["id"] for hit in others["hits"]]
    assert problem_of(client.get(f"/v1/corpora/scenes/items/{32 * '0'}/similar"), 404)
    assert problem_of(client.get("/v1/corpora/scenes/items/ZZ/similar"))


def test_a_batch_is_json(client: TestClient) -> None:
    answer = client.post(SEARCH + "/batch", data={"queries": "dog"})
    assert answer.status_code == 415
    assert "send application/json, not application/x-www-form-urlencoded" in answer.text


def test_a_batch_answers_each_in_its_place(client: TestClient) -> None:
    queries: list[dict[str, Any]] = [
        {"query": "a red car", "limit": 2},
        {"terms": [{"id": 32 * "0"}]},
        {"query": "a house", "limit": 3, "filter": "nonsense"},
        {"terms": [{"text": "a tree"}], "limit": 1},
    ]
    answer = client.post(SEARCH + "/batch", json={"queries": queries})
    assert answer.status_code == 200, answer.text
    answers = answer.json()["answers"]
    for place in (0, 3):
        assert answers[place]["answer"] == client.post(SEARCH, json=queries[place]).json()
    assert answers[1]["problem"]["status"] == 404
    assert answers[2]["problem"]["pointer"] == "/filter"
    wrong = {"queries": [queries[0], {"query": "a", "limti": 1}]}
    pointer = problem_of(client.post(SEARCH + "/batch", json=wrong))["pointer"]
    assert pointer == "/queries/1/limti"
    wrong = {"queries": [queries[0], {"query": "a", "filter": "a" * 70_000}]}
    pointer = problem_of(client.post(SEARCH + "/batch", json=wrong))["pointer"]
    assert pointer == "/queries/1/filter"
    many = {"queries": [queries[0]] * 65}
    assert problem_of(client.post(SEARCH + "/batch", json=many))["pointer"] == "/queries"


def test_what_there_is(client: TestClient) -> None:
    sides = client.get("/v1/corpora").json()["corpora"]
    one = client.get("/v1/corpora/scenes").json()
    assert one["sides"] == sides
    assert one["items"] == sum(side["items"] for side in sides)
    assert problem_of(client.get("/v1/corpora/nowhere"), 404)["hint"].endswith("scenes")


def test_a_wrong_method_is_told_the_right_ones(client: TestClient) -> None:
    for method, path, allowed in (
        ("PUT", SEARCH, "GET, POST"),
        ("OPTIONS", "/v1/corpora", "GET"),
        ("PATCH", f"/v1/corpora/scenes/items/{32 * '0'}", "DELETE, GET"),
    ):
        answer = client.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
