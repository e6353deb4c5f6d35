from __future__ import annotations

from pathlib import Path

import pytest

from searchengine import configs_path
from searchengine.configs_path import config_file
from searchengine.errors import NotFoundError


def test_a_checkout_has_them_at_the_root() -> None:
    assert config_file("models.yaml") == Path(__file__).parent.parent / "configs" / "models.yaml"


def test_a_wheel_has_them_inside_and_its_own_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "searchengine"
    monkeypatch.setattr(configs_path, "_PACKAGE", package)
    for folder in (tmp_path / "configs", package / "configs"):
        folder.mkdir(parents=True)
        (folder / "models.yaml").write_text("")
        assert config_file("models.yaml") == folder / "models.yaml"


def test_a_missing_file_is_named() -> None:
    with pytest.raises(NotFoundError, match=r"no-such\.yaml"):
        config_file("no-such.yaml")
