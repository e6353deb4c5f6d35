"""The model that is shipped, and the trainer it came from."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from open_clip.tokenizer import SimpleTokenizer

from searchengine.demo.captions import Language, caption, restate
from searchengine.demo.evaluate import MODEL_FOLDER, Encoder, evaluate
from searchengine.demo.network import CONTEXT_LENGTH, build_model, encode_tokens
from searchengine.demo.pool import draw_pool, look, training_scenes
from searchengine.demo.scenes import sample_scene
from searchengine.demo.train import Settings, train


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load(MODEL_FOLDER)


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    return evaluate(MODEL_FOLDER, count=300, seed=2024)


def test_the_model_is_small_and_complete() -> None:
    names = {path.name for path in MODEL_FOLDER.iterdir()}
    assert {"open_clip_config.json", "open_clip_model.safetensors", "figures.json"} <= names
    assert sum(path.stat().st_size for path in MODEL_FOLDER.iterdir()) <= 12_000_000


def test_retrieval_figures_hold(figures: dict[str, Any]) -> None:
    english, chinese = figures["text_to_image"]["en"], figures["text_to_image"]["zh"]
    assert english["R@1"] >= 0.85
    assert english["R@5"] >= 0.97
    assert chinese["R@1"] >= english["R@1"] - 0.05
    assert chinese["R@5"] >= english["R@5"] - 0.05


def test_altered_pictures_are_found(figures: dict[str, Any]) -> None:
    assert min(figures["image_to_image_R@1"].values()) >= 0.95


def test_published_figures_meet_what_is_promised() -> None:
    published = json.loads((MODEL_FOLDER / "figures.json").read_text(encoding="utf-8"))
    assert published["scenes"] == 1000
    assert published["text_to_image"]["en"]["R@1"] >= 0.8
    assert published["text_to_image"]["en"]["R@5"] >= 0.97


@pytest.mark.parametrize("language", ["en", "zh"])
def test_captions_fit_the_context(language: Language) -> None:
    tokenizer, rng = SimpleTokenizer(), random.Random(0)
    scenes = [sample_scene(rng) for _ in range(1500)]
    told = [caption(scene, language) for scene in scenes]
    told += [restate(scene, language, rng) for scene in scenes]
    # Two more tokens mark the start and the end.
    assert max(len(tokenizer.encode(text)) for text in told) + 2 <= CONTEXT_LENGTH


def test_short_encoding_equals_open_clip(encoder: Encoder) -> None:
    tokens = encoder.tokenizer(["a red boat", "三颗黄色的小星星", "two large blue cats at night"])
    with torch.inference_mode():
        expected = encoder.model.encode_text(tokens)
        torch.testing.assert_close(
            encode_tokens(encoder.model, tokens), expected, rtol=1e-4, atol=1e-5
        )


def test_looks_keep_shape_and_range() -> None:
    pictures = torch.full((6, 3, 112, 112), 255, dtype=torch.uint8)
    views = look(pictures, torch.Generator().manual_seed(1))
    assert views.shape == (6, 3, 96, 96)
    assert views.dtype == torch.float32
    assert views.max() <= 2
    assert views.min() >= -2


def test_a_few_steps_lower_the_loss() -> None:
    settings = Settings(steps=14, batch=32, second_views=8, pool=32, rate=3e-3, warmup=3)
    pool = draw_pool(training_scenes(settings.pool, seed=1), workers=1)
    model, losses = train(pool, settings)
    assert sum(losses[-3:]) < sum(losses[:3]) - 0.5
    again, repeated = train(pool, Settings(**{**_fields(settings), "steps": 2}))
    assert losses[0] == pytest.approx(repeated[0], rel=1e-4)
    assert not model.training
    assert not again.training
    assert type(model) is type(build_model())


def _fields(settings: Settings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__}
