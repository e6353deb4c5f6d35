from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from searchengine.encoders import load_encoder
from searchengine.encoders.fake import FakeEncoder
from searchengine.encoders.several import SeveralEncoder, device_names, first_device
from searchengine.errors import EncoderError, ModelUnavailableError

BAD = (1, 2, 3)


@pytest.fixture
def several() -> Iterator[SeveralEncoder]:
    """Two processes with the same fake encoder, which fails on one colour."""
    encoder = SeveralEncoder([partial(FakeEncoder, fail_on=BAD)] * 2)
    yield encoder
    encoder.close()


def pictures(encoder: SeveralEncoder, count: int) -> np.ndarray:
    colours = np.random.default_rng(3).integers(0, 256, (count, 3))
    made = [Image.new("RGB", (40, 30), tuple(map(int, colour))) for colour in colours]
    return np.stack([encoder.preprocess(one) for one in made])


def test_several_processes_give_what_one_gives(several: SeveralEncoder) -> None:
    alone = FakeEncoder(fail_on=BAD)
    assert (several.name, several.dim) == (alone.name, alone.dim)
    assert several.fingerprint == alone.fingerprint
    assert several.reduction(4000, 3000) == alone.reduction(4000, 3000)
    for count in (0, 1, 2, 5, 64, 3):
        pixels = pictures(several, max(count, 1))[:count]
        np.testing.assert_array_equal(several.encode_images(pixels), alone.encode_images(pixels))
    texts = ["a red ball", "", "blue"]
    np.testing.assert_array_equal(several.encode_texts(texts), alone.encode_texts(texts))


def test_rows_that_fail_are_named_by_their_place_in_the_whole(several: SeveralEncoder) -> None:
    pixels = pictures(several, 9)
    pixels[[2, 7]] = BAD
    with pytest.raises(EncoderError) as caught:
        several.encode_images(pixels)
    assert caught.value.bad_rows == (2, 7)
    assert len(several.encode_images(pixels[:2])) == 2  # and it goes on


def test_a_process_that_dies_is_an_error_that_says_so(several: SeveralEncoder) -> None:
    victim = several._workers[1]._process.pid
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    with pytest.raises(EncoderError, match="has ended"):
        several.encode_images(pictures(several, 4))


def test_what_a_builder_raises_reaches_the_caller() -> None:
    with pytest.raises(ModelUnavailableError, match="no folder") as caught:
        SeveralEncoder([FakeEncoder, partial(load_encoder, "local-dir:/not/there")])
    assert "open_clip_config.json" in caught.value.hint


def test_a_setting_may_name_several_devices(photo_mini: Path, tmp_path: Path) -> None:
    assert device_names("cpu") == ["cpu"]
    assert device_names("cuda:0, cuda:1") == ["cuda:0", "cuda:1"]
    assert [first_device(one) for one in ("auto", "cuda:0, cuda:1", "cuda:all")] == [
        "auto", "cuda:0", "cuda"
    ]  # fmt: skip
    options: dict[str, Any] = {"runtime": "torch", "precision": "fp32", "cache_dir": tmp_path}
    name = f"local-dir:{photo_mini}"
    both = load_encoder(name, device="cpu,cpu", **options)
    alone = load_encoder(name, device="cpu", **options)
    assert isinstance(both, SeveralEncoder)
    try:
        assert both.fingerprint == alone.fingerprint
        pixels = np.random.default_rng(1).integers(0, 256, (5, 224, 224, 3), dtype=np.uint8)
        ours, theirs = both.encode_images(pixels), alone.encode_images(pixels)
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
        np.testing.assert_allclose(both.encode_texts(["a dog"]), alone.encode_texts(["a dog"]))
    finally:
        both.close()
