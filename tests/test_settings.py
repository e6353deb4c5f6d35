"""Flag > environment > file > default, and errors that name the setting."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from searchengine.errors import NotFoundError, SettingsError
from searchengine.settings import load_settings, nest


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("SEARCHENGINE_"):
            monkeypatch.delenv(name)


def test_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("corpus: file\ningest: {batch_size: 1, workers: 1, write_rows: 1}\n")
    monkeypatch.setenv("SEARCHENGINE_INGEST__BATCH_SIZE", "2")
    monkeypatch.setenv("SEARCHENGINE_INGEST__WORKERS", "2")
    settings = load_settings(str(file), {"ingest.batch_size": 3, "query.limit": None})
    assert settings.ingest.batch_size == 3
    assert settings.ingest.workers == 2
    assert settings.ingest.write_rows == 1
    assert settings.corpus == "file"
    assert settings.query.limit == 10


def test_file_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.yaml").write_text("corpus: mine\n")
    monkeypatch.setenv("SEARCHENGINE_CONFIG", str(tmp_path / "mine.yaml"))
    assert load_settings().corpus == "mine"


@pytest.mark.parametrize("name", ["lite", "standalone", "cluster"])
def test_shipped_files_load(name: str) -> None:
    settings = load_settings(name)
    assert settings.store_uri.startswith(("http", str(settings.data_dir)))


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ({"ingest.batch_size": -1}, "ingest.batch_size"),
        ({"ingest.batch_sise": 3}, "ingest.batch_sise"),
        ({"nothing": 3}, "nothing"),
        ({"corpus": ""}, "corpus"),
        ({"model.precision": "fp7"}, "model.precision"),
    ],
)
def test_errors_name_the_setting(flags: dict[str, object], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load_settings(flags=flags)


def test_errors_in_the_environment_and_in_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEARCHENGINE_STORE__URX", "x")
    with pytest.raises(SettingsError, match=r"store\.urx"):
        load_settings()
    monkeypatch.delenv("SEARCHENGINE_STORE__URX")
    (tmp_path / "bad.yaml").write_text("corpus: [unclosed\n")
    with pytest.raises(SettingsError):
        load_settings(str(tmp_path / "bad.yaml"))
    with pytest.raises(NotFoundError, match="nowhere"):
        load_settings("nowhere")


def test_frozen_and_silent_about_secrets() -> None:
    settings = load_settings(flags={"store.token": "s3cret"})
    assert "s3cret" not in repr(settings)
    with pytest.raises(ValidationError):
        settings.corpus = "other"


def test_nest() -> None:
    assert nest({"a.b": 1, "a.c": 2, "d": 3, "e": None}) == {"a": {"b": 1, "c": 2}, "d": 3}


@pytest.mark.parametrize("key", ["batch_size", "write_rows"])
def test_a_size_may_be_found_while_working(key: str) -> None:
    def value(flags: dict[str, object]) -> object:
        return getattr(load_settings(flags=flags).ingest, key)

    assert value({}) == 0
    assert value({f"ingest.{key}": "auto"}) == 0
    assert value({f"ingest.{key}": "48"}) == 48
