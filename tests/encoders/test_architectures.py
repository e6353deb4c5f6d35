from __future__ import annotations

import importlib.metadata
import importlib.util
from typing import Any

import pytest

from searchengine.encoders.architectures import (
    architecture_config,
    architectures,
    open_clip_version,
)
from searchengine.encoders.preprocess import preprocess_of
from searchengine.errors import ModelUnavailableError


def test_they_are_open_clips_own() -> None:
    import open_clip

    assert open_clip_version() == open_clip.__version__
    assert set(architectures()) == set(open_clip.list_models())
    for name in architectures():
        assert architecture_config(name) == open_clip.get_model_config(name)


def test_the_preprocessing_of_every_known_model_can_be_read() -> None:
    import open_clip

    for name, tag in open_clip.list_pretrained():
        settings = open_clip.get_pretrained_cfg(name, tag)
        preprocess = preprocess_of(architecture_config(name), settings)
        assert min(preprocess.size) >= 224
        assert preprocess.resize_mode == settings["resize_mode"]


def test_an_installation_without_open_clip_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelUnavailableError, match="not installed") as caught:
        open_clip_version()
    assert caught.value.hint == "pip install open_clip_torch"
    with pytest.raises(ModelUnavailableError, match="not installed"):
        architectures.__wrapped__()
