"""Cases for ``bench/composed.py``: a drawn scene, what should be otherwise, and the scene meant.

Every case is one edit of one scene, told as a person would tell it: ``background`` (+ "in the
snow"), ``colour`` (+ "a blue cat"), ``add`` (+ "a red boat"), ``remove`` (- "a red cat"),
``kind`` (+ "a red dog" - "a red cat") and ``swap`` (+ "in the snow" - "on a beach").
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from searchengine.demo.captions import caption, query, split_of
from searchengine.demo.collection import held_out_scenes
from searchengine.demo.scenes import (
    BACKGROUNDS,
    COLOURS,
    KINDS,
    PLACES,
    RELATION_PLACES,
    Group,
    Scene,
    scene_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from searchengine.demo.captions import Language

EDITS = ("background", "colour", "add", "remove", "kind", "swap")


@dataclass(frozen=True, slots=True)
class Case:
    """``places`` index the gallery: the reference picture, and the one picture that is right."""

    edit: str
    language: Language
    texts: tuple[tuple[float, str], ...]
    """Weight (1 or -1) and words."""
    reference: int
    target: int


@dataclass(frozen=True, slots=True)
class Edited:
    """A scene after one edit, and the words for what was done."""

    scene: Scene
    texts: tuple[tuple[float, str], ...]


def build_cases(count: int, bystanders: int, seed: int) -> tuple[list[Case], list[Scene]]:
    """Return ``count`` cases of each edit, half in Chinese, and the gallery they are asked of.

    The gallery holds for each case the reference, the target and one scene for each of the other
    edits of the same reference; and ``bystanders`` unrelated scenes. All are of the held-out
    split and no caption is true of two of them. Each is drawn with other hills and another tilt.
    """
    rng = random.Random(f"composed {seed}")
    references = held_out_scenes(10_000 + seed)
    gallery: list[Scene] = []
    seen: set[str] = set()
    cases: list[Case] = []
    for number in range(count * len(EDITS)):
        language: Language = "zh" if number // len(EDITS) % 2 else "en"
        case, scenes = _case(EDITS[number % len(EDITS)], language, references, seen, rng)
        cases.append(
            replace(case, reference=len(gallery), target=len(gallery) + 1),
        )
        gallery += scenes
    for scene in references:
        if bystanders <= 0:
            break
        if scene_key(scene) not in seen:
            seen.add(scene_key(scene))
            gallery.append(scene)
            bystanders -= 1
    return cases, gallery


def _case(
    edit: str,
    language: Language,
    references: Iterator[Scene],
    seen: set[str],
    rng: random.Random,
) -> tuple[Case, list[Scene]]:
    """The next reference that the edit fits, its target, and its other variants."""
    for scene in references:
        taken = seen | {scene_key(scene)}
        if (
            scene_key(scene) in seen
            or (found := _held_out(edit, scene, language, taken, rng)) is None
        ):
            continue
        scenes = [scene, found.scene]
        taken.add(scene_key(found.scene))
        for other in EDITS[:-1]:  # a swap is a change of background as well
            if other != ("background" if edit == "swap" else edit):
                variant = _held_out(other, scene, language, taken, rng)
                if variant is not None:
                    scenes.append(variant.scene)
                    taken.add(scene_key(variant.scene))
        seen |= taken
        return Case(edit, language, found.texts, 0, 0), scenes
    raise AssertionError("held-out scenes do not end")


def _held_out(
    edit: str, scene: Scene, language: Language, taken: set[str], rng: random.Random
) -> Edited | None:
    """An edit of the scene that gives a new held-out scene, if some tries find one."""
    for _ in range(60):
        edited = _EDITORS[edit](scene, language, rng)
        if edited is None:
            return None
        if split_of(edited.scene) == "held-out" and scene_key(edited.scene) not in taken:
            return edited
    return None


def _background(scene: Scene, language: Language, rng: random.Random) -> Edited:
    other = rng.choice([name for name in BACKGROUNDS if name != scene.background])
    changed = _scene(other, scene.groups, rng)
    return Edited(changed, ((1.0, surroundings(other, language)),))


def _swap(scene: Scene, language: Language, rng: random.Random) -> Edited:
    edited = _background(scene, language, rng)
    return replace(edited, texts=(*edited.texts, (-1.0, surroundings(scene.background, language))))


def _colour(scene: Scene, language: Language, rng: random.Random) -> Edited:
    old = rng.choice(scene.groups)
    new = replace(old, colour=rng.choice([name for name in COLOURS if name != old.colour]))
    return Edited(_exchanged(scene, old, new, rng), ((1.0, _words(new, language)),))


def _kind(scene: Scene, language: Language, rng: random.Random) -> Edited:
    old = rng.choice(scene.groups)
    there = {group.kind for group in scene.groups}
    new = replace(old, kind=rng.choice([name for name in KINDS if name not in there]))
    texts = ((1.0, _words(new, language)), (-1.0, _words(old, language)))
    return Edited(_exchanged(scene, old, new, rng), texts)


def _add(scene: Scene, language: Language, rng: random.Random) -> Edited | None:
    if len(scene.groups) > 2:
        return None
    there = {group.kind for group in scene.groups}
    taken = {group.place for group in scene.groups}
    new = Group(
        kind=rng.choice([name for name in KINDS if name not in there]),
        colour=rng.choice(COLOURS),
        count=1,
        size="small",
        place=rng.choice([place for place in PLACES if place not in taken]),
    )
    changed = _scene(scene.background, (*scene.groups, new), rng)
    return Edited(changed, ((1.0, _words(new, language)),))


def _remove(scene: Scene, language: Language, rng: random.Random) -> Edited | None:
    if len(scene.groups) < 2:
        return None
    gone = rng.choice(scene.groups)
    rest = tuple(group for group in scene.groups if group is not gone)
    return Edited(_scene(scene.background, rest, rng), ((-1.0, _words(gone, language)),))


_EDITORS: dict[str, Callable[[Scene, Language, random.Random], Edited | None]] = {
    "background": _background,
    "colour": _colour,
    "add": _add,
    "remove": _remove,
    "kind": _kind,
    "swap": _swap,
}


def surroundings(background: str, language: Language) -> str:
    """Return the words for a background alone: "in the snow", "雪地里"."""
    # The canonical caption of any scene there says it, at its end in English, first in Chinese.
    groups = (
        Group("cat", "red", 1, "small", "left"),
        Group("dog", "red", 1, "small", "middle"),
    )
    whole = caption(Scene(background, groups, None, 0), language)
    return whole.rpartition(", ")[2] if language == "en" else whole.partition("，")[0]


def _words(group: Group, language: Language) -> str:
    return query(group.kind, group.colour, language)


def _exchanged(scene: Scene, old: Group, new: Group, rng: random.Random) -> Scene:
    groups = tuple(new if group is old else group for group in scene.groups)
    return _scene(scene.background, groups, rng)


def _scene(background: str, groups: tuple[Group, ...], rng: random.Random) -> Scene:
    """A scene with its facing pair first, as ``sample_scene`` has it."""
    by_place = {group.place: group for group in groups}
    for relation, (one, other) in RELATION_PLACES.items():
        if one in by_place and other in by_place:
            pair = (by_place[one], by_place[other])
            rest = tuple(group for group in groups if group not in pair)
            return Scene(background, (*pair, *rest), relation, rng.randrange(2**31))
    return Scene(background, groups, None, rng.randrange(2**31))
