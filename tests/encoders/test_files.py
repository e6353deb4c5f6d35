from __future__ import annotations

import importlib.util
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from searchengine.encoders import describe_model, load_encoder
from searchengine.encoders.files import local_files
from searchengine.encoders.names import parse_model
from searchengine.errors import ModelUnavailableError

CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"


@pytest.fixture
def folder(tiny_vit: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_vit, tmp_path / "model"))


def edit_config(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / CONFIG).read_text())
    for path, value in changes.items():
        *parents, key = path.split("__")
        table = config
        for parent in parents:
            table = table[parent]
        table[key] = value
    (folder / CONFIG).write_text(json.dumps(config))


def refusal(folder: Path) -> str:
    """Return the message of describing the folder, which must fail."""
    with pytest.raises(ModelUnavailableError) as caught:
        describe_model(f"local-dir:{folder}", cache_dir=folder.parent)
    return str(caught.value)


def load_refusal(folder: Path) -> ModelUnavailableError:
    """Return the error of loading the folder, which must fail."""
    with pytest.raises(ModelUnavailableError) as caught:
        load_encoder(f"local-dir:{folder}", device="cpu", cache_dir=folder.parent)
    return caught.value


def test_no_folder(tmp_path: Path) -> None:
    assert str(tmp_path / "gone") in refusal(tmp_path / "gone")


def test_no_configuration(folder: Path) -> None:
    (folder / CONFIG).unlink()
    assert f"{folder / CONFIG} is missing" in refusal(folder)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "no JSON"),
        ("[]", "no model_cfg"),
        ("{}", "no model_cfg"),
        ('{"model_cfg": {}}', "no embed_dim"),
        ('{"model_cfg": {"embed_dim": 3, "vision_cfg": {}}}', "no text_cfg"),
    ],
)
def test_a_wrong_configuration(folder: Path, text: str, why: str) -> None:
    (folder / CONFIG).write_text(text)
    assert re.search(f"{CONFIG} is no OpenCLIP configuration.*{why}", refusal(folder))


def test_wrong_preprocessing(folder: Path) -> None:
    edit_config(folder, preprocess_cfg__resize_mode="stretch")
    assert "resize_mode 'stretch'" in refusal(folder)


def test_no_weights(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    assert f"{folder} holds no weights" in refusal(folder)


@pytest.mark.parametrize("kept", [0, 7, 5000])
def test_weights_cut_short(folder: Path, kept: int) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:kept])
    error = load_refusal(folder)
    assert f"{folder / WEIGHTS} cannot be loaded" in str(error)
    assert "fetch it again" in error.hint


def test_weights_of_another_shape(folder: Path) -> None:
    edit_config(folder, model_cfg__embed_dim=12)
    error = load_refusal(folder)
    assert f"{folder / WEIGHTS} cannot be loaded" in str(error)
    assert "size mismatch" in str(error)


def test_weights_with_a_tower_missing(folder: Path) -> None:
    edit_config(folder, model_cfg__text_cfg__layers=3)
    assert "Missing key" in str(load_refusal(folder))


def test_a_tower_nobody_knows(folder: Path) -> None:
    edit_config(folder, model_cfg__vision_cfg__timm_model_name="no_such_net")
    assert "cannot be built from its configuration" in str(load_refusal(folder))


@pytest.mark.parametrize(
    ("installed", "message"),
    [
        (False, "reads texts with the package transformers, which is not installed"),
        (True, "the tokenizer of local-dir:.* cannot be loaded"),
    ],
)
def test_a_tokenizer_that_is_not_there(
    folder: Path, installed: bool, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit_config(folder, model_cfg__text_cfg__hf_tokenizer_name="org/name")
    honest = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: installed or None if name == "transformers" else honest(name, *rest),
    )
    error = load_refusal(folder)
    assert re.search(message, str(error))
    assert error.hint


def test_pickles_that_run_code_are_not_run(folder: Path) -> None:
    import torch

    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (folder / "exploded",))

    (folder / WEIGHTS).unlink()
    torch.save({"state_dict": Bomb()}, folder / "open_clip_pytorch_model.bin")
    assert "cannot be loaded" in str(load_refusal(folder))
    assert not (folder / "exploded").exists()


def test_plain_torch_weights_are_loaded(folder: Path) -> None:
    import torch
    from safetensors.torch import load_file

    spelling = f"local-dir:{folder}"
    before = load_encoder(spelling, device="cpu", cache_dir=folder.parent).encode_texts(["a"])
    torch.save(load_file(folder / WEIGHTS), folder / "open_clip_pytorch_model.bin")
    (folder / WEIGHTS).unlink()
    after = load_encoder(spelling, device="cpu", cache_dir=folder.parent).encode_texts(["a"])
    assert (before == after).all()


@pytest.mark.parametrize(
    "names",
    [
        ("open_clip_model.safetensors", "open_clip_pytorch_model.bin", "a.safetensors"),
        ("open_clip_pytorch_model.bin", "model.safetensors"),
        ("b.bin", "c.safetensors", "a.safetensors", "a.pth"),
        ("z.pth", "b.bin"),
        ("model.pth", "a.safetensors", "notes.txt"),
    ],
)
def test_of_several_weights_the_same_is_taken_as_open_clip_takes(
    folder: Path, names: tuple[str, ...]
) -> None:
    from open_clip.factory import _find_checkpoint_in_dir

    (folder / WEIGHTS).unlink()
    for name in names:
        (folder / name).write_bytes(b"")
    ours = local_files(parse_model(f"local-dir:{folder}"), folder).weights
    assert str(ours) == _find_checkpoint_in_dir(folder)
