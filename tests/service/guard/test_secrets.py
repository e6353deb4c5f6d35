"""What the service says of itself: never a key, never a password."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from searchengine.service.guard.keys import make_key


def test_neither_keys_nor_passwords_are_logged(scenes_home: Path, tmp_path: Path) -> None:
    secret, key = make_key("ada", "read")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        "SEARCHENGINE_SERVICE__KEYS": key.entry,
        "SEARCHENGINE_STORE__PASSWORD": "the-database-s-password",
        "SEARCHENGINE_DATA_DIR": str(scenes_home / "data"),
        "SEARCHENGINE_CACHE_DIR": str(scenes_home / "cache"),
        "SEARCHENGINE_CORPUS": "scenes",
    }
    with (tmp_path / "said").open("wb") as said:
        service = subprocess.Popen(
            [sys.executable, "-m", "searchengine", "serve", "--port", str(port)],
            env={**os.environ, **environment},
            stdout=said,
            stderr=said,
        )
    try:
        url, guess = f"http://127.0.0.1:{port}/v1/corpora", "se_a-wrong-guess-of-a-key"
        deadline = time.monotonic() + 60
        while True:
            try:
                right = httpx.get(url, headers={"Authorization": f"Bearer {secret}"}, timeout=60)
                break
            except httpx.ConnectError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        wrong = httpx.get(url, headers={"X-API-Key": guess}, timeout=60)
        in_address = httpx.get(url, params={"key": secret, "api_key": guess}, timeout=60)
        known = {"X-API-Key": secret}
        broken = httpx.get(f"{url}/nowhere/search?q=x", headers=known, timeout=60)
    finally:
        service.terminate()
        assert service.wait(90) is not None
    assert (right.status_code, wrong.status_code, in_address.status_code) == (200, 401, 401)
    assert broken.status_code == 404
    text = (tmp_path / "said").read_text()
    assert "serving" in text
    for hidden in (secret, guess, key.digest.hex(), "the-database-s-password"):
        assert hidden not in text
        assert hidden not in right.text + wrong.text + in_address.text + broken.text
