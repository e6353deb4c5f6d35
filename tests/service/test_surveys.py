"""Facets, duplicates and labels over HTTP: what the command line says of the same corpus."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from searchengine.cli import main
from searchengine.service.app import create_app
from tests.service.conftest import SCENES, settings_at

CORPUS = "/v1/corpora/scenes"


def test_facets_count_everything(client: TestClient) -> None:
    params = {"field": ["width", "mime", "meta.x", "event"], "top": 2}
    found = client.get(CORPUS + "/facets", params=params).json()
    assert found["items"] >= SCENES
    hits = client.get(CORPUS + "/search", params={"q": "a scene", "limit": 1000}).json()["hits"]
    assert len(hits) == found["items"]
    widths = Counter(str(hit["metadata"]["width"]) for hit in hits)
    facet = found["facets"][0]
    assert {one["value"]: one["count"] for one in facet["counts"]} == dict(
        sorted(widths.items(), key=lambda pair: (-pair[1], pair[0]))[:2]
    )
    assert facet["others"] == max(0, len(widths) - 2)
    assert found["facets"][2] == {
        "key": "meta.x", "counts": [], "others": 0, "unknown": found["items"],
    }  # fmt: skip


def test_facets_of_a_part(client: TestClient) -> None:
    whole = client.get(CORPUS + "/facets", params={"field": "mime"}).json()
    none = client.get(CORPUS + "/facets", params={"field": "mime", "filter": "width > 99999"})
    assert none.json()["items"] == 0
    assert whole["items"] > 0
    wrong = client.get(CORPUS + "/facets", params={"field": "mime", "filter": "width >"})
    assert (wrong.status_code, wrong.json()["title"]) == (422, "Filter")
    assert client.get(CORPUS + "/facets", params={"field": "colour"}).status_code == 422
    assert client.get(CORPUS + "/facets").status_code == 422
    assert client.get("/v1/corpora/nowhere/facets", params={"field": "mime"}).status_code == 404


def test_duplicates_and_labels_are_those_of_the_command_line(
    scenes_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["car", "house", "tree: a tree; trees"]
    labels = [{"name": "car"}, {"name": "house"}, {"name": "tree", "prompts": ["a tree", "trees"]}]
    with TestClient(create_app(settings_at(scenes_home))) as client:
        params = {"threshold": 0.6, "neighbours": 8}
        copies = client.get(CORPUS + "/duplicates", params=params).json()
        few = client.get(CORPUS + "/duplicates", params={**params, "limit": 1}).json()
        answer = client.post(CORPUS + "/classify", json={"labels": labels, "limit": 10_000})
        assert answer.status_code == 200, answer.text
        found = answer.json()
        moderated = client.post(CORPUS + "/classify", json={"moderate": True}).json()
    assert len(copies["groups"]) > 1, "the scenes have pictures that are alike"
    assert (few["groups"], few["more"]) == (copies["groups"][:1], True)

    def said(*arguments: str) -> Any:
        given = [f"--set=data_dir={scenes_home / 'data'}", "-c", "scenes", "--json"]
        given += [f"--set=cache_dir={scenes_home / 'cache'}"]
        monkeypatch.setattr("sys.argv", ["searchengine", *arguments, *given])
        with pytest.raises(SystemExit) as done:
            main()
        assert not done.value.code
        return json.loads(capsys.readouterr().out)

    asked = ["--threshold", "0.6", "--neighbours", "8", "--workers", "1"]
    assert copies.pop("more") is False
    assert copies == said("duplicates", *asked)
    assert found.pop("notes") == []
    expected = said("classify", *names)
    for answer_ in (found, expected):
        answer_["found"].sort(key=lambda one: one["id"])
    assert found == expected
    assert "zero-shot" in moderated["notes"][0]
    assert all(one["labels"] for one in moderated["found"])


def test_labels_for_some_items(client: TestClient) -> None:
    hits = client.get(CORPUS + "/search", params={"q": "a car", "limit": 3}).json()["hits"]
    ids = [hit["id"] for hit in hits]
    asked: dict[str, Any] = {"labels": [{"name": "car"}, {"name": "house"}], "items": ids}
    found = client.post(CORPUS + "/classify", json=asked).json()
    assert [one["id"] for one in found["found"]] == ids
    assert found["items"] == 3
    vehicle = {"name": "vehicle", "prompts": ["a car", "a boat"]}
    parted = [{"name": "vehicle", "prompts": [prompt]} for prompt in vehicle["prompts"]]
    whole, merged = (
        client.post(CORPUS + "/classify", json={**asked, "labels": [*some, {"name": "house"}]})
        for some in ([vehicle], parted)
    )
    assert merged.json() == whole.json()
    assert merged.json()["labels"] == ["vehicle", "house"]

    def refused(status: int, **more: Any) -> Any:
        answer = client.post(CORPUS + "/classify", json={**asked, **more})
        assert answer.status_code == status, answer.text
        return answer.json()

    assert refused(404, items=[32 * "0"])["pointer"] == "/items"
    assert refused(422, filter="width > 3")
    assert refused(422, labels=[{"name": "car", "colour": 1}])["pointer"] == "/labels/0/colour"
    assert refused(422, moderate=True)
