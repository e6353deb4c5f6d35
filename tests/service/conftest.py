"""Drawn scenes indexed on Milvus Lite, and the application that serves them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from ingest import index
from searchengine.demo.collection import write_collection
from searchengine.service.app import create_app
from searchengine.settings import Settings, load_settings

SCENES = 60


@pytest.fixture(scope="session")
def scenes_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``scenes`` (pictures, captions) and ``data``, where they are indexed.

    Corpus ``scenes``, model ``drawn-scenes``. Whoever writes to it copies it first.
    """
    home = tmp_path_factory.mktemp("served")
    write_collection(home / "scenes", SCENES, seed=5)
    report = index(
        [home / "scenes"],
        corpus="scenes",
        data_dir=home / "data",
        cache_dir=home / "cache",
        model__name="drawn-scenes",
    )
    assert report.written >= SCENES
    return home


def settings_at(home: Path, **flags: object) -> Settings:
    """The settings of a service over such a folder."""
    dotted = {name.replace("__", "."): value for name, value in flags.items()}
    usual = {
        "corpus": "scenes",
        "data_dir": home / "data",
        "cache_dir": home / "cache",
        "service.hosts": ["testserver"],  # as starlette's TestClient names the host
    }
    return load_settings(flags=usual | dotted)


@pytest.fixture(scope="module")
def client(scenes_home: Path) -> Iterator[TestClient]:
    """A client of the application over ``scenes_home``."""
    with TestClient(create_app(settings_at(scenes_home))) as client:
        yield client
