from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from searchengine.encoders import ModelCard, describe_model
from searchengine.encoders.fingerprint import fingerprint
from searchengine.encoders.preprocess import Preprocess

MODEL = {"embed_dim": 4, "vision_cfg": {"image_size": 8}, "text_cfg": {"context_length": 6}}
BASE: dict[str, Any] = {
    "model_cfg": MODEL,
    "weights_hash": "00",
    "preprocess": Preprocess((8, 8)),
    "precision": "fp32",
}


def test_it_is_fixed_for_all_time() -> None:
    # If this fails, everybody's collections stop opening: raise the scheme instead, on purpose.
    assert fingerprint(**BASE) == "26304eb27a1107788dd0733b1dd06f28"


@pytest.mark.parametrize(
    "change",
    [
        {"model_cfg": {**MODEL, "embed_dim": 5}},
        {"model_cfg": {**MODEL, "quick_gelu": True}},
        {"model_cfg": {**MODEL, "vision_cfg": {"image_size": 8, "pool_type": "avg"}}},
        {"weights_hash": "01"},
        {"precision": "bf16"},
        {"tokenizer_hash": "t"},
        {"preprocess": Preprocess((8, 9))},
        {"preprocess": Preprocess((8, 8), resize_mode="squash")},
        {"preprocess": Preprocess((8, 8), interpolation="bilinear")},
        {"preprocess": Preprocess((8, 8), fill=1)},
        {"preprocess": Preprocess((8, 8), mean=(0.5, 0.5, 0.5))},
        {"preprocess": Preprocess((8, 8), std=(0.5, 0.5, 0.5))},
    ],
)
def test_whatever_changes_vectors_changes_it(change: dict[str, Any]) -> None:
    changed = fingerprint(**{**BASE, **change})
    assert changed != fingerprint(**BASE)
    assert re.fullmatch("[0-9a-f]{32}", changed)


def test_the_order_of_keys_and_the_source_of_first_weights_do_not() -> None:
    model = {
        "text_cfg": {"context_length": 6, "hf_model_pretrained": True},
        "vision_cfg": {"timm_model_pretrained": False, "image_size": 8},
        "embed_dim": 4,
    }
    assert fingerprint(**{**BASE, "model_cfg": model}) == fingerprint(**BASE)


def describe(folder: Path, tmp_path: Path, **options: Any) -> ModelCard:
    card = describe_model(f"local-dir:{folder}", cache_dir=tmp_path / "cache", **options)
    assert card is not None
    return card


def test_a_folder_is_described(tiny_vit: Path, tmp_path: Path) -> None:
    card = describe(tiny_vit, tmp_path)
    assert card.name == f"local-dir:{tiny_vit}"
    assert (card.dim, card.image_size, card.context_length) == (24, (48, 48), 20)
    assert describe(tiny_vit, tmp_path) == card
    assert describe(tiny_vit, tmp_path, precision="fp32") == card
    assert describe(tiny_vit, tmp_path, precision="int8").fingerprint != card.fingerprint


def test_a_copy_elsewhere_has_the_same_print(tiny_vit: Path, tmp_path: Path) -> None:
    copy = tmp_path / "somewhere else"
    shutil.copytree(tiny_vit, copy)
    (copy / "README.md").write_text("notes")
    assert describe(copy, tmp_path).fingerprint == describe(tiny_vit, tmp_path).fingerprint


def test_other_weights_or_settings_have_another(
    tiny_vit: Path, tmp_path: Path, save_tiny: Callable[..., Path]
) -> None:
    config = json.loads((tiny_vit / "open_clip_config.json").read_text())
    retrained = save_tiny(config["model_cfg"], config["preprocess_cfg"], seed=1)
    blurred = save_tiny(config["model_cfg"], {**config["preprocess_cfg"], "std": 0.5})
    folders = (tiny_vit, retrained, blurred)
    assert len({describe(folder, tmp_path).fingerprint for folder in folders}) == 3


def test_tokenizer_files_count_where_the_model_brings_them(tiny_vit: Path, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    shutil.copytree(tiny_vit, folder)
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"]["hf_tokenizer_name"] = "org/name"
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    prints = set()
    for content in ("{}", '{"a": 1}'):
        (folder / "tokenizer.json").write_text(content)
        prints.add(describe(folder, tmp_path).fingerprint)
    assert len(prints) == 2
