"""Indexing over HTTP: what is sent is found, kept once, and goes again with its file."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ingest.direct import DirectWriter
from searchengine.service.app import create_app
from searchengine.service.uploads import Uploads
from tests.service.conftest import settings_at

ITEMS = "/v1/corpora/scenes/items"
SEARCH = "/v1/corpora/scenes/search"


@pytest.fixture(scope="module")
def home(scenes_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("written") / "home"
    shutil.copytree(scenes_home, home)
    return home


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[TestClient]:
    settings = settings_at(home, model__name="drawn-scenes")
    with TestClient(create_app(settings, writer=DirectWriter(settings, rest_s=0.05))) as client:
        yield client


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Scenes that are not in the corpus."""
    from searchengine.demo.collection import write_collection

    folder = tmp_path_factory.mktemp("new")
    write_collection(folder, 4, seed=77)
    return [path.read_bytes() for path in sorted(folder.rglob("*.jpg"))]


def kept(home: Path) -> list[Path]:
    return [path for path in (home / "data" / "uploads").rglob("*") if path.is_file()]


def test_a_picture_that_is_sent_is_found(
    client: TestClient, home: Path, pictures: list[bytes]
) -> None:
    about = {"items": {"one": {"caption": "the zebra by the lake", "meta": {"by": "Ann"}}}}
    files = {"one": ("../../x.jpg", pictures[0]), "two": ("y.jpg", pictures[1])}
    answer = client.post(ITEMS, files=files, data={"about": json.dumps(about)})
    assert answer.status_code == 200, answer.text
    one, two = answer.json()["items"]
    assert {path.read_bytes() for path in kept(home)} == {pictures[0], pictures[1]}

    hits = client.post(SEARCH, files={"it": ("z.jpg", pictures[0])}).json()["hits"]
    assert hits[0]["id"] == one["id"]
    assert hits[0]["score"] == pytest.approx(1, abs=1e-3)
    assert hits[0]["metadata"]["caption"] == "the zebra by the lake"
    worded = client.post(SEARCH, json={"query": "zebra", "hybrid": True, "text_weight": 1.0})
    assert worded.json()["hits"][0]["id"] == one["id"]
    found = client.get(SEARCH, params={"q": "a scene", "filter": 'meta.by == "Ann"'}).json()
    assert [hit["id"] for hit in found["hits"]] == [one["id"]]
    assert client.get(f"{ITEMS}/{one['id']}/original").content == pictures[0]
    assert client.get(f"{ITEMS}/{two['id']}/thumbnail").status_code == 200

    held = client.get("/v1/corpora/scenes").json()["items"]
    sent = {"image_base64": base64.b64encode(pictures[0]).decode(), "caption": "a horse"}
    again = client.post(ITEMS, json={"items": [sent]}).json()
    assert again["items"][0]["id"] == one["id"]
    assert client.get("/v1/corpora/scenes").json()["items"] == held
    assert client.get(f"{ITEMS}/{one['id']}").json()["caption"] == "a horse"

    assert client.delete(f"{ITEMS}/{one['id']}").json() == {"removed": 1}
    assert client.get(f"{ITEMS}/{one['id']}").status_code == 404
    assert [path.read_bytes() for path in kept(home)] == [pictures[1]]
    assert client.delete(f"{ITEMS}/{one['id']}").status_code == 404


def test_texts_and_vectors(client: TestClient) -> None:
    first = client.get(SEARCH, params={"q": "a red car", "vectors": True}).json()["hits"][0]
    doubled = [2 * x for x in first["vector"]]
    items = [
        {"text": "a red car under a tree", "meta": {"page": 3}},
        {"vector": doubled, "uri": "https://example.org/a.jpg", "caption": "sent"},
        {"vector": first["vector"], "modality": "text", "caption": "said"},
    ]
    answer = client.post(ITEMS, json={"items": items})
    assert answer.status_code == 200, answer.text
    text, vector, said = answer.json()["items"]
    assert vector["uri"] == "https://example.org/a.jpg"
    asked = {"terms": [{"vector": first["vector"]}], "limit": 2, "fresh": True}
    hits = client.post(SEARCH, json=asked).json()["hits"]
    assert {hit["id"] for hit in hits} == {first["id"], vector["id"]}
    both = {"query": "a red car under a tree", "modalities": ["text"], "limit": 1}
    assert client.post(SEARCH, json=both).json()["hits"][0]["id"] == text["id"]
    assert client.get(f"{ITEMS}/{said['id']}").json()["caption"] == "said"
    assert client.get(f"{ITEMS}/{vector['id']}/original").status_code == 404


def test_one_bad_item_harms_no_other(client: TestClient, home: Path, pictures: list[bytes]) -> None:
    before = kept(home)
    files = {
        "bad": ("a.jpg", pictures[2][:400]),
        "junk": ("b.jpg", b"no picture"),
        "good": ("c.jpg", pictures[2]),
    }
    answer = client.post(ITEMS, files=files)
    assert answer.status_code == 200, answer.text
    bad, junk, good = answer.json()["items"]
    assert (bad["problem"]["title"], junk["problem"]["title"]) == ("Decode", "Decode")
    assert client.get(f"{ITEMS}/{good['id']}").status_code == 200
    assert len(kept(home)) == len(before) + 1, "what cannot be indexed is not kept"
    assert client.delete(ITEMS, params={"filter": f'id == "{good["id"]}"'}).json()["removed"] == 1
    assert kept(home) == before


@pytest.mark.parametrize(
    ("item", "status", "pointer"),
    [
        ({"image_base64": "?"}, 422, "/items/0"),
        ({"image_base64": base64.b64encode(b"junk").decode()}, 422, "/items/0"),
        ({"vector": [1.0]}, 409, None),
        ({"text": "x", "uri": "file:///etc/passwd"}, 422, "/items/0"),
        ({"text": "x", "uri": "/etc/passwd"}, 422, "/items/0/uri"),
        ({"text": "x", "caption": "y"}, 422, "/items/0"),
        ({"text": "x", "vector": [1.0]}, 422, "/items/0"),
        ({"text": " "}, 422, "/items/0/text"),
        ({"text": "x", "colour": 1}, 422, "/items/0/colour"),
        ({"text": "x", "meta": {"a": "b" * 70_000}}, 413, None),
    ],
)
def test_what_is_not_taken(
    client: TestClient, item: dict[str, Any], status: int, pointer: str | None
) -> None:
    answer = client.post(ITEMS, json={"items": [item]})
    assert answer.status_code == status, answer.text
    assert answer.json().get("pointer") == pointer


def test_what_else_is_not_taken(client: TestClient, pictures: list[bytes]) -> None:
    assert client.post(ITEMS, json={"items": []}).json()["pointer"] == "/items"
    assert client.post(ITEMS, content=b"x").status_code == 415
    about = json.dumps({"items": {"other": {}}})
    files = {"one": ("a.jpg", pictures[3])}
    assert client.post(ITEMS, files=files, data={"about": about}).json()["pointer"] == "/about"
    for wrong in ({}, {"filter": " "}, {"filter": "width >"}):
        assert client.delete(ITEMS, params=wrong).status_code == 422
    assert (
        client.delete("/v1/corpora/nowhere/items", params={"filter": "size > 0"}).status_code == 404
    )


def test_a_corpus_is_made_by_what_is_sent(client: TestClient, pictures: list[bytes]) -> None:
    answer = client.post("/v1/corpora/fresh/items", files={"it": ("a.jpg", pictures[0])})
    assert answer.status_code == 200, answer.text
    hits = client.get("/v1/corpora/fresh/search", params={"q": "a scene"}).json()["hits"]
    assert [hit["id"] for hit in hits] == [answer.json()["items"][0]["id"]]


def test_without_a_writer_nothing_is_taken(scenes_home: Path, tmp_path: Path) -> None:
    settings = settings_at(scenes_home, service__uploads=str(tmp_path))
    with TestClient(create_app(settings)) as client:
        answer = client.post(ITEMS, json={"items": [{"text": "x"}]})
        assert (answer.status_code, answer.json()["title"]) == (403, "NotAllowed")


def test_uploads_stay_in_their_folder(tmp_path: Path, pictures: list[bytes]) -> None:
    uploads = Uploads(tmp_path / "up")
    outside = tmp_path / "outside.jpg"
    outside.write_bytes(b"x")
    for corpus in ("..", "../..", "/etc", "a/b", "é" * 128, "\0", "CON"):
        path = uploads.path(corpus, pictures[0])
        uploads.keep(path, pictures[0])
        assert (tmp_path / "up") in path.resolve().parents, corpus
        assert path.read_bytes() == pictures[0]
    inside = uploads.uri(path)
    uploads.forget(
        [outside.as_uri(), f"{inside}#page=1", f"{uploads.uri(tmp_path / 'up')}/../outside.jpg"]
    )
    assert outside.exists()
    assert path.exists()
    uploads.forget([inside])
    assert not path.exists()
