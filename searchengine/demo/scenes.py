"""What a drawn scene is made of, and how one is sampled.

A scene is a background with one to three groups; a group is one to five things of one kind, one
colour and one size, at one of five places. Two groups that face each other (left and right, top
and bottom) are told by a relation ("left of") instead of two places. Only the standard library
is imported, so anything may import this module.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, Literal

Place = Literal["left", "right", "top", "bottom", "middle"]
Size = Literal["small", "large"]
Relation = Literal["left of", "right of", "above", "below"]

KINDS: Final[tuple[str, ...]] = (
    "cat",
    "dog",
    "rabbit",
    "bird",
    "duck",
    "fish",
    "turtle",
    "butterfly",
    "house",
    "tree",
    "flower",
    "mushroom",
    "mountain",
    "leaf",
    "boat",
    "car",
    "train",
    "rocket",
    "plane",
    "sun",
    "moon",
    "star",
    "balloon",
    "kite",
    "umbrella",
    "cup",
    "book",
    "ball",
    "hat",
    "heart",
    "circle",
    "square",
    "triangle",
)
"""Every kind of thing that can stand in a scene (singular English nouns)."""

COLOURS: Final[tuple[str, ...]] = (
    "red",
    "orange",
    "yellow",
    "green",
    "blue",
    "purple",
    "pink",
    "brown",
    "black",
    "white",
)
"""Every colour a thing can have."""

BACKGROUNDS: Final[tuple[str, ...]] = (
    "beach",
    "night",
    "meadow",
    "snow",
    "desert",
    "city",
    "sea",
    "room",
    "forest",
    "sunset",
)
"""Every background a scene can have."""

PLACES: Final[tuple[Place, ...]] = ("left", "right", "top", "bottom", "middle")
"""Every place a group can stand at, in the order captions name them."""

RELATION_PLACES: Final[dict[Relation, tuple[Place, Place]]] = {
    "left of": ("left", "right"),
    "right of": ("right", "left"),
    "above": ("top", "bottom"),
    "below": ("bottom", "top"),
}
"""Where the first and the second group of a relation stand."""

MAX_COUNT: Final = 5
MAX_GROUPS: Final = 3


@dataclass(frozen=True, slots=True)
class Group:
    """``count`` (1 to 5) things of one kind, colour and size, standing together at a place."""

    kind: str
    colour: str
    count: int
    size: Size
    place: Place


@dataclass(frozen=True, slots=True)
class Scene:
    """A background and one to three groups.

    ``relation`` is set when the first two groups face each other; it says how the first stands
    to the second. ``seed`` decides only what no caption tells (hills, tilt, small shifts).
    """

    background: str
    groups: tuple[Group, ...]
    relation: Relation | None
    seed: int


def scene_key(scene: Scene) -> str:
    """Everything a caption can tell of the scene, in one fixed order.

    Two scenes have the same key exactly when the same captions are true of both, so "a cat left
    of a dog" and "a dog right of a cat" share one.
    """
    parts = sorted(
        f"{group.count} {group.size} {group.colour} {group.kind} {group.place}"
        for group in scene.groups
    )
    return " | ".join([scene.background, *parts])


def sample_scene(rng: random.Random) -> Scene:
    """Draw a scene at random; the same state of ``rng`` always gives the same scene."""
    background = rng.choice(BACKGROUNDS)
    count = rng.choices((1, 2, 3), weights=(30, 45, 25))[0]
    places = _sample_places(rng, count)
    kinds = rng.sample(KINDS, count)
    groups = tuple(
        _sample_group(rng, kind, place, count) for kind, place in zip(kinds, places, strict=True)
    )
    return Scene(
        background=background,
        groups=groups,
        relation=_relation_of(places),
        seed=rng.randrange(2**31),
    )


def _sample_places(rng: random.Random, count: int) -> list[Place]:
    """Distinct places, a facing pair first when there is one, else in the order of PLACES."""
    if count == 1:
        return [rng.choice(PLACES)]
    facing = count == 3 or rng.random() < 0.6
    if not facing:
        # One of each axis or the middle: pairs that no relation word would describe.
        pairs = [
            (a, b)
            for i, a in enumerate(PLACES)
            for b in PLACES[i + 1 :]
            if (a, b) not in RELATION_PLACES.values()
        ]
        return list(rng.choice(pairs))
    places = list(rng.choice(list(RELATION_PLACES.values())))
    if count == 3:
        places.append(rng.choice([place for place in PLACES if place not in places]))
    return places


def _relation_of(places: list[Place]) -> Relation | None:
    """The relation whose two places are the first two given, if there is one."""
    for relation, pair in RELATION_PLACES.items():
        if tuple(places[:2]) == pair:
            return relation
    return None


def _sample_group(rng: random.Random, kind: str, place: Place, groups: int) -> Group:
    """One group; crowds are kept small so that neighbours do not cover each other."""
    number = rng.choices((1, 2, 3, 4, 5), weights=(36, 22, 16, 13, 13))[0]
    roomiest = {1: 3, 2: 2, 3: 1}[groups]
    size: Size = "large" if number <= roomiest and rng.random() < 0.55 else "small"
    return Group(kind=kind, colour=rng.choice(COLOURS), count=number, size=size, place=place)
