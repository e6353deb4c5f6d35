"""Another model beside the one that is live, as a person types it: --beside, switch, gc."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from searchengine.cli.app import app
from searchengine.errors import MismatchError, NotFoundError, UnsupportedError, UsageError
from tests.ingest.folders import picture


class Typing:
    """What is typed, over one database."""

    def __init__(self, home: Path) -> None:
        self.store = home / "index"

    def __call__(self, *arguments: object) -> str:
        words = [str(one) for one in (*arguments, "--store", self.store)]
        done = CliRunner().invoke(app, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    def states(self) -> list[tuple[str, str, int]]:
        found = json.loads(self("corpora", "--json"))["sides"]
        return [(one["version"], one["model"], one["items"]) for one in found]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for n in range(6):
        (folder / f"{n}.png").write_bytes(picture((n * 40, 200, 90)))
    return folder


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typing:
    monkeypatch.setenv("SEARCHENGINE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SEARCHENGINE_CACHE_DIR", str(tmp_path / "cache"))
    return Typing(tmp_path)


def test_another_model_beside_switch_back_and_gc(typed: Typing, photos: Path) -> None:
    typed("index", photos, "--model", "fake", "-q")
    with pytest.raises(NotFoundError, match="no draft"):
        typed("switch")
    typed("index", photos, "--model", "drawn-scenes", "--beside", "-q")
    assert typed.states() == [("live", "fake", 6), ("draft", "drawn-scenes", 6)]
    with pytest.raises(MismatchError, match="drawn-scenes"):
        typed("index", photos, "--model", "fake", "--beside", "-q")
    again = json.loads(typed("index", photos, "--beside", "-q", "--json"))
    assert "FLAT" in typed("reindex", "FLAT", "--draft")
    assert "finds all there is" in typed("tune", "--draft", "-q")
    assert (again["model"], again["unchanged"], again["embedded"]) == ("drawn-scenes", 6, 0)
    asked = ("search", "green", "--json")
    before = json.loads(typed(*asked))
    assert before["model"] == "fake"
    shown = typed("switch")
    assert "live" in shown
    assert "previous" in shown
    after = json.loads(typed(*asked))
    assert after["model"] == "drawn-scenes"
    assert {hit["uri"] for hit in after["hits"]} == {hit["uri"] for hit in before["hits"]}
    typed("switch", "--back")
    assert json.loads(typed(*asked)) == before
    assert typed.states() == [("live", "fake", 6), ("draft", "drawn-scenes", 6)]
    typed("switch")
    listed = json.loads(typed("gc", "--dry-run", "--json"))
    assert [(one["model"], one["version"]) for one in listed["removed"]] == [("fake", "previous")]
    assert json.loads(typed("gc", "--json"))["removed"] == listed["removed"]
    assert typed.states() == [("live", "drawn-scenes", 6)]
    assert json.loads(typed(*asked)) == after
    with pytest.raises(NotFoundError, match="go back"):
        typed("switch", "--back")


def test_a_draft_that_is_not_finished_is_not_switched_to(typed: Typing, photos: Path) -> None:
    typed("index", photos, "--model", "fake", "-q")
    for name in ("4.png", "5.png"):
        (photos / name).unlink()
    typed("index", photos, "--beside", "-q")  # of the live version's own model
    assert typed.states() == [("live", "fake", 6), ("draft", "fake", 4)]
    with pytest.raises(UsageError, match="4 images, and 6 are live"):
        typed("switch")
    typed("switch", "--force")
    assert typed.states() == [("live", "fake", 4), ("previous", "fake", 6)]


def test_drafts_are_thrown_away_when_asked(typed: Typing, photos: Path) -> None:
    typed("index", photos, "--model", "fake", "--beside", "-q")
    assert typed.states() == [("draft", "fake", 6)]
    with pytest.raises(NotFoundError):
        typed("search", "green")
    assert json.loads(typed("gc", "--json"))["removed"] == []
    assert len(json.loads(typed("gc", "--drafts", "--json"))["removed"]) == 1
    assert typed.states() == []


def test_embeddings_are_imported_beside(typed: Typing, photos: Path, tmp_path: Path) -> None:
    typed("index", photos, "--model", "fake", "-q")
    typed("export-embeddings", tmp_path / "out", "-q")
    told = typed("import-embeddings", tmp_path / "out", "--beside", "-q")
    assert told.startswith("6 seen: 6 imported, 0 unchanged, 0 failed")
    again = typed("import-embeddings", tmp_path / "out", "--beside", "-q")
    assert again.startswith("6 seen: 0 imported, 6 unchanged, 0 failed")
    assert typed.states() == [("live", "fake", 6), ("draft", "fake", 6)]


def test_lite_has_no_bulk_import(typed: Typing, photos: Path) -> None:
    with pytest.raises(UnsupportedError, match="no bulk import"):
        typed("index", photos, "--model", "fake", "--bulk", "-q")
