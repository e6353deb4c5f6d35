"""Each runtime against torch at fp32, on real models made small."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from searchengine.encoders import describe_model, load_encoder
from searchengine.encoders.contract import calls_at_a_time
from searchengine.encoders.openclip import OpenClipEncoder
from searchengine.encoders.towers.contract import Towers
from searchengine.errors import EncoderError, UnsupportedError
from tests.encoders.conftest import TINY_VIT

CALLS = ((1, 1), (40, -1), (9, 1), (17, -1), (3, 1), (24, -1))
"""Numbers of pictures, and whether their colours are turned round: no two are alike."""
TEXTS = ["a dog", "", "two red cats on a sofa", "word " * 50]


def load(folder: Path, cache_dir: Path, **options: Any) -> OpenClipEncoder:
    encoder = load_encoder(f"local-dir:{folder}", cache_dir=cache_dir, device="cpu", **options)
    assert isinstance(encoder, OpenClipEncoder)
    return encoder


def pixels_for(encoder: OpenClipEncoder, count: int) -> Any:
    height, width = encoder.card.image_size
    return np.random.default_rng(3).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Exporting takes a second a model: once for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("model", ["tiny_vit", "tiny_resnet", "tiny_coca", "tiny_timm"])
@pytest.mark.parametrize("runtime", ["openvino", "onnx"])
def test_it_gives_what_torch_gives(
    runtime: str, model: str, cache: Path, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(model)
    full = load(folder, cache, runtime="torch", precision="fp32")
    other = load(folder, cache, runtime=runtime, precision="fp32")
    assert isinstance(other.towers, Towers)
    assert other.towers.name == f"{runtime} fp32 on cpu"
    assert other.card == full.card
    assert other.card == describe_model(
        f"local-dir:{folder}", runtime=runtime, precision="fp32", cache_dir=cache
    )
    pixels = pixels_for(full, 19)  # more than a pass, and not a whole number of them
    for ours, theirs in (
        (other.encode_images(pixels), full.encode_images(pixels)),
        (other.encode_texts(TEXTS), full.encode_texts(TEXTS)),
    ):
        np.testing.assert_allclose(ours, theirs, atol=2e-5)
    assert other.encode_images(pixels[:0]).shape == (0, full.dim)
    np.testing.assert_allclose(
        other.encode_images(pixels[::-3]), full.encode_images(pixels)[::-3], atol=2e-5
    )


def test_calls_side_by_side_get_each_their_own(tiny_vit: Path, cache: Path) -> None:
    encoder = load(tiny_vit, cache, runtime="openvino", precision="fp32")
    assert calls_at_a_time(encoder) == 2
    batches = [pixels_for(encoder, count)[:, :, :, ::step] for count, step in CALLS]
    expected = [encoder.encode_images(pixels) for pixels in batches]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            for ours, theirs in zip(
                pool.map(encoder.encode_images, batches), expected, strict=True
            ):
                np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_a_call_that_fails_leaves_the_tower_as_it_was(tiny_vit: Path, cache: Path) -> None:
    encoder = load(tiny_vit, cache, runtime="openvino", precision="fp32")
    pixels = pixels_for(encoder, 40)
    expected = encoder.encode_images(pixels)
    for _ in range(10):  # more often than there are passes that may be under way
        with pytest.raises(EncoderError, match="OpenVINO failed"):
            encoder.towers.images(pixels[:, :7])
    np.testing.assert_allclose(encoder.encode_images(pixels), expected, atol=2e-5)


def test_the_shipped_model_keeps_its_fingerprint_at_the_chosen_precision(cache: Path) -> None:
    full = load_encoder("drawn-scenes", precision="fp32", cache_dir=cache)
    fast = load_encoder("drawn-scenes", runtime="openvino", cache_dir=cache)
    assert isinstance(fast, OpenClipEncoder)
    assert fast.fingerprint == full.fingerprint
    pixels = pixels_for(fast, 8)
    assert (fast.encode_images(pixels) * full.encode_images(pixels)).sum(axis=1).min() > 0.998
    texts = ["a red fox above a blue house", "two birds"]
    assert (fast.encode_texts(texts) * full.encode_texts(texts)).sum(axis=1).min() > 0.998


def test_a_compiled_model_runs_without_torch_and_tells_nobody(
    tiny_vit: Path, cache: Path, tmp_path: Path
) -> None:
    load(tiny_vit, cache, runtime="openvino", precision="fp32")
    code = f"""
import socket, sys
def refuse(*args, **kwargs):
    raise SystemExit("somebody wants the network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
import numpy as np
from pathlib import Path
from searchengine.encoders import load_encoder
encoder = load_encoder({f"local-dir:{tiny_vit}"!r}, runtime="openvino", precision="fp32",
                       cache_dir=Path({str(cache)!r}))
assert encoder.encode_images(np.zeros((3, 48, 48, 3), np.uint8)).shape == (3, 24)
assert encoder.encode_texts(["a dog"]).shape == (1, 24)
print(*[m for m in ("torch", "open_clip", "openvino_telemetry") if m in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(tmp_path), "USERPROFILE": str(tmp_path)},
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
    assert list(tmp_path.iterdir()) == []  # no identity is written into the home


@pytest.mark.parametrize(("name", "kept"), [("image.xml", 100), ("text.bin", 0)])
def test_damaged_compiled_files_are_made_anew(
    name: str, kept: int, tiny_vit: Path, tmp_path: Path
) -> None:
    encoder = load(tiny_vit, tmp_path, runtime="openvino", precision="fp32")
    pixels = pixels_for(encoder, 2)
    images, texts = encoder.encode_images(pixels), encoder.encode_texts(TEXTS)
    (path,) = tmp_path.rglob(name)
    damaged = path.read_bytes()[:kept]
    path.unlink()  # not cut short in place: the first encoder has it mapped
    path.write_bytes(damaged)
    again = load(tiny_vit, tmp_path, runtime="openvino", precision="fp32")
    np.testing.assert_allclose(again.encode_images(pixels), images, atol=1e-6)
    np.testing.assert_allclose(again.encode_texts(TEXTS), texts, atol=1e-6)


@pytest.mark.parametrize("runtime", ["openvino", "onnx"])
def test_files_of_the_right_size_and_wrong_content_are_made_anew(
    runtime: str, tiny_vit: Path, tmp_path: Path
) -> None:
    load(tiny_vit, tmp_path, runtime=runtime, precision="fp32")
    (path,) = tmp_path.rglob("image.xml" if runtime == "openvino" else "image.onnx")
    size = path.stat().st_size
    path.unlink()
    path.write_bytes(b"<" * size)
    encoder = load(tiny_vit, tmp_path, runtime=runtime, precision="fp32")
    assert encoder.encode_images(pixels_for(encoder, 2)).shape == (2, 24)


def test_a_low_precision_asked_for_has_its_own_space_unless_it_is_the_same(
    tiny_vit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from searchengine.encoders import interchange

    name = f"local-dir:{tiny_vit}"
    full = describe_model(name, cache_dir=tmp_path)
    wish: dict[str, Any] = {"runtime": "torch", "precision": "bf16", "device": "cpu"}
    assert describe_model(name, cache_dir=tmp_path, **wish) is None  # nobody has compared it yet
    for limit, same in ((0.5, True), (1.1, False)):
        monkeypatch.setattr(interchange, "COSINE", limit)
        monkeypatch.setattr(interchange, "OVERLAP", 0.0)
        cache_dir = tmp_path / str(same)
        encoder = load_encoder(name, cache_dir=cache_dir, **wish)
        assert isinstance(encoder, OpenClipEncoder)
        assert encoder.towers.name == "torch bf16 on cpu"
        assert (encoder.card == full) is same
        assert describe_model(name, cache_dir=cache_dir, **wish) == encoder.card


def test_towers_that_cannot_be_exported(
    tiny_vit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    import torch

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("Unsupported: ONNX export of operator aten::wonder\nat line 7")

    monkeypatch.setattr(torch.onnx, "export", refuse)
    with pytest.raises(
        UnsupportedError, match=r"image tower cannot be exported .*wonder"
    ) as caught:
        load(tiny_vit, tmp_path, runtime="openvino")
    assert "model.runtime=torch" in caught.value.hint
    with caplog.at_level(logging.WARNING):
        encoder = load(tiny_vit, tmp_path, precision="bf16")
    assert encoder.towers.runtime == "torch"
    caplog.clear()
    load(tiny_vit, tmp_path, precision="bf16")
    assert caplog.text == ""  # remembered


def test_other_runtimes_are_for_the_cpu(tiny_vit: Path, tmp_path: Path) -> None:
    for runtime in ("openvino", "onnx"):
        with pytest.raises(UnsupportedError, match="runs on the CPU here, not on 'cuda'"):
            load_encoder(
                f"local-dir:{tiny_vit}", runtime=runtime, device="cuda", cache_dir=tmp_path
            )
    with pytest.raises(UnsupportedError, match="no fp16"):
        load(tiny_vit, tmp_path, runtime="openvino", precision="fp16")


def test_a_runtime_that_is_not_installed(
    tiny_vit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for runtime, module in (("openvino", "openvino"), ("onnx", "onnxruntime")):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(UnsupportedError, match=f"{module} cannot be imported") as caught:
            load(tiny_vit, tmp_path, runtime=runtime, precision="fp32")
        assert "pip install" in caught.value.hint


@pytest.mark.parametrize("runtime", ["openvino", "onnx"])
def test_texts_of_every_length_are_read_as_far_as_they_count(
    runtime: str, save_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    """Alone and by the many, in every shape the towers are compiled for."""
    text_cfg = {**TINY_VIT["text_cfg"], "context_length": 40}
    folder = save_tiny({**TINY_VIT, "text_cfg": text_cfg})
    texts = [" ".join(["dog"] * count) for count in (0, 1, 14, 15, 20, 30, 31, 37, 38, 60)]
    full = load(folder, tmp_path, runtime="torch", precision="fp32")
    other = load(folder, tmp_path, runtime=runtime, precision="fp32")
    expected = full.encode_texts(texts)
    np.testing.assert_allclose(other.encode_texts(texts), expected, atol=2e-5)
    np.testing.assert_allclose(other.encode_texts(texts * 4), np.tile(expected, (4, 1)), atol=2e-5)
    alone = np.concatenate([other.encode_texts([text]) for text in texts])
    np.testing.assert_allclose(alone, expected, atol=2e-5)
    assert other.encode_texts([]).shape == (0, full.dim)


def test_a_runtime_that_gives_other_vectors_is_refused(
    tiny_vit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from searchengine.encoders.towers.openvino_towers import OpenVinoTowers

    honest = OpenVinoTowers.texts
    monkeypatch.setattr(OpenVinoTowers, "texts", lambda self, tokens: 0 * honest(self, tokens))
    with pytest.raises(UnsupportedError, match="openvino does not give the vectors that torch"):
        load(tiny_vit, tmp_path, runtime="openvino")
    encoder = load(tiny_vit, tmp_path, precision="bf16")  # whoever runs it, it has to run
    assert encoder.towers.name == "torch bf16 on cpu"
