"""What a scene is called, in English and in Chinese, and which split it belongs to.

Without a random generator ``caption`` gives the one canonical caption, which states everything
the scene holds. With one it gives a paraphrase, often leaving things out, which is how people
type queries and what the model is trained on beside the canonical captions.
"""

from __future__ import annotations

import hashlib
import random
from typing import Final, Literal

from searchengine.demo.scenes import Group, Place, Scene, scene_key

Language = Literal["en", "zh"]
Split = Literal["train", "held-out"]

HELD_OUT_SHARE: Final = 0.1
"""Share of all possible scenes that training never sees."""

_NUMBERS_EN: Final = ("", "a", "two", "three", "four", "five")
_NUMBERS_ZH: Final = ("", "一", "两", "三", "四", "五")

_PLURALS: Final = {"fish": "fish", "butterfly": "butterflies", "leaf": "leaves"}

# Kind -> (measure word, noun).
_NOUNS_ZH: Final[dict[str, tuple[str, str]]] = {
    "cat": ("只", "猫"),
    "dog": ("只", "狗"),
    "rabbit": ("只", "兔子"),
    "bird": ("只", "鸟"),
    "duck": ("只", "鸭子"),
    "fish": ("条", "鱼"),
    "turtle": ("只", "乌龟"),
    "butterfly": ("只", "蝴蝶"),
    "house": ("栋", "房子"),
    "tree": ("棵", "树"),
    "flower": ("朵", "花"),
    "mushroom": ("个", "蘑菇"),
    "mountain": ("座", "山"),
    "leaf": ("片", "叶子"),
    "boat": ("艘", "船"),
    "car": ("辆", "汽车"),
    "train": ("列", "火车"),
    "rocket": ("枚", "火箭"),
    "plane": ("架", "飞机"),
    "sun": ("个", "太阳"),
    "moon": ("个", "月亮"),
    "star": ("颗", "星星"),
    "balloon": ("个", "气球"),
    "kite": ("只", "风筝"),
    "umbrella": ("把", "雨伞"),
    "cup": ("个", "杯子"),
    "book": ("本", "书"),
    "ball": ("个", "球"),
    "hat": ("顶", "帽子"),
    "heart": ("颗", "爱心"),
    "circle": ("个", "圆形"),
    "square": ("个", "方形"),
    "triangle": ("个", "三角形"),
}

_COLOURS_ZH: Final = {
    "red": "红",
    "orange": "橙",
    "yellow": "黄",
    "green": "绿",
    "blue": "蓝",
    "purple": "紫",
    "pink": "粉",
    "brown": "棕",
    "black": "黑",
    "white": "白",
}

# Background -> phrases; the first is the canonical one.
_BACKGROUNDS_EN: Final[dict[str, tuple[str, ...]]] = {
    "beach": ("on a beach", "at the beach", "on the sand by the water"),
    "night": ("in the night sky", "at night", "under the night sky"),
    "meadow": ("in a meadow", "on the grass", "on a green meadow"),
    "snow": ("in the snow", "on snow", "in winter"),
    "desert": ("in a desert", "in the desert", "on desert dunes"),
    "city": ("in a city", "in the city", "in front of a city skyline"),
    "sea": ("on the sea", "at sea", "on the ocean"),
    "room": ("in a room", "indoors", "inside a room"),
    "forest": ("in a forest", "in the forest", "in the woods"),
    "sunset": ("at sunset", "at dusk", "in the evening"),
}
_BACKGROUNDS_ZH: Final[dict[str, tuple[str, ...]]] = {
    "beach": ("沙滩上", "海滩上", "在沙滩上"),
    "night": ("夜空中", "夜晚", "夜里"),
    "meadow": ("草地上", "草原上", "在草地上"),
    "snow": ("雪地里", "雪地上", "冬天"),
    "desert": ("沙漠里", "沙漠中", "在沙漠里"),
    "city": ("城市里", "城市中", "在城市里"),
    "sea": ("大海上", "海上", "海面上"),
    "room": ("房间里", "屋里", "室内"),
    "forest": ("森林里", "森林中", "在森林里"),
    "sunset": ("日落时", "黄昏时", "傍晚"),
}

_PLACES_EN: Final[dict[Place, tuple[str, ...]]] = {
    "left": ("at the left", "on the left", "on the left side"),
    "right": ("at the right", "on the right", "on the right side"),
    "top": ("at the top", "on top", "in the upper part"),
    "bottom": ("at the bottom", "in the lower part", "down below"),
    "middle": ("in the middle", "in the center", "in the centre"),
}
_PLACES_ZH: Final[dict[Place, tuple[str, ...]]] = {
    "left": ("左边", "左侧", "左面"),
    "right": ("右边", "右侧", "右面"),
    "top": ("上面", "上方", "顶部"),
    "bottom": ("下面", "下方", "底部"),
    "middle": ("中间", "中央", "正中"),
}

_RELATIONS_EN: Final[dict[Place, tuple[str, ...]]] = {
    "left": ("left of", "to the left of"),
    "right": ("right of", "to the right of"),
    "top": ("above", "over"),
    "bottom": ("below", "under"),
}
_SMALL_EN: Final = ("small", "little", "tiny")
_LARGE_EN: Final = ("large", "big", "huge")


def caption(scene: Scene, language: Language, rng: random.Random | None = None) -> str:
    """The scene in words.

    Without ``rng`` the canonical caption: every group's kind, colour, count, size and place (or
    relation) and the background. With ``rng`` a paraphrase that may leave any of them out; it
    never says anything untrue of the scene.
    """
    if rng is None:
        return _full(scene, language, None)
    return restate(scene, language, rng) if rng.random() < 0.35 else glimpse(scene, language, rng)


def restate(scene: Scene, language: Language, rng: random.Random) -> str:
    """Everything the canonical caption states, in other words and another order."""
    return _full(scene, language, rng)


def glimpse(scene: Scene, language: Language, rng: random.Random) -> str:
    """Only some of what the scene holds, as in a short query."""
    if rng.random() < 0.35:
        return _loose(scene, language, rng)
    return _short(scene, language, rng)


def query(kind: str, colour: str | None, language: Language) -> str:
    """The short query for one thing, with its colour or without: "a red boat", "一艘红色船"."""
    one = Group(kind=kind, colour=colour or "", count=1, size="small", place="middle")
    return _group(one, language, None, size=False, colour=colour is not None)


def split_of(scene: Scene) -> Split:
    """The split a scene belongs to, from a hash of all its caption can tell.

    The hash is taken of the scene's key rather than of its drawing, so two scenes that the same
    caption is true of are always in the same split, and nothing held out is seen in training
    under another wording or with other hills behind it.
    """
    digest = hashlib.sha256(scene_key(scene).encode()).digest()
    share = int.from_bytes(digest[:4], "big") / 2**32
    return "held-out" if share < HELD_OUT_SHARE else "train"


def _pick(options: tuple[str, ...], rng: random.Random | None) -> str:
    """The first option, or with a generator mostly the first and sometimes another."""
    if rng is None or rng.random() < 0.4:
        return options[0]
    return rng.choice(options)


def _group(
    group: Group,
    language: Language,
    rng: random.Random | None,
    *,
    size: bool = True,
    colour: bool = True,
    count: bool = True,
) -> str:
    """A noun phrase for one group: "two small red cats", "两只红色小猫"."""
    if language == "en":
        return _group_en(group, rng, size=size, colour=colour, count=count)
    return _group_zh(group, rng, size=size, colour=colour, count=count)


def _group_en(
    group: Group, rng: random.Random | None, *, size: bool, colour: bool, count: bool
) -> str:
    number = group.count
    if not count and rng is not None and rng.random() < 0.5:
        # "a red boat" finds pictures of several as well.
        number = 1
    words = [group.kind if number == 1 else _PLURALS.get(group.kind, group.kind + "s")]
    if colour:
        words.insert(0, group.colour)
    if size:
        words.insert(0, _pick(_SMALL_EN if group.size == "small" else _LARGE_EN, rng))
    if number > 1:
        if count:
            words.insert(0, _NUMBERS_EN[number])
    elif rng is not None and rng.random() < 0.25:
        if count and rng.random() < 0.4:
            words.insert(0, "one")
    else:
        # Articles follow the sound of the next word: only "orange" and "umbrella" want "an".
        words.insert(0, "an" if words[0][0] in "aeiou" else "a")
    return " ".join(words)


def _group_zh(
    group: Group, rng: random.Random | None, *, size: bool, colour: bool, count: bool
) -> str:
    measure, noun = _NOUNS_ZH[group.kind]
    number = _NUMBERS_ZH[group.count] + measure if count else ""
    if not count and rng is not None and rng.random() < 0.4:
        number = _NUMBERS_ZH[1] + measure
    size_word = ("小" if group.size == "small" else "大") if size else ""
    colour_word = ""
    if colour:
        short = _COLOURS_ZH[group.colour]
        # "大" right before a bare "红" would read as "bright red", so sizes follow "红色".
        form = 0 if rng is None else rng.choice((0, 0, 1, 2))
        if size and form == 2:
            form = 1
        colour_word = (short + "色", short + "色的", short)[form]
    return number + colour_word + size_word + noun


def _full(scene: Scene, language: Language, rng: random.Random | None) -> str:
    """Every fact of the scene; with a generator in varied words and order."""
    phrases = [_group(group, language, rng) for group in scene.groups]
    groups = list(scene.groups)
    parts: list[str] = []
    if scene.relation is not None:
        parts.append(_related(groups[:2], phrases[:2], language, rng))
        groups, phrases = groups[2:], phrases[2:]
    parts.extend(_placed(g, p, language, rng) for g, p in zip(groups, phrases, strict=True))
    if rng is not None and scene.relation is None:
        rng.shuffle(parts)
    return _join(parts, _background(scene, language, rng), language, rng)


def _placed(group: Group, phrase: str, language: Language, rng: random.Random | None) -> str:
    """A phrase with its place: "a red cat at the left", "左边有一只红色小猫"."""
    if language == "en":
        return f"{phrase} {_pick(_PLACES_EN[group.place], rng)}"
    return f"{_pick(_PLACES_ZH[group.place], rng)}有{phrase}"


def _related(
    groups: list[Group], phrases: list[str], language: Language, rng: random.Random | None
) -> str:
    """Two groups that face each other: "a cat left of a dog", "一只猫在一只狗的左边"."""
    first, second = 0, 1
    if rng is not None and rng.random() < 0.5:
        first, second = 1, 0
    place = groups[first].place
    if language == "en":
        return f"{phrases[first]} {_pick(_RELATIONS_EN[place], rng)} {phrases[second]}"
    return f"{phrases[first]}在{phrases[second]}{_pick(_PLACES_ZH[place][:2], rng)}"


def _background(scene: Scene, language: Language, rng: random.Random | None) -> str:
    table = _BACKGROUNDS_EN if language == "en" else _BACKGROUNDS_ZH
    return _pick(table[scene.background], rng)


def _join(parts: list[str], background: str, language: Language, rng: random.Random | None) -> str:
    """The parts and the background ("" for none) as one line."""
    if language == "zh":
        # The background comes first in Chinese: "沙滩上，左边有…".
        return "，".join([background, *parts] if background else parts)
    text = ", ".join(parts)
    if not background:
        return text
    if rng is not None and rng.random() < 0.2:
        return f"{background}, {text}"
    return f"{text} {background}" if len(parts) == 1 else f"{text}, {background}"


def _loose(scene: Scene, language: Language, rng: random.Random) -> str:
    """Every group, but only some of what is true of each: "a red cat and two boats at night"."""
    groups = list(scene.groups)
    phrases = [
        _group(
            group,
            language,
            rng,
            size=rng.random() < 0.4,
            colour=rng.random() < 0.7,
            count=rng.random() < 0.8,
        )
        for group in groups
    ]
    background = _background(scene, language, rng) if rng.random() < 0.6 else ""
    if scene.relation is not None and rng.random() < 0.5:
        parts = [_related(groups[:2], phrases[:2], language, rng), *phrases[2:]]
        return _join(parts, background, language, rng)
    rng.shuffle(phrases)
    return _join([_listed(phrases, language)], background, language, rng)


def _listed(phrases: list[str], language: Language) -> str:
    """Noun phrases as a list: "a cat, a dog and a boat", "一只猫、一只狗和一艘船"."""
    if len(phrases) == 1:
        return phrases[0]
    head, word = ("、", "和") if language == "zh" else (", ", " and ")
    return head.join(phrases[:-1]) + word + phrases[-1]


def _short(scene: Scene, language: Language, rng: random.Random) -> str:
    """A short query about one group, now and then two, or about the background alone."""
    if rng.random() < 0.05:
        return _background(scene, language, rng)
    chosen = rng.sample(scene.groups, 2 if len(scene.groups) > 1 and rng.random() < 0.25 else 1)
    phrases = [
        _group(
            group,
            language,
            rng,
            size=rng.random() < 0.2,
            colour=rng.random() < 0.6,
            count=rng.random() < 0.7,
        )
        for group in chosen
    ]
    background = _background(scene, language, rng) if rng.random() < 0.3 else ""
    if len(chosen) == 1 and rng.random() < 0.2:
        return _join([_placed(chosen[0], phrases[0], language, rng)], background, language, rng)
    return _join([_listed(phrases, language)], background, language, rng)
