"""Every verb that asks gives one answer, whether the corpus is in a folder or on a server."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from searchengine.cli.app import app
from searchengine.demo.collection import write_collection
from searchengine.errors import UnsupportedError
from searchengine.store.open import open_store
from tests.store.cases import drop_quietly

QUESTIONS: dict[str, tuple[str, ...]] = {
    "words": ("search", "two red boats", "--limit", "12"),
    "any mix": ("search", "2:rabbits", "+", "{photos}/scene-00007.jpg", "-", "snow"),
    "an example": ("similar", "{photos}/scene-00003.jpg", "--exclude-self"),
    "a filter": ("search", "a cat", "--filter", "taken_at >= 2025 and caption ~* 'CAT'"),
    "what is relevant, by date": ("search", "cats", "--sort", "-taken_at", "--facet", "year"),
    "spread": ("search", "a boat", "--fold", "--diversity", "0.5", "--limit", "20"),
    "groups": ("search", "a boat", "--group-by", "month", "--per-group", "2"),
    "a second look": ("search", "a boat", "--expand", "diffusion", "--min-score", "0.2"),
    "both sides": ("search", "a boat at night", "--modality", "both"),
    "labels": ("classify", "in the snow", "on a beach", "at night"),
    "why": ("explain", "{photos}/scene-00003.jpg", "--query", "a boat + snow"),
    "copies": ("duplicates",),
    "how good": ("eval", "--sample", "20"),
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes").resolve()
    write_collection(folder, 60, seed=12)
    (folder / "copy.jpg").write_bytes((folder / "scene-00003.jpg").read_bytes())
    (folder / "notes.md").write_text("A boat sailed at night.\n\nA rabbit hid in the snow.\n")
    return folder


def rounded(value: Any) -> Any:
    """The value with its numbers to three digits, and without what a run takes or a place is."""
    if isinstance(value, float):
        return round(value, 3) + 0.0
    if isinstance(value, list):
        return [rounded(one) for one in value]
    if isinstance(value, dict):
        skipped = {"cursor", "backend", "index", "seconds", "store", "profile", "latency"}
        return {key: rounded(one) for key, one in value.items() if key not in skipped}
    return value


def asked(*arguments: object) -> Any:
    """What a command prints as JSON. Run in this process: torch is imported once, not 30 times."""
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def in_order(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer, where it is of no order (a scan's), in the order of ids."""
    if "found" in answer:
        answer["found"].sort(key=lambda one: one["id"])
    return answer


def test_one_answer_everywhere(
    tmp_path: Path, photos: Path, milvus_server_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, folder in (("DATA_DIR", "data"), ("CACHE_DIR", "cache")):
        monkeypatch.setenv(f"SEARCHENGINE_{variable}", str(tmp_path / folder))
    corpus = f"everywhere {tmp_path}"
    stores = (str(tmp_path / "milvus"), milvus_server_uri)
    options = [("--store", store, "--corpus", corpus) for store in stores]
    try:
        for store in options:
            asked("index", photos, "--model", "drawn-scenes", "--quiet", "--json", *store)
        for name, question in QUESTIONS.items():
            words = [part.format(photos=photos) for part in question]
            answers = [in_order(asked(*words, "--json", *store)) for store in options]
            assert rounded(answers[0]) == rounded(answers[1]), name
            assert answers[0], name
        hybrid = ("search", "rabbit", "--hybrid", "--json")
        assert asked(*hybrid, *options[0])["hits"]
        with pytest.raises(UnsupportedError, match=r"2\.3\.5"):
            asked(*hybrid, *options[1])
    finally:
        with closing(open_store(milvus_server_uri)) as server:
            drop_quietly(server, corpus)
