"""A service follows a switch by itself, and recovers when what it read is removed."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from searchengine.query import version as version_module
from searchengine.query.engine import SearchEngine
from searchengine.service.app import create_app
from searchengine.store.memory import MemoryStore
from tests.query.test_switching import NEW, OLD, QUESTIONS, Models, ask, write
from tests.service.conftest import settings_at

OLD_NAME, NEW_NAME = "fake", "drawn-scenes"
"""Models that there are; what they are here, the test says."""


def searched(client: TestClient, text: str) -> dict[str, Any]:
    asked = {"query": text, "limit": 8, "modalities": ["image", "text"], "vectors": True}
    answer = client.post("/v1/corpora/c/search", json=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_no_failed_and_no_mixed_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version_module, "AGE_S", 0.2)
    store = MemoryStore()
    write(store, "c", OLD, OLD_NAME, draft=False)
    models = Models(**{OLD_NAME: OLD, NEW_NAME: NEW})
    settings = settings_at(tmp_path, corpus="c", query__keep=0)
    app = create_app(
        settings, open_store=lambda _: store, load_encoder=lambda _, model: models(model)
    )
    stop, answers, errors = threading.Event(), list[tuple[str, dict[str, Any]]](), list[Exception]()

    def loop(client: TestClient) -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            text = QUESTIONS[turn % len(QUESTIONS)]
            try:
                answers.append((text, searched(client, text)))
            except Exception as error:
                errors.append(error)
                return

    with TestClient(app) as client:
        readers = [threading.Thread(target=loop, args=(client,)) for _ in range(3)]
        for reader in readers:
            reader.start()
        try:
            follow(answers, OLD_NAME, errors)
            write(store, "c", NEW, NEW_NAME, draft=True)
            models.wait_s = 0.5
            for back, model in ((False, NEW_NAME), (True, OLD_NAME), (False, NEW_NAME)):
                store.switch("c", back=back)
                follow(answers, model, errors)
            store.discard("c")
            time.sleep(0.5)
        finally:
            stop.set()
            for reader in readers:
                reader.join(30)
    assert not errors, errors
    right = {}
    for name, encoder in ((OLD_NAME, OLD), (NEW_NAME, NEW)):
        alone = MemoryStore()
        write(alone, "c", encoder, name, draft=False)
        engine = SearchEngine(alone, Models(**{name: encoder}), corpus="c")
        for text in QUESTIONS:
            right[name, text] = [(one, key) for one, key, _ in ask(engine, text).hits]
    for text, found in answers:
        hits = found["hits"]
        model = found["model"]
        assert [(hit["modality"], hit["id"]) for hit in hits] == right[model, text]
        assert {len(hit["vector"]) for hit in hits} == {OLD.dim if model == OLD_NAME else NEW.dim}


def follow(answers: list[tuple[str, dict[str, Any]]], model: str, errors: list[Exception]) -> None:
    """Wait until the service answers by a model."""
    end = time.monotonic() + 60
    while not answers or answers[-1][1]["model"] != model:
        assert not errors, errors
        assert time.monotonic() < end
        time.sleep(0.05)
