"""The OpenAPI document against the service, by Schemathesis: all its checks, on every operation.

``CONTRACT_EXAMPLES=60 pytest -s tests/service/test_contract.py`` tries thousands of cases.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx

from ingest.direct import DirectWriter
from searchengine.service.app import create_app
from tests.service.conftest import settings_at
from tests.service.contract_hooks import picture
from tests.service.live import listening

EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "0"))
ROOT = Path(__file__).parents[2]
CONFIG = """
[cache]
enabled = false
[checks]
negative_data_rejection.expected-statuses = ["4xx"]
"""
"""A body that is too long is refused before anybody looks whether it is right: 413."""


def test_every_answer_is_as_the_document_says(scenes_home: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(scenes_home, home)
    # A request that waits for a busy machine is no fault of the contract's.
    chosen = {"service__rate": 0.0, "service__deadline_s": 300.0, "service__log": "warning"}
    settings = settings_at(home, model__name="drawn-scenes", **chosen)
    app = create_app(settings, writer=DirectWriter(settings, rest_s=0.2))
    with listening(app) as address:
        config = tmp_path / "schemathesis.toml"
        config.write_text(CONFIG)
        world = tmp_path / "world.json"
        world.write_text(json.dumps(_filled(address)))
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)),
                *("run", f"{address}/v1/openapi.json"),
                *("--checks", "all", "--request-timeout", "300", "--no-color"),
                *("--suppress-health-check", "all", "--continue-on-failure"),
                *_effort(),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "SCHEMATHESIS_HOOKS": "tests.service.contract_hooks",
                "CONTRACT_WORLD": str(world),
                "PYTHONPATH": str(ROOT),
            },
            capture_output=True,
            text=True,
            check=False,
        )
    if EXAMPLES:
        print(done.stdout)  # noqa: T201
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-4_000:]
    tried = re.search(r"(\d+) generated", done.stdout)
    assert tried is not None, done.stdout
    assert int(tried[1]) > (2_000 if EXAMPLES else 40)


def _effort() -> list[str]:
    if EXAMPLES:
        return ["--max-examples", str(EXAMPLES)]
    return ["--max-examples", "2", "--phases", "fuzzing", "--generation-deterministic"]


def _filled(address: str) -> dict[str, object]:
    """Put something into the corpus that is written to; return what there is to be asked for."""
    with httpx.Client(base_url=f"{address}/v1/corpora", timeout=300) as client:
        asked = {"query": "a scene", "limit": 20, "vectors": True}
        hits = client.post("/scenes/search", json=asked).json()["hits"]
        sent = [{"image_base64": base64.b64encode(picture(n)).decode()} for n in range(10)]
        answer = client.post("/scratch/items", json={"items": [*sent, {"text": "a note"}]})
        assert answer.status_code == 200, answer.text
    return {"ids": [hit["id"] for hit in hits], "vector": hits[0]["vector"]}
