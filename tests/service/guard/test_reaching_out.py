"""What a question cannot make the service open: files, addresses, models."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from PIL import Image

from searchengine.errors import UnknownModelError
from searchengine.service.app import create_app
from searchengine.service.corpora import Corpora
from tests.service.conftest import settings_at
from tests.web import Site, answer, site


@pytest.fixture(scope="module")
def fetching(scenes_home: Path) -> Iterator[TestClient]:
    """A service that fetches, whose operator's own command line may fetch from anywhere."""
    settings = settings_at(scenes_home, service__fetch=True, net__allow_private=True)
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture
def web() -> Iterator[Site]:
    with site() as served:
        yield served


def ask(client: TestClient, query: str) -> Response:
    return client.get("/v1/corpora/scenes/search", params={"q": query})


@pytest.mark.parametrize(
    "path",
    [
        "{picture}",
        "{folder}/../scenes/{name}",
        "./pool.jpg",
        "../pool.jpg",
        "~/pool.jpg",
        "/etc/passwd",
        "/dev/zero",
        "@-",
        "C:\\pool.jpg",
        "a car + {picture}",
        "a car - {picture}",
        "file://{picture}",
    ],
)
def test_no_file_of_this_machine(
    client: TestClient, scenes_home: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = next((scenes_home / "scenes").rglob("*.jpg"))
    query = path.format(picture=picture, folder=picture.parent, name=picture.name)
    assert ask(client, "a car").status_code == 200  # what has to be opened once, is
    opened: list[str] = []
    real = io.open

    def spy(file: Any, *arguments: Any, **options: Any) -> Any:
        opened.append(str(file))
        return real(file, *arguments, **options)

    monkeypatch.setattr(io, "open", spy)
    picture.read_bytes()
    assert opened.pop() == str(picture), "what is opened is seen"
    got = ask(client, query)
    assert got.status_code in {403, 422} or path.startswith("file:")  # words like any other
    named = (picture.name, "pool.jpg", "passwd", "zero")
    assert not [one for one in opened if one.endswith(named)]


def test_an_indexed_item_goes_by_its_id(client: TestClient) -> None:
    found = ask(client, "a car").json()["hits"][0]
    again = ask(client, f"id:{found['id']}")
    assert again.json()["hits"][0]["id"] == found["id"]


def test_nothing_is_fetched_unless_allowed(client: TestClient, web: Site) -> None:
    got = ask(client, web.serve("/x.png", b"picture"))
    assert got.status_code in {403, 422}
    assert not web.asked


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "2130706433", "017700000001", "0x7f000001", "0x7f.1", "127.1"),
        *("0", "0.0.0.0", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254"),
        *("100.64.0.1", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[fd00::1]"),
        *("[fe80::1]", "[2002:7f00:1::]", "[64:ff9b::7f00:1]", "user:secret@127.0.0.1"),
    ],
)
def test_no_private_address_is_asked(fetching: TestClient, web: Site, host: str) -> None:
    port = web.url.rpartition(":")[2]
    web.serve("/x", b"secret")
    got = ask(fetching, f"http://{host}:{port}/x")
    assert got.status_code == 422
    assert "private" in got.json()["detail"]
    assert not web.asked


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1"])
def test_no_name_that_leads_to_one(
    fetching: TestClient, web: Site, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, real = int(web.url.rpartition(":")[2]), socket.getaddrinfo

    def resolve(host: Any, *arguments: Any, **options: Any) -> Any:
        if host != "public.example":
            return real(host, *arguments, **options)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [
            (family, socket.SOCK_STREAM, 6, "", (address, port, 0, 0)[: 4 if ":" in address else 2])
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    web.serve("/x", b"secret")
    got = ask(fetching, f"http://public.example:{port}/x")
    assert got.status_code == 422
    assert "private" in got.json()["detail"]
    assert not web.asked


def test_a_public_address_is_fetched_and_its_redirect_judged(
    fetching: TestClient, web: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is judged public leads to the server; from there, one page on to this machine."""
    port, real = int(web.url.rpartition(":")[2]), socket.getaddrinfo

    def resolve(host: Any, *arguments: Any, **options: Any) -> Any:
        return real("127.0.0.1" if host == "public.example" else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    from searchengine.fetching import resolver

    monkeypatch.setattr(resolver, "is_public", lambda _: True)
    drawn = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(drawn, "PNG")
    web.serve("/red.png", drawn.getvalue())
    assert ask(fetching, f"http://public.example:{port}/red.png").status_code == 200
    for target in (
        f"http://127.0.0.1:{port}/red.png",
        f"http://[::1]:{port}/",
        "file:///etc/hosts",
    ):
        web.pages["/out"] = lambda request, to=target: answer(request, 302, b"", {"Location": to})
        web.asked.clear()
        assert ask(fetching, f"http://public.example:{port}/out").status_code == 422
        assert web.asked == {"/out": 1}


@pytest.mark.parametrize(
    "model", ["local-dir:/etc", "hf-hub:somebody/model", "ViT-B-32/openai", "fake", "fast"]
)
def test_no_model_that_nobody_here_named(scenes_home: Path, model: str) -> None:
    loaded: list[str] = []

    def load(settings: Any, name: str) -> Any:
        loaded.append(name)
        return object()

    from searchengine.store.configured import open_configured_store

    settings = settings_at(scenes_home, service__rerank=["ViT-L-14/openai"])
    corpora = Corpora(settings, open_store=open_configured_store, load_encoder=load)
    with pytest.raises(UnknownModelError, match="does not serve") as refused:
        corpora.encoder(model)
    assert "drawn-scenes" in refused.value.hint
    assert not loaded
    corpora.encoder("drawn-scenes")
    corpora.encoder("ViT-L-14/openai")
    assert loaded == ["drawn-scenes", "ViT-L-14/openai"]
    corpora.close()
