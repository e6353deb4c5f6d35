"""Whoever loads the model that the settings name gets it run in the same way."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from ingest.job import job_for
from searchengine.encoders import configured
from searchengine.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings that name every part of how a model is run."""
    flags = {
        "model.device": "cuda:0,cuda:1",
        "model.runtime": "torch",
        "model.precision": "bf16",
        "cache_dir": tmp_path,
    }
    return load_settings(flags=flags)


def test_every_way_in_asks_for_the_same_model(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []
    for name in ("load_encoder", "describe_model"):
        monkeypatch.setattr(configured, name, lambda model, **how: asked.append((model, how)))
    configured.load_configured_encoder(settings, "m")
    configured.describe_configured_model(settings, "m")
    configured.load_questions_encoder(settings, "m")
    how = {"runtime": "torch", "precision": "bf16", "cache_dir": tmp_path}
    both = {"device": "cuda:0,cuda:1", **how}
    assert asked == [("m", both), ("m", both), ("m", {"device": "cuda:0", **how})]


def test_a_job_crosses_processes(settings: Settings, tmp_path: Path) -> None:
    job = pickle.loads(pickle.dumps(job_for([tmp_path], settings)))
    assert job.corpus == settings.corpus
    assert list(job.build_source()) == []
