"""DNS rebinding, requests of other sites' pages, and what browsers are told to refuse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from searchengine.service.app import create_app
from searchengine.service.guard.keys import make_key
from tests.service.conftest import settings_at

ADDRESS = "/v1/corpora"


@pytest.fixture(scope="module")
def local(scenes_home: Path) -> Iterator[TestClient]:
    app = create_app(settings_at(scenes_home, service__hosts="photos.home"))
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8000", "localhost", "LOCALHOST:8000", "[::1]:8000", "photos.home", "192.168.1.2"],
)
def test_its_own_hosts(local: TestClient, host: str) -> None:
    assert local.get(ADDRESS, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example",
        "127.0.0.1.rebound.example",
        "localhost.rebound.example:8000",
        "127.0.0.1@rebound.example",
        "photos.home.example",
        "2130706433",  # browsers turn it into an address themselves
        "[::1",
        "",
    ],
)
def test_a_name_that_leads_here_from_elsewhere(local: TestClient, host: str) -> None:
    answer = local.get(ADDRESS, headers={"Host": host})
    assert (answer.status_code, answer.json()["title"]) == (421, "Host")


def test_with_keys_any_name_will_do_until_some_are_named(scenes_home: Path) -> None:
    secret, key = make_key("r", "read")
    headers = {"Host": "photos.example", "Authorization": f"Bearer {secret}"}
    settings = settings_at(scenes_home, service__keys=key.entry, service__hosts=[])
    with TestClient(create_app(settings)) as client:
        assert client.get(ADDRESS, headers=headers).status_code == 200
    settings = settings_at(scenes_home, service__keys=key.entry, service__hosts=["other.example"])
    with TestClient(create_app(settings)) as client:
        assert client.get(ADDRESS, headers=headers).status_code == 421


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://127.0.0.1:9999",
        "http://localhost:8000",  # another origin than 127.0.0.1, though the same machine
        "null",
        "file://127.0.0.1:8000",
        "http://127.0.0.1:8000.evil.example",
    ],
)
def test_other_pages_may_not_ask(local: TestClient, origin: str) -> None:
    for method in ("GET", "POST", "DELETE", "OPTIONS"):
        answer = local.request(method, ADDRESS, headers={"Origin": origin})
        assert (answer.status_code, answer.json()["title"]) == (403, "Origin")
        assert "access-control-allow-origin" not in answer.headers


def test_its_own_page_may(local: TestClient) -> None:
    headers = {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}
    assert local.get(ADDRESS, headers=headers).status_code == 200


def test_pictures_and_forms_of_other_sites(local: TestClient) -> None:
    crossing = {"Sec-Fetch-Site": "cross-site"}
    assert local.get(ADDRESS, headers=crossing | {"Sec-Fetch-Mode": "no-cors"}).status_code == 403
    link = crossing | {"Sec-Fetch-Mode": "navigate"}
    assert local.get(ADDRESS, headers=link).status_code == 200
    assert local.post(ADDRESS, headers=link, data={"a": "b"}).status_code == 403


def test_sites_that_are_named_may_ask(scenes_home: Path) -> None:
    site = "https://photos.example"
    secret, key = make_key("r", "read")
    settings = settings_at(scenes_home, service__cors_origins=site, service__keys=key.entry)
    with TestClient(create_app(settings)) as client:
        asks = {"Origin": site, "Access-Control-Request-Method": "GET"}
        preflight = client.options(
            ADDRESS, headers=asks | {"Access-Control-Request-Headers": "authorization"}
        )
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == site
        answer = client.get(ADDRESS, headers={"Origin": site, "Authorization": f"Bearer {secret}"})
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == site
        assert "access-control-allow-credentials" not in answer.headers
        other = client.get(ADDRESS, headers={"Origin": "https://evil.example"})
        assert other.status_code == 403


def test_browsers_are_told_what_to_refuse(client: TestClient) -> None:
    for path in (ADDRESS, "/nowhere"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "server" not in headers
    assert client.get(ADDRESS).headers["cache-control"] == "no-store"
