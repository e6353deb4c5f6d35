"""Templates around a query's words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from searchengine.encoders import presets
from searchengine.encoders.contract import Vectors
from searchengine.encoders.fake import FakeEncoder
from searchengine.encoders.presets import PROMPTS, load_presets
from searchengine.errors import EncoderError, QueryError, SettingsError
from searchengine.query import prompts
from searchengine.query.prompts import (
    default_prompts,
    encode_in_templates,
    encode_prompted,
    language_of,
    load_templates,
)


class Listening(FakeEncoder):
    """Keeps what it was given to read."""

    def __init__(self, **options: str) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.read: list[str] = []

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        self.read += texts
        return super().encode_texts(texts)


@pytest.fixture
def fresh() -> Iterator[None]:
    caches = (load_templates, load_presets, presets._document)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def test_off_reads_the_texts_as_they_are() -> None:
    encoder = Listening()
    texts = ["a red boat", "一艘红色船", "{}"]
    found = encode_prompted(encoder, texts, "off")
    assert encoder.read == texts
    assert (found == FakeEncoder().encode_texts(texts)).all()


def test_single_reads_each_text_in_the_template_of_its_language() -> None:
    encoder = Listening()
    found = encode_prompted(encoder, ["a red boat", "红色的船"], "single")
    assert encoder.read == ["a photo of a red boat", "一张红色的船的照片"]
    assert found == pytest.approx(FakeEncoder().encode_texts(encoder.read), abs=1e-6)


def test_an_ensemble_is_the_mean_of_unit_vectors_at_unit_length() -> None:
    encoder = Listening()
    found = encode_prompted(encoder, ["a red boat", "猫"], "ensemble")
    assert found.shape == (2, encoder.dim)
    assert found.dtype == np.float32
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-6)
    templates = load_templates()["ensemble"]
    for row, text in enumerate(["a red boat", "猫"]):
        lines = [t.replace("{}", text) for t in templates[language_of(text)]]
        assert set(lines) <= set(encoder.read)
        mean = FakeEncoder().encode_texts(lines).mean(axis=0)
        assert found[row] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)


def test_many_texts_are_read_in_batches_and_keep_their_order() -> None:
    texts = [f"{colour} thing {n}" for n in range(30) for colour in ("red", "green", "blue")]
    together = encode_prompted(FakeEncoder(), texts, "ensemble")
    alone = np.concatenate([encode_prompted(FakeEncoder(), [t], "ensemble") for t in texts])
    assert together == pytest.approx(alone, abs=1e-6)


def test_braces_in_a_text_are_only_text() -> None:
    encoder = Listening()
    encode_prompted(encoder, ["a {} of {0} and {"], "single")
    assert encoder.read == ["a photo of a {} of {0} and {"]


def test_no_texts_give_no_vectors() -> None:
    for choice in PROMPTS:
        assert encode_prompted(FakeEncoder(), [], choice).shape == (0, 32)


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(QueryError, match="no prompts 'many'") as caught:
        encode_prompted(FakeEncoder(), ["a"], "many")
    assert "ensemble" in caught.value.hint


def test_a_bad_text_is_named_by_its_own_place() -> None:
    encoder = FakeEncoder(fail_on="broken")
    with pytest.raises(EncoderError) as caught:
        encode_prompted(encoder, ["fine", "broken", "fine too"], "ensemble")
    assert caught.value.bad_rows == (1,)
    templates = {"en": ["{}", "broken {}"], "zh": ["{}"]}
    with pytest.raises(EncoderError) as caught:
        encode_in_templates(encoder, ["猫", "a cat"], templates)  # type: ignore[arg-type]
    assert caught.value.bad_rows == (1,)


@pytest.mark.parametrize(
    ("text", "language"),
    [("a cat", "en"), ("猫", "zh"), ("a 猫", "zh"), ("", "en"), ("été", "en"), ("ネコ", "en")],
)
def test_the_language_goes_by_chinese_characters(text: str, language: str) -> None:
    assert language_of(text) == language


def test_every_preset_says_a_known_choice_and_others_are_off() -> None:
    for preset in load_presets().values():
        assert preset.prompts in PROMPTS
        assert default_prompts(preset.name) == default_prompts(preset.model) == preset.prompts
    assert default_prompts("local-dir:/somewhere") == "off"
    assert default_prompts("RN50/openai") == "off"


@pytest.mark.usefixtures("fresh")
def test_the_default_of_a_model_is_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = presets.config_file("models.yaml").read_text(encoding="utf-8")
    path = tmp_path / "models.yaml"
    monkeypatch.setattr(presets, "config_file", lambda name: path)
    path.write_text(shipped.replace("  fast:\n", '  fast:\n    prompts: "ensemble"\n'))
    assert default_prompts("fast") == "ensemble"
    assert default_prompts("ViT-B-32/datacomp_xl_s13b_b90k") == "ensemble"


@pytest.mark.parametrize("entry", ["off", "many", "[single]", "3"])
@pytest.mark.usefixtures("fresh")
def test_a_wrong_default_is_refused(
    entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = presets.config_file("models.yaml").read_text(encoding="utf-8")
    path = tmp_path / "models.yaml"
    monkeypatch.setattr(presets, "config_file", lambda name: path)
    path.write_text(shipped.replace("  fast:\n", f"  fast:\n    prompts: {entry}\n"))
    with pytest.raises(SettingsError, match=r"fast: prompts: .* is none of"):
        default_prompts("fast")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("single: [", "cannot be read"),
        ("just text", "must have the entries"),
        ("single: {en: ['{}'], zh: ['{}']}", "must have the entries"),
        ("single: 3\nensemble: 3", "must have lists for en and zh"),
        ("single: {en: ['{}']}\nensemble: 3", "must have lists for en and zh"),
        ("single: {en: '{}', zh: ['{}']}\nensemble: 3", "en is no list"),
        ("single: {en: [], zh: ['{}']}\nensemble: 3", "en is no list"),
        ("single: {en: ['a photo'], zh: ['{}']}\nensemble: 3", "has not one {} for the words"),
        ("single: {en: ['{} {}'], zh: ['{}']}\nensemble: 3", "has not one {} for the words"),
        ("single: {en: ['{}'], zh: [4]}\nensemble: 3", "zh: 4 has not one"),
    ],
)
@pytest.mark.usefixtures("fresh")
def test_a_wrong_file_is_refused_by_entry(
    document: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "prompts.yaml"
    path.write_text(document, encoding="utf-8")
    monkeypatch.setattr(prompts, "config_file", lambda name: path)
    with pytest.raises(SettingsError, match=message):
        load_templates()
