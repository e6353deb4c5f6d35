"""What becomes of "X without Y", for ``bench/composed.py``."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from composed_cases import surroundings
from composed_methods import METHODS, Method, Part, World, balanced
from measuring import Kept, encode_texts, interval

from searchengine.demo.captions import query
from searchengine.demo.scenes import BACKGROUNDS, KINDS, Scene
from searchengine.query.negation import split_negation

if TYPE_CHECKING:
    from collections.abc import Callable

    from searchengine.encoders.contract import Encoder, Vectors

COMPARED = (
    "plain addition",
    "means off, unit",
    "means off, negatives projected",
    "balanced (shipped)",
)


class Gallery(Protocol):
    """What is searched."""

    scenes: list[Scene]
    gallery: Vectors
    """(n, dim): of the scenes."""
    world: World


@dataclass(frozen=True, slots=True)
class Denial:
    """A text, what pictures that answer it hold, and what they must not hold."""

    text: str
    wanted: str
    unwanted: str


def denials(count: int) -> list[Denial]:
    """Questions such as "in the snow without a cat" and 没有猫的船, in equal numbers."""
    rng = random.Random("denials")
    made = []
    for _ in range(count):
        place, other = rng.sample(BACKGROUNDS, 2)
        one, two = rng.sample(KINDS, 2)
        bare = {kind: query(kind, None, "zh")[2:] for kind in (one, two)}
        made += [
            Denial(f"{surroundings(place, 'en')} without {query(one, None, 'en')}", place, one),
            Denial(f"{query(one, None, 'en')} without {query(two, None, 'en')}", one, two),
            Denial(f"{query(one, None, 'en')}, not {surroundings(other, 'en')}", one, other),
            Denial(f"{surroundings(place, 'zh')}没有{bare[one]}", place, one),
            Denial(f"没有{bare[two]}的{bare[one]}", one, two),
        ]
    return made


def measure_denials(encoder: Encoder, kept: Kept, drawn: Gallery, count: int) -> dict[str, Any]:
    """What the first five of "X without Y" hold, asked in several ways."""
    asked = denials(count)
    holds = [{scene.background, *(g.kind for g in scene.groups)} for scene in drawn.scenes]
    split = {one.text: split_negation(one.text) for one in asked}
    words = sorted(
        {text for whole, (wanted, away) in split.items() for text in (whole, wanted, *away)}
    )
    vectors = kept(f"{encoder.fingerprint} {count} denials", lambda: encode_texts(encoder, words))
    by_word = dict(zip(words, vectors, strict=True))

    def parts(text: str, weight: float) -> list[Part]:
        wanted, away = split[text]
        unwanted = [Part(weight, "text", by_word[word]) for word in away]
        return [Part(1.0, "text", by_word[wanted]), *unwanted]

    def less(method: Method, weight: float) -> Callable[[str], Any]:
        return lambda text: method(parts(text, weight), drawn.world)

    ways: dict[str, Callable[[str], Any]] = {
        "the whole text": lambda text: by_word[text],
        "X alone": lambda text: by_word[split[text][0]],
        **{f"X - Y, {name}": less(METHODS[name], -1.0) for name in COMPARED},
        **{f"X - {w}:Y, balanced (shipped)": less(balanced, -w) for w in (0.3, 0.5)},
    }
    table = {}
    for name, way in ways.items():
        clean, right = [], []
        for one in asked:
            best = np.argsort(-(drawn.gallery @ way(one.text)), kind="stable")[:5]
            clean.append(np.mean([one.unwanted not in holds[row] for row in best]))
            right.append(
                np.mean([one.unwanted not in holds[r] and one.wanted in holds[r] for r in best])
            )
        table[name] = {
            "no Y in first 5": round(float(np.mean(clean)), 4),
            "X and no Y in first 5": round(float(np.mean(right)), 4),
            "interval": interval(np.array(right)),
        }
    return {"questions": len(asked), "ways": table}
