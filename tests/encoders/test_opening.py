"""What ``auto`` does on a CPU, from the first batch to the next process."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from searchengine.diagnose.towers import check_runtimes
from searchengine.encoders import load_encoder, opening
from searchengine.encoders.choose import Wish, keep_choice, known_choice
from searchengine.encoders.openclip import OpenClipEncoder
from searchengine.encoders.towers.torch_towers import TorchTowers
from searchengine.settings import load_settings


def load(folder: Path, cache_dir: Path) -> OpenClipEncoder:
    encoder = load_encoder(f"local-dir:{folder}", device="cpu", cache_dir=cache_dir)
    assert isinstance(encoder, OpenClipEncoder)
    return encoder


def doctor(folder: Path, cache_dir: Path, **flags: Any) -> str:
    known = {"model.name": f"local-dir:{folder}", "model.device": "cpu", "cache_dir": cache_dir}
    check = check_runtimes(load_settings("lite", {**known, **flags}))
    return f"{check.status}: {check.message}"


@pytest.fixture
def torch_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of two is the faster on a tiny model is chance; here it is not."""
    import time

    images = TorchTowers.images

    def slow(self: TorchTowers, pixels: Any) -> Any:
        time.sleep(0.05)
        return images(self, pixels)

    monkeypatch.setattr(TorchTowers, "images", slow)


@pytest.mark.usefixtures("torch_is_slow")
def test_it_begins_on_torch_moves_on_and_stays(
    tiny_timm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 224, 224, 3), dtype=np.uint8)
    encoder = load(tiny_timm, tmp_path)
    first = encoder.encode_images(pixels)
    assert encoder.towers.name == "torch fp32 on cpu"
    assert "until it has worked for long enough" in doctor(tiny_timm, tmp_path)

    monkeypatch.setattr(opening, "patience_s", lambda parameters: 0.0)
    encoder = load(tiny_timm, tmp_path)
    encoder.encode_texts(["a dog"])
    assert encoder.towers.runtime == "openvino"
    moved = encoder.encode_images(pixels)
    assert (moved * first).sum(axis=1).min() > 0.998
    wish = Wish(device="cpu")
    choice = known_choice(encoder.fingerprint, wish, cache_dir=tmp_path)
    assert choice is not None
    assert choice.shares
    assert choice.speedup > 1
    assert f"measured for the model: {choice} (cosine" in doctor(tiny_timm, tmp_path)

    def never(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("torch is not needed any more")

    monkeypatch.setattr(TorchTowers, "__init__", never)
    again = load(tiny_timm, tmp_path)
    assert again.towers.name == encoder.towers.name
    assert again.fingerprint == encoder.fingerprint
    np.testing.assert_allclose(again.encode_images(pixels), moved, atol=1e-5)

    monkeypatch.undo()
    shutil.rmtree(tmp_path / "towers")  # nobody waits for an export who did not ask for one
    assert load(tiny_timm, tmp_path).towers.runtime == "torch"


def test_a_look_that_fails_costs_nothing_but_a_word(
    tiny_vit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    def fail(*args: Any) -> None:
        raise MemoryError("no room for a second model")

    monkeypatch.setattr(opening, "probe", fail)
    monkeypatch.setattr(opening, "patience_s", lambda parameters: 0.0)
    encoder = load(tiny_vit, tmp_path)
    with caplog.at_level(logging.WARNING):
        encoder.encode_texts(["a dog"])
        encoder.encode_texts(["a cat"])
    assert encoder.towers.name == "torch fp32 on cpu"
    assert caplog.text.count("no room for a second model") == 1
    assert known_choice(encoder.fingerprint, Wish(device="cpu"), cache_dir=tmp_path) is None


def test_doctor_knows_the_runtimes(
    tiny_vit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib import metadata

    from searchengine.encoders.choose import Choice

    said = doctor(tiny_vit, tmp_path, **{"model.precision": "fp32"})
    assert said.startswith("ok: torch, OpenVINO ")
    assert said.endswith("the model runs on torch fp32, as set")
    assert "not been run as set" in doctor(tiny_vit, tmp_path, **{"model.runtime": "openvino"})
    encoder = load(tiny_vit, tmp_path)
    keep_choice(
        encoder.fingerprint,
        Wish(device="cpu"),
        Choice("openvino", "bf16", True, 0.99991, 0.99, 2.3),
        cache_dir=tmp_path,
    )
    said = doctor(tiny_vit, tmp_path)
    assert "openvino bf16 (cosine to fp32 at least 0.9999, 2.3 times torch fp32)" in said

    def absent(package: str) -> str:
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "version", absent)
    said = doctor(tiny_vit, tmp_path, **{"model.runtime": "onnx"})
    assert said == "fail: torch; model.runtime=onnx is not installed"
    said = doctor(tiny_vit, tmp_path, **{"model.precision": "int8"})
    assert said == "fail: torch; model.precision=int8 needs NNCF"
