"""Decoding for an encoder: how near the shortcut is to OpenCLIP's own way."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from searchengine.decode import Decoded, decode_image
from searchengine.encoders import Encoder, load_encoder
from searchengine.encoders.fake import FakeEncoder
from searchengine.encoders.pictures import prepare_picture
from searchengine.encoders.preprocess import Preprocess
from tests.encoders.test_preprocess import open_clip_pixels
from tests.ingest.hostile import encode, exif_with

LIMIT = 50_000_000


def psnr(ours: Any, theirs: Any) -> float:
    """Peak signal-to-noise ratio of uint8 arrays in dB, at most 99."""
    error = float(((ours.astype(np.float64) - theirs) ** 2).mean())
    return 99.0 if error == 0 else min(99.0, 10 * np.log10(255**2 / error))


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder(f"local-dir:{os.environ['SEARCHENGINE_TEST_MODEL']}")


def camera_original(photo: Path, width: int, height: int) -> Image.Image:
    """A photo enlarged to what a camera writes, with a sensor's noise."""
    with Image.open(photo) as small:
        large = small.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    tile = np.random.default_rng(1).normal(0, 3, (height // 4, width // 4, 1)).astype(np.int16)
    pixels = np.asarray(large) + np.tile(tile, (4, 4, 1))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def originals(photos: Path) -> list[bytes]:
    """Photos of 12 MP: one lying, one standing by its EXIF and progressive."""
    files = sorted((photos / "coco-cc").glob("*.jpg"))[:2]
    lying, standing = (camera_original(file, 4000, 3000) for file in files)
    turned = exif_with(orientation=6)
    return [
        encode(lying, "JPEG", quality=90),
        encode(standing, "JPEG", quality=80, progressive=True, exif=turned),
    ]


def compare(encoder: Encoder, files: list[bytes]) -> tuple[list[float], Any]:
    """Return PSNR and cosine of every file, reduced against OpenCLIP's own transform."""
    ours = [prepare_picture(encoder, data, max_pixels=LIMIT)[1] for data in files]
    theirs = [
        open_clip_pixels(decode_image(data, max_pixels=LIMIT).image, Preprocess((224, 224)))
        for data in files
    ]
    vectors = encoder.encode_images(np.stack(ours)), encoder.encode_images(np.stack(theirs))
    return [psnr(*pair) for pair in zip(ours, theirs, strict=True)], (
        (vectors[0] * vectors[1]).sum(axis=1)
    )


def test_camera_originals_come_out_as_open_clip_makes_them(
    mini: Encoder, originals: list[bytes]
) -> None:
    for data in originals:
        decoded, _ = prepare_picture(mini, data, max_pixels=LIMIT)
        assert min(decoded.image.size) == 750
        assert sorted(decoded.size) == [3000, 4000]
    ratios, cosines = compare(mini, originals)
    assert min(ratios) >= 46
    assert cosines.min() >= 0.999


@pytest.mark.parametrize("folder", ["coco-cc", "clothing"])
def test_photos_come_out_as_open_clip_makes_them(mini: Encoder, photos: Path, folder: str) -> None:
    files = [path.read_bytes() for path in sorted((photos / folder).rglob("*.jpg"))[::25]]
    ratios, cosines = compare(mini, files)
    assert min(ratios) >= 46
    assert cosines.min() >= 0.999


def test_what_is_halved_stays_near(mini: Encoder, photos: Path) -> None:
    files = []
    for path in sorted((photos / "coco-cc").glob("*.jpg"))[:12]:
        with Image.open(path) as image:
            files.append(encode(image.resize((1000, 750)), "JPEG", quality=85))
    decoded, _ = prepare_picture(mini, files[0], max_pixels=LIMIT)
    assert (decoded.image.size, decoded.size) == ((500, 375), (1000, 750))
    ratios, cosines = compare(mini, files)
    assert np.median(ratios) >= 46
    assert min(ratios) >= 40
    assert cosines.min() >= 0.997


def test_a_picture_smaller_than_its_file_says_is_seen_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A camera's RAW file has the sensor's size, and a preview of any other.
    image = Image.effect_mandelbrot((300, 200), (-2, -1, 1, 1), 60).convert("RGB")
    preview = Decoded(image, 1000, 667, "image/x-raw")
    monkeypatch.setattr("searchengine.decode.decode_image", lambda data, **options: preview)
    fake = FakeEncoder()
    _, pixels = prepare_picture(fake, b"", max_pixels=LIMIT)
    np.testing.assert_array_equal(pixels, fake.preprocess(image))


def test_equal_bytes_give_equal_pixels_and_small_pictures_stay_whole() -> None:
    fake = FakeEncoder()
    large = encode(Image.effect_mandelbrot((640, 512), (-2, -1, 1, 1), 60), "JPEG")
    first, pixels = prepare_picture(fake, large, max_pixels=LIMIT)
    np.testing.assert_array_equal(pixels, prepare_picture(fake, large, max_pixels=LIMIT)[1])
    assert first.image.size == (80, 64)
    small = encode(Image.radial_gradient("L").resize((60, 40)), "JPEG")
    decoded, pixels = prepare_picture(fake, small, max_pixels=LIMIT)
    assert decoded.image.size == (60, 40)
    with Image.open(io.BytesIO(small)) as image:
        np.testing.assert_array_equal(pixels, fake.preprocess(image.convert("RGB")))
