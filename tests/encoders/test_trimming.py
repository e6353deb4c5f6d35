from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from searchengine.encoders.architectures import architecture_config, architectures
from searchengine.encoders.files import ModelFiles, local_files
from searchengine.encoders.names import parse_model
from searchengine.encoders.tokenizers import load_tokenizer
from searchengine.encoders.towers import torch_towers
from searchengine.encoders.towers.short_texts import has_plain_blocks
from searchengine.encoders.towers.torch_towers import TorchTowers
from searchengine.encoders.trimming import EndMark, bucket, end_mark, padded, passes

from .conftest import TINY_COCA, TINY_TIMM, TINY_VIT

EOS = {**TINY_VIT, "custom_text": True}
EOS["text_cfg"] = {
    **TINY_VIT["text_cfg"],
    "pool_type": "eos",
    "eos_id": 49407,
    "context_length": 40,
}
LONG_VIT = {**TINY_VIT, "text_cfg": {**TINY_VIT["text_cfg"], "context_length": 40}}
PROJECTED = copy.deepcopy(EOS)
PROJECTED["text_cfg"] |= {"proj_bias": True, "ls_init_value": 0.1, "pool_type": "argmax"}
UNPROJECTED = copy.deepcopy(EOS)
UNPROJECTED["text_cfg"] |= {"proj_type": "none", "width": 24}
TEXTS = [
    "a red car",
    "",
    "a dog that runs after a ball in the snow of a garden",
    "end <end_of_text> x",
]
TEXTS += [" ".join(["word"] * count) for count in (12, 13, 14, 15, 30, 38, 39, 99)]


def files_of(folder: Path) -> ModelFiles:
    return local_files(parse_model(f"local-dir:{folder}"), folder)


def whole(towers: TorchTowers, tokens: Any) -> Any:
    import torch

    with torch.inference_mode():
        return towers.model.encode_text(torch.from_numpy(tokens)).float().numpy()


@pytest.mark.parametrize(
    "model_cfg", [LONG_VIT, EOS, PROJECTED, UNPROJECTED], ids=["clip", "eos", "biased", "bare"]
)
def test_texts_that_are_cut_at_their_end_keep_their_vectors(
    model_cfg: dict[str, Any], save_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    files = files_of(save_tiny(model_cfg))
    towers = TorchTowers(files, device="cpu", precision="fp32", cache_dir=tmp_path)
    tokens = load_tokenizer(files)(TEXTS)
    read: list[int] = []
    rows = towers.texts(tokens)
    embedding = getattr(towers.model, "text", towers.model).token_embedding
    embedding.register_forward_pre_hook(lambda _, given: read.append(given[0].shape[1]))
    again = towers.texts(tokens[:2])
    assert read == [8]
    assert (again == towers.texts(tokens[:2])).all()
    np.testing.assert_allclose(rows, whole(towers, tokens), rtol=0, atol=1e-5 * np.abs(rows).max())


def test_blocks_of_another_kind_are_left_to_open_clip(
    save_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    files = files_of(save_tiny(LONG_VIT))
    towers = TorchTowers(files, device="cpu", precision="fp32", cache_dir=tmp_path)
    transformer = getattr(towers.model, "text", towers.model).transformer
    called: list[int] = []
    transformer.register_forward_hook(lambda *_: called.append(1))
    tokens = load_tokenizer(files)(TEXTS[:2])
    before = towers.texts(tokens)
    called.clear()  # the first texts are read both ways
    assert (towers.texts(tokens) == before).all()
    assert has_plain_blocks(transformer)
    assert not called

    block = transformer.resblocks[1]

    class Idle(type(block)):  # type: ignore[misc]
        def forward(self, rows: Any, *_: Any, **__: Any) -> Any:
            return rows

    block.__class__ = Idle
    assert not has_plain_blocks(transformer)
    changed = towers.texts(tokens)
    assert called
    np.testing.assert_allclose(changed, whole(towers, tokens), rtol=0, atol=1e-5)
    assert np.abs(changed - before).max() > 1e-3


@pytest.mark.parametrize("model_cfg", [TINY_COCA, TINY_TIMM], ids=["coca", "siglip"])
def test_towers_that_read_all_of_a_context_get_it(
    model_cfg: dict[str, Any], save_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    assert end_mark(model_cfg) is None
    files = files_of(save_tiny(model_cfg))
    towers = TorchTowers(files, device="cpu", precision="fp32", cache_dir=tmp_path)
    tokens = load_tokenizer(files)(TEXTS)
    assert (towers.texts(tokens) == whole(towers, tokens)).all()


def test_a_tower_that_disagrees_is_read_whole_and_it_is_said_once(
    save_tiny: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As when another OpenCLIP put a step in between."""
    files = files_of(save_tiny(LONG_VIT))
    tokens = load_tokenizer(files)(TEXTS)
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        wrong = lambda model, mark: lambda some: model.encode_text(some) + 1  # noqa: E731
        patch.setattr("searchengine.encoders.towers.short_texts.short_texts", wrong)
        for _ in range(2):
            towers = TorchTowers(files, device="cpu", precision="fp32", cache_dir=tmp_path)
            assert (towers.texts(tokens) == whole(towers, tokens)).all()
    ours = [one.message for one in caplog.records if one.name.startswith("searchengine")]
    assert ours == [f"{files.ref} reads texts whole: cut at their end they differ"]


def test_the_check_is_made_once(
    save_tiny: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = files_of(save_tiny(LONG_VIT))
    tokens = load_tokenizer(files)(TEXTS)
    first = TorchTowers(files, device="cpu", precision="fp32", cache_dir=tmp_path).texts(tokens)
    monkeypatch.delattr(torch_towers, "checked_short_texts")
    again = TorchTowers(files, device="cpu", precision="fp32", cache_dir=tmp_path).texts(tokens)
    assert (again == first).all()


def test_what_openclips_architectures_read() -> None:
    marks = {name: end_mark(architecture_config(name)) for name in architectures()}
    assert marks["ViT-B-32-256"] == EndMark(None)
    assert marks["MobileCLIP-B"] == EndMark(None)
    assert marks["MobileCLIP-S1"] is None  # it looks both ways
    for name, mark in marks.items():
        if "SigLIP" in name or name.startswith(("coca", "roberta", "xlm", "nllb", "mt5")):
            assert mark is None, name


def test_lengths_end_with_the_mark() -> None:
    tokens = np.array([[9, 1, 99, 0, 0], [9, 99, 99, 0, 0], [9, 1, 2, 3, 99]])
    assert EndMark(None).lengths(tokens).tolist() == [3, 2, 5]
    assert EndMark(99).lengths(tokens).tolist() == [3, 2, 5]
    assert EndMark(2).lengths(tokens).tolist() == [1, 1, 3]


def test_passes_put_like_lengths_together() -> None:
    lengths = [70, 3, 20, 5, 77, 17]
    tokens = np.zeros((len(lengths), 77), np.int64)
    for row, length in zip(tokens, lengths, strict=True):
        row[: length - 1], row[length - 1] = 7, 99
    seen = list(passes(tokens, EndMark(None), 2))
    assert [places.tolist() for places, _ in seen] == [[1, 3], [5, 2], [0, 4]]
    assert [some.shape[1] for _, some in seen] == [8, 20, 77]
    for places, some in seen:
        assert (some == tokens[places, : some.shape[1]]).all()
        assert not tokens[places, some.shape[1] :].any()
    assert [some.shape for _, some in passes(tokens, None, 4)] == [(4, 77), (2, 77)]
    assert list(passes(tokens[:0], EndMark(None), 4)) == []


def test_shapes_hold_what_they_are_for() -> None:
    for context in (12, 20, 32, 64, 77):
        for length in range(1, context + 1):
            for shape in (padded(length, context), bucket(length, context)):
                assert length <= shape <= context
    assert [bucket(length, 77) for length in (1, 16, 17, 32, 33, 77)] == [16, 16, 32, 32, 77, 77]
