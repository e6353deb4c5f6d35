"""API keys: made, kept as hashes, compared, changed while the service runs."""

from __future__ import annotations

import hashlib
import hmac
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from searchengine.errors import SettingsError
from searchengine.service.app import create_app
from searchengine.service.guard import keys as keys_module
from searchengine.service.guard.exposure import is_loopback
from searchengine.service.guard.gate import needed_scope
from searchengine.service.guard.keys import Keys, add_to_file, make_key, read_keys
from tests.service.conftest import settings_at


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def test_a_key_is_kept_as_its_hash() -> None:
    secret, key = make_key("ada", "read")
    assert secret not in key.entry
    assert key.entry == f"ada:read:{hashlib.sha256(secret.encode()).hexdigest()}"
    assert len(secret) > 40
    assert make_key("ada", "read")[0] != secret
    keys = Keys(key.entry)
    assert keys.find(secret) == key
    assert keys.find(secret[:-1]) is None
    assert keys.find(key.digest.hex()) is None, "the hash is no key"


def test_all_keys_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [make_key(f"k{n}", "read") for n in range(5)]
    keys = Keys(" ".join(key.entry for _, key in made))
    seen: list[bytes] = []
    constant_time = hmac.compare_digest

    def compare(kept: bytes, given: bytes) -> bool:
        seen.append(kept)
        return constant_time(kept, given)

    monkeypatch.setattr(keys_module.hmac, "compare_digest", compare)
    assert keys.find(made[0][0]) == made[0][1]
    assert seen == [key.digest for _, key in made]


@pytest.mark.parametrize("bad", ["se_the-key-itself", "ada:admin:" + "0" * 64, "ada:read:00"])
def test_a_wrong_entry_is_not_repeated(bad: str) -> None:
    with pytest.raises(SettingsError, match="here, line 2") as caught:
        read_keys(f"# keys\n{bad}", "here")
    assert bad not in str(caught.value) + caught.value.hint


def test_the_file_may_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_module, "_LOOK_AGAIN_S", 0.0)
    file = tmp_path / "keys"
    (first, one), (second, other) = make_key("one", "read"), make_key("other", "write")
    add_to_file(one, file)
    assert file.stat().st_mode & 0o077 == 0
    keys = Keys(file=file)
    assert keys.find(first) == one
    assert keys.find(second) is None
    add_to_file(other, file)
    assert keys.find(second) == other
    file.write_text(other.entry)
    assert keys.find(first) is None, "a key that was taken out is let in no more"
    file.write_text("nonsense")
    assert keys.find(second) is None, "a broken file lets nobody in"
    assert keys, "and does not open the door to all"
    file.unlink()
    assert keys.find(second) is None
    with pytest.raises(SettingsError, match="cannot read the keys"):
        Keys(file=file)


def test_one_name_one_key(tmp_path: Path) -> None:
    add_to_file(make_key("ada", "read")[1], tmp_path / "keys")
    with pytest.raises(SettingsError, match="already"):
        add_to_file(make_key("ada", "write")[1], tmp_path / "keys")
    with pytest.raises(SettingsError, match="cannot name a key"):
        make_key("ada lovelace", "read")


def test_the_verb_prints_it_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "searchengine", "key", "ada", "--write"]
    done = subprocess.run(
        [*command, "--file", str(tmp_path / "keys")], capture_output=True, text=True, check=True
    )
    secret = done.stdout.strip()
    assert secret not in done.stderr
    assert secret not in (tmp_path / "keys").read_text()
    found = Keys(file=tmp_path / "keys").find(secret)
    assert found is not None
    assert (found.name, found.scope) == ("ada", "write")


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/", None),
        ("GET", "/static/page.js", None),
        ("GET", "/livez", None),
        ("GET", "/static", "read"),
        ("GET", "/metrics", "read"),
        ("GET", "/v1/corpora", "read"),
        ("GET", "/v1/corpora/x/items/1/original", "read"),
        ("POST", "/v1/corpora/x/search", "read"),
        ("POST", "/v1/corpora/x/search/batch", "read"),
        ("POST", "/v1/corpora/x/retrieve", "read"),
        ("POST", "/v1/embeddings", "read"),
        ("POST", "/v1/corpora/x/items/1/similar", "read"),
        ("POST", "/", "write"),
        ("POST", "/v1/corpora/x/items", "write"),
        ("POST", "/v1/corpora/search/items", "write"),
        ("POST", "/v1/corpora/x/search/", "write"),
        ("POST", "/v1/corpora/x/items\n/search", "write"),
        ("DELETE", "/v1/corpora/x/items/1", "write"),
        ("DELETE", "/v1/corpora/x/search", "write"),
        ("PUT", "/v1/embeddings", "write"),
        ("POST", "/v1/something/new", "write"),
    ],
)
def test_what_needs_which_scope(method: str, path: str, scope: str | None) -> None:
    assert needed_scope(method, path) == scope


def test_without_its_key_nobody_is_let_in(scenes_home: Path) -> None:
    (reads, reader), (writes, writer) = make_key("r", "read"), make_key("w", "write")
    entries = f"{reader.entry}, {writer.entry}"
    address = "/v1/corpora/scenes/search"
    with TestClient(create_app(settings_at(scenes_home, service__keys=entries))) as client:
        for headers in (
            {},
            bearer("guess"),
            bearer(""),
            bearer(reader.digest.hex()),
            {"Authorization": f"Basic {reads}"},
            {"X-API-Key": reads + "x"},
            {"Cookie": f"key={reads}"},
        ):
            answer = client.get(address, params={"q": "a car"}, headers=headers)
            assert (answer.status_code, answer.json()["title"]) == (401, "Key")
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        # Addresses end up in logs and histories: a key in one opens nothing.
        assert client.get(address, params={"q": "x", "key": reads}).status_code == 401
        for headers in (bearer(reads), {"X-API-Key": reads}, bearer(writes)):
            answer = client.get(address, params={"q": "a car"}, headers=headers)
            assert answer.status_code == 200
        delete = "/v1/corpora/scenes/items/" + "0" * 32
        assert client.delete(delete, headers=bearer(reads)).status_code == 403
        assert client.delete(delete, headers=bearer(writes)).status_code in {404, 405, 501, 503}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "photos.example", ""])
def test_it_does_not_listen_to_others_without_keys(scenes_home: Path, host: str) -> None:
    with pytest.raises(SettingsError, match="anybody"):
        create_app(settings_at(scenes_home, service__host=host))
    create_app(settings_at(scenes_home, service__host=host, service__without_keys=True))
    entry = make_key("r", "read")[1].entry
    create_app(settings_at(scenes_home, service__host=host, service__keys=entry))


def test_this_machine() -> None:
    assert all(map(is_loopback, ["127.0.0.1", "127.9.9.9", "::1", "localhost"]))
    assert not any(map(is_loopback, ["localhost.example", "0.0.0.0", "127.0.0.1.example"]))


def test_the_document_says_what_wants_a_key(scenes_home: Path) -> None:
    secret, key = make_key("r", "read")
    with TestClient(create_app(settings_at(scenes_home))) as client:
        assert "security" not in client.get("/v1/openapi.json").json()
    with TestClient(create_app(settings_at(scenes_home, service__keys=key.entry))) as client:
        assert client.get("/v1/openapi.json").status_code == 401
        document = client.get("/v1/openapi.json", headers=bearer(secret)).json()
        assert {kind for one in document["security"] for kind in one} == set(
            document["components"]["securitySchemes"]
        )
        assert document["paths"]["/livez"]["get"]["security"] == []
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if path.startswith("/v1") and "security" in operation:
                    raise AssertionError(f"{method} {path} is open")
