"""Scenes, their captions, and the split between training and everything else."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from itertools import islice

import pytest

from searchengine.demo.captions import Language, caption, glimpse, query, restate, split_of
from searchengine.demo.collection import held_out_scenes
from searchengine.demo.scenes import (
    COLOURS,
    KINDS,
    MAX_COUNT,
    MAX_GROUPS,
    RELATION_PLACES,
    Group,
    Scene,
    sample_scene,
    scene_key,
)


def _scenes(count: int, seed: int = 0) -> list[Scene]:
    rng = random.Random(seed)
    return [sample_scene(rng) for _ in range(count)]


def test_same_seed_same_scenes() -> None:
    assert _scenes(50, 3) == _scenes(50, 3)
    assert _scenes(50, 3) != _scenes(50, 4)


def test_scenes_stay_within_the_world() -> None:
    for scene in _scenes(2000):
        assert 1 <= len(scene.groups) <= MAX_GROUPS
        assert all(1 <= group.count <= MAX_COUNT for group in scene.groups)
        places = [group.place for group in scene.groups]
        assert len(set(places)) == len(places)
        if scene.relation is not None:
            assert tuple(places[:2]) == RELATION_PLACES[scene.relation]


def test_turning_a_relation_round_is_the_same_scene() -> None:
    cat = Group("cat", "red", 1, "large", "left")
    dog = Group("dog", "blue", 2, "small", "right")
    one = Scene("beach", (cat, dog), "left of", 1)
    other = Scene("beach", (dog, cat), "right of", 2)
    assert scene_key(one) == scene_key(other)
    assert split_of(one) == split_of(other)
    assert caption(one, "en") != caption(other, "en")


def test_splits_share_no_scene() -> None:
    keys: dict[str, set[str]] = {"train": set(), "held-out": set()}
    for scene in _scenes(20_000):
        keys[split_of(scene)].add(scene_key(scene))
    assert not keys["train"] & keys["held-out"]
    share = len(keys["held-out"]) / (len(keys["train"]) + len(keys["held-out"]))
    assert 0.08 < share < 0.12


def test_held_out_scenes_are_held_out_and_distinct() -> None:
    scenes = list(islice(held_out_scenes(5), 1000))
    assert {split_of(scene) for scene in scenes} == {"held-out"}
    assert len({scene_key(scene) for scene in scenes}) == len(scenes)
    for language in ("en", "zh"):
        assert len({caption(scene, language) for scene in scenes}) == len(scenes)


def test_canonical_captions() -> None:
    cat = Group("cat", "black", 1, "large", "left")
    house = Group("house", "orange", 3, "small", "right")
    leaf = Group("leaf", "green", 2, "small", "top")
    scene = Scene("snow", (cat, house, leaf), "left of", 0)
    assert caption(scene, "en") == (
        "a large black cat left of three small orange houses,"
        " two small green leaves at the top, in the snow"
    )
    assert caption(scene, "zh") == (
        "雪地里，一只黑色大猫在三栋橙色小房子左边，上面有两片绿色小叶子"
    )
    alone = Scene("sea", (cat,), None, 0)
    assert caption(alone, "en") == "a large black cat at the left on the sea"
    assert caption(alone, "zh") == "大海上，左边有一只黑色大猫"


@pytest.mark.parametrize(
    ("kind", "colour", "english", "chinese"),
    [
        ("boat", "red", "a red boat", "一艘红色船"),
        ("umbrella", "orange", "an orange umbrella", "一把橙色雨伞"),
        ("star", "yellow", "a yellow star", "一颗黄色星星"),
    ],
)
def test_queries(kind: str, colour: str, english: str, chinese: str) -> None:
    assert query(kind, colour, "en") == english
    assert query(kind, colour, "zh") == chinese


@pytest.mark.parametrize("language", ["en", "zh"])
def test_paraphrases_name_only_what_is_there(language: Language) -> None:
    rng = random.Random(1)
    for scene in _scenes(500):
        there = " ".join(f"{group.colour} {group.kind}" for group in scene.groups)
        for told in (glimpse(scene, language, rng), restate(scene, language, rng)):
            assert told
            assert told == told.strip()
            assert bool(re.search("[一-鿿]", told)) == (language == "zh")
            if language == "en":
                words = set(told.replace(",", "").split())
                assert all(kind in there for kind in words & set(KINDS))
                background = {"orange", "green"} if scene.background == "meadow" else set()
                assert all(colour in there for colour in words & set(COLOURS) - background)


def test_drawing_and_telling_need_nothing_heavy() -> None:
    code = (
        "import sys, searchengine.demo.draw, searchengine.demo.captions,"
        " searchengine.demo.collection; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
