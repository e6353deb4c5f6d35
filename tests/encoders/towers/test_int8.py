from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest.calibration import build_encoder
from ingest.sources.folder import FolderSource
from searchengine.encoders import describe_model, load_encoder
from searchengine.encoders.openclip import OpenClipEncoder
from searchengine.encoders.towers import int8
from searchengine.encoders.towers.openvino_import import no_telemetry
from searchengine.errors import UnsupportedError


def load(folder: Path, cache_dir: Path, **options: Any) -> OpenClipEncoder:
    encoder = load_encoder(f"local-dir:{folder}", cache_dir=cache_dir, device="cpu", **options)
    assert isinstance(encoder, OpenClipEncoder)
    return encoder


def pictures(count: int) -> Any:
    return np.random.default_rng(11).integers(0, 256, (count, 48, 48, 3), dtype=np.uint8)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8, "SAMPLE", 24)
    monkeypatch.setattr(int8, "FEWEST", 12)
    monkeypatch.setattr(int8, "RANGES", 8)


@pytest.mark.usefixtures("short")
def test_it_is_made_from_pictures_judged_and_kept(
    tiny_vit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    full = load(tiny_vit, tmp_path, precision="fp32")
    encoder = load(tiny_vit, tmp_path, precision="int8")
    assert encoder.fingerprint != full.fingerprint
    card = describe_model(f"local-dir:{tiny_vit}", precision="int8", cache_dir=tmp_path)
    assert card == encoder.card
    assert encoder.sample_wanted == 24
    pixels = pictures(24)
    before = encoder.encode_images(pixels)
    assert (before * full.encode_images(pixels)).sum(axis=1).min() > 0.999

    with pytest.raises(UnsupportedError, match="at least 12 of your own pictures, and here are 5"):
        encoder.calibrate(pixels[:5])
    monkeypatch.setattr(int8, "RECALL", 1.1)
    with pytest.raises(UnsupportedError, match="of the ten nearest that fp32 finds among 24"):
        encoder.calibrate(pixels)
    assert encoder.sample_wanted == 24  # nothing is kept of one that is refused

    monkeypatch.setattr(int8, "RECALL", 0.3)
    with caplog.at_level(logging.WARNING, "searchengine"):
        encoder.calibrate(pixels)
    assert "recall@10 against fp32" in caplog.text
    assert capsys.readouterr().out == ""  # which is for data
    assert encoder.sample_wanted == 0
    after = encoder.encode_images(pixels)
    assert (after * full.encode_images(pixels)).sum(axis=1).min() > 0.9
    assert np.abs(after - before).max() > 1e-4  # another tower it is
    texts = ["a dog", "two cats"]
    assert (encoder.encode_texts(texts) * full.encode_texts(texts)).sum(axis=1).min() > 0.999

    again = load(tiny_vit, tmp_path, precision="int8")
    assert again.sample_wanted == 0
    np.testing.assert_allclose(again.encode_images(pixels), after, atol=1e-5)


class Wanting:
    """An encoder that wants to see four pictures."""

    def __init__(self) -> None:
        self.sample_wanted = 4
        self.seen: list[tuple[int, ...]] = []

    def reduction(self, width: int, height: int) -> int:
        return 1

    def preprocess(self, image: Any, whole: Any = None) -> Any:
        return np.asarray(image.resize((8, 8)))

    def calibrate(self, pixels: Any) -> None:
        self.seen.append(pixels.shape)
        self.sample_wanted = 0


def test_a_run_shows_its_first_good_pictures(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "0.jpg").write_bytes(b"no picture")
    (tmp_path / "1.txt").write_text("words")
    for number in range(2, 9):
        Image.new("RGB", (20, 10), (number, 0, 0)).save(tmp_path / f"{number}.png")
    encoder = Wanting()
    given: Any = lambda name: encoder  # noqa: E731
    for _ in range(2):
        build_encoder(given, lambda: FolderSource(tmp_path), "model", max_pixels=10**6)
    assert encoder.seen == [(4, 8, 8, 3)]


def test_an_empty_run_has_nothing_to_show(tmp_path: Path) -> None:
    encoder = Wanting()
    given: Any = lambda name: encoder  # noqa: E731
    build_encoder(given, lambda: FolderSource(tmp_path), "model", max_pixels=10**6)
    assert encoder.seen[0][0] == 0


def test_telemetry_looks_absent_only_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.delitem(sys.modules, "openvino_telemetry", raising=False)
    with no_telemetry(), pytest.raises(ImportError):
        import openvino_telemetry  # type: ignore[import-not-found]  # noqa: F401
    assert "openvino_telemetry" not in sys.modules


def test_telemetry_looks_absent_until_the_last_thread_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import sys

    monkeypatch.delitem(sys.modules, "openvino_telemetry", raising=False)
    first, second = no_telemetry(), no_telemetry()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    with pytest.raises(ImportError):
        import openvino_telemetry  # noqa: F401
    second.__exit__(None, None, None)
    assert "openvino_telemetry" not in sys.modules
