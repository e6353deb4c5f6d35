from __future__ import annotations

import json
from pathlib import Path

import pytest

from searchengine.encoders import describe_model, parse_model, presets
from searchengine.encoders.files import known_files
from searchengine.encoders.presets import default_model, load_presets
from searchengine.errors import SettingsError

GOOD = {
    "model": "m",
    "dim": 1,
    "image_size": 2,
    "weights_mb": 3,
    "languages": ["en"],
    "licence": "MIT",
    "note": "n",
}


def test_the_promised_names_are_there() -> None:
    assert list(load_presets()) == ["fast", "balanced", "best", "multilingual", "drawn-scenes"]
    assert default_model() == "balanced"
    assert load_presets()["balanced"].model == "ViT-B-32-256/datacomp_s34b_b86k"


@pytest.mark.parametrize("name", ["fast", "balanced", "best", "multilingual"])
def test_presets_say_what_open_clip_says(name: str) -> None:
    import open_clip

    preset = load_presets()[name]
    ref = parse_model(preset.model)
    assert str(ref) == preset.model
    assert (ref.name, ref.tag) in open_clip.list_pretrained()
    config = open_clip.get_model_config(ref.name)
    assert preset.dim == config["embed_dim"]
    assert preset.image_size == config["vision_cfg"]["image_size"]
    wants_transformers = bool(
        config["text_cfg"].get("hf_tokenizer_name") or config["text_cfg"].get("hf_model_name")
    )
    assert (preset.needs == "transformers") == wants_transformers
    assert len(preset.note) < 120


def test_the_model_that_ships_is_what_its_preset_says(tmp_path: Path) -> None:
    preset = load_presets()["drawn-scenes"]
    card = describe_model(preset.model, cache_dir=tmp_path)
    files = known_files(parse_model(preset.model), cache_dir=tmp_path)
    assert card is not None
    assert files is not None
    assert card.name == "drawn-scenes"
    assert card.dim == preset.dim
    assert card.image_size == (preset.image_size, preset.image_size)
    megabytes = files.weights.stat().st_size / 1e6
    assert preset.weights_mb - 1 < megabytes <= preset.weights_mb


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("presets: [", "cannot be read"),
        ("just text", "no table"),
        ("default: x", "has no presets"),
        (json.dumps({"presets": {"p": 3}}), "p is no table"),
        (json.dumps({"presets": {"p": {**GOOD, "dmi": 3}}}), "'dmi' is not known"),
        (json.dumps({"presets": {"p": {**GOOD, "dim": "big"}}}), "'big' is no positive number"),
        (json.dumps({"presets": {"p": {**GOOD, "languages": "en"}}}), "is no list"),
        (json.dumps({"presets": {"p": {"model": "m"}}}), "dim is missing"),
        (json.dumps({"default": "q", "presets": {"p": GOOD}}), "none of its presets"),
    ],
)
def test_a_wrong_file_is_refused_by_entry(
    document: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(document)
    monkeypatch.setattr(presets, "config_file", lambda name: path)
    caches = (presets._document, load_presets)
    for cache in caches:
        cache.cache_clear()
    try:
        with pytest.raises(SettingsError, match=message):
            default_model()
    finally:
        for cache in caches:
            cache.cache_clear()
