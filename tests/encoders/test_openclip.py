from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from searchengine.encoders import Encoder, describe_model, load_encoder
from searchengine.encoders.openclip import OpenClipEncoder
from searchengine.encoders.towers.torch_towers import TorchTowers
from searchengine.errors import EncoderError, ModelUnavailableError, UnsupportedError

GOLDEN = Path(__file__).parent.parent / "golden" / "photo-mini.json"
TEXTS = ["a dog", "", "two red cats on a sofa", "一只狗", "word " * 500, "it's 7 o'clock!"]


def load(folder: Path, cache_dir: Path, **options: Any) -> OpenClipEncoder:
    options = {"device": "cpu", "precision": "fp32", **options}
    encoder = load_encoder(f"local-dir:{folder}", cache_dir=cache_dir, **options)
    assert isinstance(encoder, OpenClipEncoder)
    return encoder


def encode(encoder: Encoder, images: list[Image.Image]) -> npt.NDArray[np.float32]:
    return encoder.encode_images(np.stack([encoder.preprocess(image) for image in images]))


def plain_loop(
    folder: Path, images: list[Image.Image], texts: list[str]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """What anybody would write with OpenCLIP: one input at a time."""
    import open_clip
    import torch

    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    model.eval()
    with torch.inference_mode():
        pictures = [model.encode_image(transform(image)[None], normalize=True) for image in images]
        words = [model.encode_text(tokenizer([text]), normalize=True) for text in texts]
    return torch.cat(pictures).numpy(), torch.cat(words).numpy()


@pytest.fixture(params=["tiny_vit", "tiny_resnet", "tiny_coca", "tiny_timm", "photo_mini"])
def folder(request: pytest.FixtureRequest) -> Path:
    """Each model in turn."""
    return Path(request.getfixturevalue(request.param))


def test_it_gives_what_a_plain_open_clip_loop_gives(
    folder: Path, pictures: list[Image.Image], tmp_path: Path
) -> None:
    encoder = load(folder, tmp_path)
    images, texts = plain_loop(folder, pictures, TEXTS)
    for ours, theirs in ((encode(encoder, pictures), images), (encoder.encode_texts(TEXTS), texts)):
        assert ours.dtype == np.float32
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-6)
        assert (ours * theirs).sum(axis=1).min() >= 0.999999
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_row_does_not_depend_on_its_neighbours(
    folder: Path, pictures: list[Image.Image], tmp_path: Path
) -> None:
    encoder = load(folder, tmp_path)
    pixels = np.stack([encoder.preprocess(image) for image in pictures * 8])  # more than one pass
    together = encoder.encode_images(pixels)
    assert isinstance(encoder.towers, TorchTowers)
    assert len(pixels) > encoder.towers.images_a_pass
    for size in (1, 2, 7, 64):
        parts = [encoder.encode_images(pixels[at : at + size]) for at in range(0, 14, size)]
        np.testing.assert_allclose(np.concatenate(parts)[:14], together[:14], atol=1e-5)
    np.testing.assert_allclose(together[:9], together[-9:], atol=1e-5)
    texts = TEXTS * 50
    vectors = encoder.encode_texts(texts)
    assert len(texts) > 256
    for text, vector in zip(TEXTS, vectors[-len(TEXTS) :], strict=True):
        np.testing.assert_allclose(encoder.encode_texts([text])[0], vector, atol=1e-5)


def test_it_says_what_describe_model_says(folder: Path, tmp_path: Path) -> None:
    encoder = load(folder, tmp_path)
    assert isinstance(encoder, Encoder)
    card = describe_model(f"local-dir:{folder}", cache_dir=tmp_path)
    assert card is not None
    assert encoder.card == card
    assert encoder.preprocess.size == card.image_size
    assert encoder.device == "cpu"
    assert encoder.encode_texts([]).shape == (0, encoder.dim)
    height, width = card.image_size
    assert encoder.encode_images(np.empty((0, height, width, 3), np.uint8)).shape == (0, card.dim)


def test_preprocessing_is_the_models_own(folder: Path, photos: Path, tmp_path: Path) -> None:
    import open_clip

    _, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    encoder = load(folder, tmp_path)
    normalize = transform.transforms[-1]
    assert tuple(normalize.mean) == encoder.preprocess.mean
    assert tuple(normalize.std) == encoder.preprocess.std
    with Image.open(sorted((photos / "coco-cc").glob("*.jpg"))[0]) as image:
        image = image.convert("RGB")
    tensor = transform(image) * np.reshape(normalize.std, (3, 1, 1))
    pixels = np.rint((tensor + np.reshape(normalize.mean, (3, 1, 1))).numpy() * 255)
    assert (pixels.transpose(1, 2, 0) == encoder.preprocess(image)).all()


def test_golden_vectors(photo_mini: Path, tmp_path: Path) -> None:
    golden = json.loads(GOLDEN.read_text())
    encoder = load(photo_mini, tmp_path)
    assert encoder.fingerprint == golden["fingerprint"]
    ramp = np.arange(224, dtype=np.uint8)
    pixels = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None, :], np.uint8(90)), axis=-1)
    vector = encoder.encode_images(np.ascontiguousarray(pixels)[None])[0]
    np.testing.assert_allclose(vector[:8], golden["image"], atol=1e-4)
    for text, expected in golden["texts"].items():
        np.testing.assert_allclose(encoder.encode_texts([text])[0, :8], expected, atol=1e-4)


def test_captions_find_their_photos(photo_mini: Path, photos: Path, tmp_path: Path) -> None:
    encoder = load(photo_mini, tmp_path)
    folder = photos / "coco-cc"
    lines = [json.loads(line) for line in (folder / "captions.jsonl").read_text().splitlines()]
    images = [Image.open(folder / line["file"]).convert("RGB") for line in lines]
    truth = np.repeat(np.arange(len(lines)), [len(line["captions"]) for line in lines])
    texts = encoder.encode_texts([caption for line in lines for caption in line["captions"]])
    scores = texts @ encode(encoder, images).T
    ranks = (scores > scores[np.arange(len(truth)), truth][:, None]).sum(axis=1)
    recall = [round(float((ranks < k).mean()), 4) for k in (1, 5, 10)]
    assert recall == [0.3158, 0.6921, 0.7763]


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_low_precision_is_close(
    precision: Any, tiny_vit: Path, photos: Path, tmp_path: Path
) -> None:
    full = load(tiny_vit, tmp_path)
    low = load(tiny_vit, tmp_path, precision=precision, runtime="torch")
    files = sorted((photos / "coco-cc").glob("*.jpg"))[:4]
    images = [Image.open(file).convert("RGB") for file in files]
    assert (encode(low, images) * encode(full, images)).sum(axis=1).min() > 0.99
    texts = ["a dog on the beach", "two red cats on a sofa"]
    assert (low.encode_texts(texts) * full.encode_texts(texts)).sum(axis=1).min() > 0.99


def test_broken_weights_are_an_error_that_names_the_model_and_the_rows(
    save_tiny: Callable[..., Path], tiny_vit: Path, tmp_path: Path
) -> None:
    model_cfg = json.loads((tiny_vit / "open_clip_config.json").read_text())["model_cfg"]

    def break_images(weights: dict[str, Any]) -> None:
        weights["visual.proj"][0, 0] = float("nan")

    encoder = load(save_tiny(model_cfg, edit=break_images), tmp_path)
    message = f"{encoder.name} produced NaN for 3 of 3 images"
    with pytest.raises(EncoderError, match=message) as caught:
        encoder.encode_images(np.zeros((3, 48, 48, 3), np.uint8))
    assert caught.value.bad_rows == (0, 1, 2)
    assert encoder.encode_texts(["the texts are well"]).shape == (1, 24)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((1, 48, 47, 3), np.uint8),
        np.zeros((48, 48, 3), np.uint8),
        np.zeros((1, 3, 48, 48), np.uint8),
        np.zeros((1, 48, 48, 3), np.float32),
    ],
)
def test_pixels_of_another_kind_are_refused(pixels: Any, tiny_vit: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"takes uint8 \(n, 48, 48, 3\)"):
        load(tiny_vit, tmp_path).encode_images(pixels)


def test_read_only_and_strided_pixels_are_welcome(tiny_vit: Path, tmp_path: Path) -> None:
    encoder = load(tiny_vit, tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (6, 48, 48, 3), dtype=np.uint8)
    expected = encoder.encode_images(pixels)
    before = pixels.copy()
    np.testing.assert_allclose(encoder.encode_images(pixels[::2]), expected[::2], atol=1e-5)
    pixels.flags.writeable = False
    np.testing.assert_allclose(encoder.encode_images(pixels), expected, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_images(pixels[:, ::-1][:, ::-1]), expected, atol=1e-5)
    assert (pixels == before).all()


def test_endless_and_odd_texts(tiny_vit: Path, tmp_path: Path) -> None:
    encoder = load(tiny_vit, tmp_path)
    odd = b"\xff\xfe caf\xe9".decode("utf-8", "surrogateescape")
    texts = ["dog " * 500_000, "x" * 2_000_000, "", "\0", odd, "\U0001f415" * 1000]
    assert np.isfinite(encoder.encode_texts(texts)).all()


def test_nothing_is_said_and_no_logging_is_set_up(tiny_vit: Path, tmp_path: Path) -> None:
    root = logging.getLogger()
    handlers, filters = list(root.handlers), list(root.filters)
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        load(tiny_vit, tmp_path).encode_texts(["a"])
    assert (out.getvalue(), err.getvalue()) == ("", "")
    assert (root.handlers, root.filters) == (handlers, filters)


@pytest.mark.parametrize("device", ["cuda:99", "toaster", "mps:7"])
def test_a_device_that_is_not_here(device: str, tiny_vit: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=device) as caught:
        load(tiny_vit, tmp_path, device=device)
    assert "cpu" in caught.value.hint


def test_a_precision_nobody_knows(tiny_vit: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="int3"):
        load(tiny_vit, tmp_path, precision="int3")


def test_torch_and_torchvision_that_do_not_fit_are_explained(
    tiny_vit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import builtins

    honest = builtins.__import__

    def broken(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "open_clip":
            raise RuntimeError("operator torchvision::nms does not exist")
        return honest(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(ModelUnavailableError, match="torchvision::nms does not exist") as caught:
        load(tiny_vit, tmp_path)
    assert "from one place" in caught.value.hint
