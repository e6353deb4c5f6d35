"""Models from the hub: a cache laid out as the hub's own stands in for the hub."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from searchengine.encoders import architectures, describe_model, load_encoder
from searchengine.encoders.memory import memory_file
from searchengine.encoders.openclip import OpenClipEncoder
from searchengine.errors import ModelUnavailableError, UnknownModelError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def put_in_cache(folder: Path, repository: str, cache: Path) -> Path:
    """Lay a model out as ``huggingface_hub`` does after downloading it."""
    base = cache / f"models--{repository.replace('/', '--')}"
    (base / "refs").mkdir(parents=True)
    (base / "refs" / "main").write_text(COMMIT)
    return Path(shutil.copytree(folder, base / "snapshots" / COMMIT))


@pytest.fixture
def tiny_architecture(
    tiny_vit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """OpenCLIP, extended by a small architecture with weights of two tags on the hub."""
    import open_clip
    from open_clip import factory, pretrained

    model_cfg = json.loads((tiny_vit / "open_clip_config.json").read_text())["model_cfg"]
    plain = {key: value for key, value in model_cfg.items() if key != "quick_gelu"}
    path = tmp_path / "Tiny-T.json"
    path.write_text(json.dumps(plain))
    monkeypatch.setitem(factory._MODEL_CONFIGS, "Tiny-T", plain)
    monkeypatch.setitem(architectures.architectures(), "Tiny-T", path)
    tags = {
        "openai": pretrained._pcfg(hf_hub="org/tiny/", quick_gelu=True),
        "named": pretrained._pcfg(hf_hub="org/named/weights.bin"),
    }
    monkeypatch.setitem(pretrained._PRETRAINED, "Tiny-T", tags)
    assert open_clip.list_pretrained_tags_by_model("Tiny-T") == ["openai", "named"]
    return plain


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("the network was asked")

    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    monkeypatch.setattr(huggingface_hub, "get_session", refuse)


def load(name: str, cache: Path) -> OpenClipEncoder:
    encoder = load_encoder(name, device="cpu", cache_dir=cache)
    assert isinstance(encoder, OpenClipEncoder)
    return encoder


def test_a_cached_repository_is_loaded_and_then_known(tiny_vit: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    put_in_cache(tiny_vit, "org/tiny", cache)
    assert describe_model("hf-hub:org/tiny", cache_dir=cache) is None
    encoder = load("hf-hub:org/tiny", cache)
    assert describe_model("hf-hub:org/tiny", cache_dir=cache) == encoder.card
    local = load(f"local-dir:{tiny_vit}", cache)
    assert local.fingerprint == encoder.fingerprint
    assert (local.encode_texts(["a"]) == encoder.encode_texts(["a"])).all()


def test_known_models_are_described_without_torch(tiny_vit: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    put_in_cache(tiny_vit, "org/tiny", cache)
    encoder = load("hf-hub:org/tiny", cache)
    code = (
        "import sys; from pathlib import Path; from searchengine.encoders import describe_model; "
        f"print(describe_model('hf-hub:org/tiny', cache_dir=Path({str(cache)!r})).fingerprint); "
        "assert not {'torch', 'open_clip', 'huggingface_hub'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == encoder.fingerprint


def test_a_pretrained_tag_gets_the_activation_it_was_trained_with(
    tiny_architecture: dict[str, Any], tiny_vit: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    put_in_cache(tiny_vit, "org/tiny", cache)
    encoder = load("Tiny-T/openai", cache)  # pytest would turn OpenCLIP's warning into an error
    assert describe_model("Tiny-T::openai", cache_dir=cache) == encoder.card
    with_quick_gelu = load(f"local-dir:{tiny_vit}", cache)
    assert (encoder.encode_texts(["a"]) == with_quick_gelu.encode_texts(["a"])).all()


def test_a_tag_with_a_file_of_its_own(
    tiny_architecture: dict[str, Any], tiny_vit: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    snapshot = put_in_cache(tiny_vit, "org/named", cache)
    (snapshot / "open_clip_model.safetensors").rename(snapshot / "weights.safetensors")
    plain = load("Tiny-T/named", cache)
    with_quick_gelu = load(f"local-dir:{tiny_vit}", cache)
    assert plain.fingerprint != with_quick_gelu.fingerprint
    assert not np.allclose(plain.encode_texts(["a"]), with_quick_gelu.encode_texts(["a"]))


def test_what_was_known_and_is_gone_is_not_known_any_more(tiny_vit: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    snapshot = put_in_cache(tiny_vit, "org/tiny", cache)
    load("hf-hub:org/tiny", cache)
    (snapshot / "open_clip_model.safetensors").unlink()
    assert describe_model("hf-hub:org/tiny", cache_dir=cache) is None


def test_another_open_clip_finds_everything_out_again(tiny_vit: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    put_in_cache(tiny_vit, "org/tiny", cache)
    load("hf-hub:org/tiny", cache)
    memory = memory_file(cache)
    record = json.loads(memory.read_text())
    record["models"]["hf-hub:org/tiny"]["open_clip"] = "0.0.1"
    memory.write_text(json.dumps(record))
    assert describe_model("hf-hub:org/tiny", cache_dir=cache) is None


def test_an_unknown_tag_is_refused_with_the_known_ones(
    tiny_architecture: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(UnknownModelError, match="no weights 'laion'") as caught:
        load("Tiny-T/laion", tmp_path)
    assert caught.value.hint == "it has: openai, named"


def answers(error: Exception | None) -> Callable[..., Any]:
    """A downloader that fails in a certain way."""

    def download(repository: str, name: str, **options: Any) -> str:
        assert error is not None
        raise error

    return download


def hub_error(kind: str) -> Exception:
    """An error of the hub's, without the answer it is usually made from."""
    from huggingface_hub import errors

    made: type[Exception] = getattr(errors, kind)
    return made.__new__(made, "no")


@pytest.mark.parametrize(
    ("error", "expected", "message"),
    [
        ("RepositoryNotFoundError", UnknownModelError, "no repository org/tiny"),
        ("GatedRepoError", ModelUnavailableError, "on request only"),
        ("RemoteEntryNotFoundError", UnknownModelError, "holds no OpenCLIP model"),
        (OSError(28, "No space left on device"), Exception, "no space left"),
        (ConnectionResetError("connection lost"), ModelUnavailableError, "connection lost"),
    ],
)
def test_what_the_hub_answers_is_translated(
    error: str | Exception,
    expected: type[Exception],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import huggingface_hub

    from searchengine.encoders import hub

    error = hub_error(error) if isinstance(error, str) else error
    monkeypatch.setattr(hub, "_knock", lambda ref, url: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", answers(error))
    with pytest.raises(expected, match=message) as caught:
        load("hf-hub:org/tiny", tmp_path)
    assert getattr(caught.value, "hint", "")


@pytest.mark.parametrize(
    "environment",
    [
        {"HF_HUB_OFFLINE": "1"},
        {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"},
    ],
    ids=["offline", "dead proxy"],
)
def test_weights_that_cannot_be_had_are_an_error_soon(
    environment: dict[str, str], tmp_path: Path
) -> None:
    code = f"""
from pathlib import Path
from searchengine.encoders import load_encoder
from searchengine.errors import ModelUnavailableError
try:
    load_encoder("balanced", cache_dir=Path({str(tmp_path)!r}))
except ModelUnavailableError as error:
    print(error, error.hint, sep="\\n")
"""
    clean = {key: value for key, value in os.environ.items() if key != "HF_HUB_OFFLINE"}
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert time.monotonic() - started < 20, "it must not wait for a dead network"
    message, hint = done.stdout.strip().splitlines()
    assert "ViT-B-32-256/datacomp_s34b_b86k" in message
    for way in ("network", "local-dir:PATH", "searchengine demo"):
        assert way in hint
    assert done.stderr == ""
