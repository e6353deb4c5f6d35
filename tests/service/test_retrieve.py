"""What a chat model is given, over HTTP, and the example that gives it."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from ingest import index
from searchengine.chat.messages import INSTRUCTIONS
from searchengine.chat.tokens import image_tokens, text_tokens
from searchengine.demo.collection import write_collection
from searchengine.service.app import create_app
from tests.service.conftest import settings_at
from tests.service.served import served

ADDRESS = "/v1/corpora/mixed/retrieve"
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def mixed(scenes_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of pictures and of texts."""
    home = tmp_path_factory.mktemp("mixed")
    notes = home / "notes.csv"
    notes.write_text(
        "text\n" + "\n".join(f"a red car in scene {n} by our own note" for n in range(5)) + "\n"
    )
    sources = [scenes_home / "scenes", notes]
    made = index(
        sources, corpus="mixed", data_dir=home / "data", cache_dir=home / "cache",
        model__name="drawn-scenes",
    )  # fmt: skip
    assert not made.failed
    return home


@pytest.fixture(scope="module")
def asking(mixed: Path) -> Iterator[TestClient]:
    with TestClient(create_app(settings_at(mixed))) as client:
        yield client


def test_pictures_and_texts_in_one_answer(asking: TestClient) -> None:
    answer = asking.post(ADDRESS, json={"question": "Where is the red car?", "max_items": 6})
    assert answer.status_code == 200
    found = answer.json()
    assert {item["modality"] for item in found["items"]} == {"image", "text"}
    assert [item["number"] for item in found["items"]] == list(range(1, 7))
    for item in found["items"]:
        assert item["text"].startswith(f"[{item['number']}] {item['modality']}")
        assert item["metadata"]["caption"].splitlines()[0] in item["text"]
        if item["modality"] == "text":
            assert item["image"] is None
            continue
        kind, _, data = item["image"]["data_uri"].partition(",")
        assert kind == "data:image/jpeg;base64"
        with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
            assert picture.size == (item["image"]["width"], item["image"]["height"])
            assert max(picture.size) <= 384
            assert item["tokens"] == text_tokens(item["text"]) + image_tokens(*picture.size)
    spent = text_tokens(INSTRUCTIONS + " Where is the red car?")
    assert found["tokens"] == spent + sum(item["tokens"] for item in found["items"]) <= 4000
    assert "messages" not in found


def test_the_budget_holds(asking: TestClient) -> None:
    for tokens in (128, 200, 500, 1200):
        asked = {"question": "a red car", "max_tokens": tokens}
        found = asking.post(ADDRESS, json=asked).json()
        assert found["tokens"] <= tokens
        assert found["left_out"] > 0
        assert found["items"] or found["notes"]


def test_a_question_that_fills_the_budget_alone(asking: TestClient) -> None:
    found = asking.post(ADDRESS, json={"question": "a red car " * 99, "max_tokens": 200}).json()
    assert found["items"] == []
    assert found["tokens"] == text_tokens(INSTRUCTIONS + " " + "a red car " * 99) > 200
    assert "fits into max_tokens" in found["notes"][-1]


def test_a_question_about_a_picture(asking: TestClient, scenes_home: Path) -> None:
    picture = next((scenes_home / "scenes").rglob("*.jpg")).read_bytes()
    encoded = base64.b64encode(picture).decode()
    asked = {"image_base64": encoded, "modalities": ["image"], "messages": True, "max_items": 2}
    found = asking.post(ADDRESS, json=asked).json()
    assert found["items"][0]["score"] > 0.99
    system, user = found["messages"]
    assert system["role"] == "system"
    pictures = [part for part in user["content"] if part["type"] == "image_url"]
    assert len(pictures) == 3, "two found, and the one asked about"
    form = {"request": (None, json.dumps({"modalities": ["image"], "max_items": 2}))}
    sent = asking.post(ADDRESS, files={"image": ("x.jpg", picture), **form}).json()
    assert [item["id"] for item in sent["items"]] == [item["id"] for item in found["items"]]
    uri = asking.post(
        ADDRESS, json={**asked, "image_base64": f"data:image/jpeg;base64,{encoded}"}
    ).json()
    assert uri["items"] == found["items"]


def test_a_picture_that_changed_since_is_not_shown(scenes_home: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    write_collection(home / "scenes", 4, seed=9)
    index(
        [home / "scenes"], corpus="mixed", data_dir=home / "data", cache_dir=home / "cache",
        model__name="drawn-scenes",
    )  # fmt: skip
    with TestClient(create_app(settings_at(home))) as client:
        asked = {"question": "a scene", "max_items": 4}
        before = client.post(ADDRESS, json=asked).json()["items"]
        assert all(item["image"] for item in before)
        secret = tmp_path / "secret.jpg"
        Image.new("RGB", (99, 99), "red").save(secret)
        taken = Path(before[0]["metadata"]["path"])
        taken.unlink()
        taken.symlink_to(secret)
        Image.new("RGB", (99, 99), "blue").save(before[1]["metadata"]["path"])
        Path(before[2]["metadata"]["path"]).unlink()
        shutil.rmtree(home / "cache" / "thumbnails")  # those made already are of the old files
        after = client.post(ADDRESS, json=asked).json()["items"]
        assert [item["id"] for item in after] == [item["id"] for item in before]
        assert [item["image"] is None for item in after] == [True, True, True, False]
        assert all(item["no_image"] for item in after[:3])


def test_what_a_question_says_is_no_command(asking: TestClient, scenes_home: Path) -> None:
    picture = str(next((scenes_home / "scenes").rglob("*.jpg")))
    for question in (picture, "a car - people + 2:x", "@-", "id:" + "0" * 32, "http://x.example/y"):
        assert asking.post(ADDRESS, json={"question": question}).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({}, 422, None),
        ({"question": " "}, 422, "/question"),
        ({"question": "x", "max_tokens": 1}, 422, "/max_tokens"),
        ({"question": "x", "max_items": 65}, 422, "/max_items"),
        ({"question": "x", "modalities": ["image", "image"]}, 422, None),
        ({"question": "x", "image_size": 100}, 422, "/image_size"),
        ({"question": "x", "limit": 3}, 422, "/limit"),
        ({"question": "x", "filter": "width >"}, 422, "/filter"),
        ({"image_base64": "!!"}, 422, "/image_base64"),
        ({"image_base64": base64.b64encode(b"no picture").decode()}, 422, None),
    ],
)
def test_wrong_questions(
    asking: TestClient, body: dict[str, Any], status: int, pointer: str | None
) -> None:
    answer = asking.post(ADDRESS, json=body)
    assert answer.status_code == status
    assert pointer is None or answer.json()["pointer"] == pointer


def test_forms_send_one_picture(asking: TestClient) -> None:
    for files in ({"other": b"x"}, {"request": (None, '{"question": "a car"}')}):
        answer = asking.post(ADDRESS, files=files)
        assert answer.status_code == 422
        assert "field image" in answer.json()["detail"]


@pytest.fixture
def model() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An endpoint in the shape of OpenAI's, and what it was asked."""
    asked: list[dict[str, Any]] = []

    class Completions(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = json.loads(self.rfile.read(length))
            asked.append({"path": self.path, "key": self.headers["Authorization"], **body})
            said = {"choices": [{"message": {"role": "assistant", "content": "By the lake [1]."}}]}
            data = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Completions)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_example_has_a_model_answer(
    mixed: Path, model: tuple[str, list[dict[str, Any]]], scenes_home: Path
) -> None:
    url, asked = model
    picture = next((scenes_home / "scenes").rglob("*.jpg"))
    plain = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    configured = {"OPENAI_BASE_URL": url, "OPENAI_MODEL": "seeing", "OPENAI_API_KEY": "secret"}
    with served(create_app(settings_at(mixed))) as port:
        command = [sys.executable, str(ROOT / "examples" / "ask.py"), "Where is the red car?"]
        command += ["--corpus", "mixed", "--service", f"http://127.0.0.1:{port}"]

        def run(*more: str, **env: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [*command, *more], env={**plain, **env}, capture_output=True, text=True, timeout=60
            )

        done = run("--image", str(picture), **configured)
        assert done.returncode == 0, done.stderr
        assert done.stdout == "By the lake [1].\n"
        assert "[1] /" in done.stderr
        (sent,) = asked
        assert (sent["path"], sent["key"]) == ("/v1/chat/completions", "Bearer secret")
        assert sent["model"] == "seeing"
        assert [one["role"] for one in sent["messages"]] == ["system", "user"]
        assert sent["messages"][1]["content"][-1]["text"] == "Question: Where is the red car?"

        alone = run()
        assert alone.returncode == 0
        assert json.loads(alone.stdout)[1]["role"] == "user"
        assert "OPENAI_BASE_URL" in alone.stderr
        assert len(asked) == 1
        lost = run("--corpus", "nowhere")
        assert lost.returncode != 0
        assert "404" in lost.stderr
