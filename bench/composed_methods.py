"""Ways to make one vector of several, for ``bench/composed.py``: the one that is shipped, and those
that lost against it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from searchengine.query.compose import NEGATIVE_SHARE, SPREAD_POWER, compose

if TYPE_CHECKING:
    from searchengine.encoders.contract import Vectors

Row = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Part:
    """A term: its weight, where its vector came from, and the unit vector."""

    weight: float
    kind: Literal["text", "image"]
    vector: npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class World:
    """What a method may know of a corpus: a sample of its images, and the mean of its captions."""

    sample: Vectors
    """Float32 (n, dim), unit rows: images of the corpus."""
    text_mean: Row
    """(dim,): of captions, none of which is asked."""

    @property
    def image_mean(self) -> Row:
        """(dim,)."""
        return np.asarray(self.sample.mean(axis=0), np.float64)

    def mean(self, part: Part) -> Row:
        """Return the mean of the cone that a part lies in, (dim,)."""
        return self.text_mean if part.kind == "text" else self.image_mean


Method = Callable[[Sequence[Part], World], Row]


def _unit(vector: Row) -> Row:
    return np.asarray(vector / np.linalg.norm(vector))


def image_alone(parts: Sequence[Part], world: World) -> Row:
    """Only the pictures."""
    return plain([part for part in parts if part.kind == "image"], world)


def text_alone(parts: Sequence[Part], world: World) -> Row:
    """Only the words."""
    return plain([part for part in parts if part.kind == "text"], world)


def plain(parts: Sequence[Part], world: World) -> Row:
    """Weighted addition of unit vectors."""
    return np.asarray(sum(part.weight * part.vector.astype(np.float64) for part in parts))


def balanced(parts: Sequence[Part], world: World) -> Row:
    """The product's own: nearly the same spread of scores for each term, negatives at less."""
    return compose(parts, world.sample).astype(np.float64)


def spread(power: float, negative: float = 1.0) -> Method:
    """Each term divided by a power of the spread of its scores; negative weights shrunk."""

    def method(parts: Sequence[Part], world: World) -> Row:
        whole = np.zeros(world.sample.shape[1])
        for part in parts:
            say = float((world.sample @ part.vector).std()) ** power
            share = 1.0 if part.weight > 0 else negative
            whole += part.weight * share / say * part.vector
        return whole

    return method


def centred(parts: Sequence[Part], world: World) -> Row:
    """Each term's own mean taken away, the rest as long as it is."""
    return plain([replace(part, vector=part.vector - world.mean(part)) for part in parts], world)


def centred_unit(parts: Sequence[Part], world: World) -> Row:
    """Each term's own mean taken away, the rest brought to unit length."""
    return plain([_centre(part, world) for part in parts], world)


def centred_back(parts: Sequence[Part], world: World) -> Row:
    """As ``centred_unit``, and the mean of the searched images added once."""
    return centred_unit(parts, world) + world.image_mean


def delta(parts: Sequence[Part], world: World) -> Row:
    """The picture as it is, moved by what is special about the words."""
    moved = [
        part if part.kind == "image" else replace(part, vector=part.vector - world.text_mean)
        for part in parts
    ]
    return plain(moved, world)


def projected(parts: Sequence[Part], world: World) -> Row:
    """As ``centred_unit``; of what is asked for, the component along each negative is removed."""
    return _without([_centre(part, world) for part in parts], world)


def plain_projected(parts: Sequence[Part], world: World) -> Row:
    """As ``plain``; of what is asked for, the component along each negative is removed."""
    return _without(parts, world)


def balanced_projected(parts: Sequence[Part], world: World) -> Row:
    """As ``balanced``; of what is asked for, the component along each negative is removed."""
    wanted = spread(SPREAD_POWER)([part for part in parts if part.weight > 0], world)
    return _removed(wanted, parts)


def _without(parts: Sequence[Part], world: World) -> Row:
    return _removed(plain([part for part in parts if part.weight > 0], world), parts)


def _removed(wanted: Row, parts: Sequence[Part]) -> Row:
    for part in parts:
        if part.weight < 0:
            along = _unit(part.vector.astype(np.float64))
            wanted = wanted + part.weight * (wanted @ along) * along
    return wanted


def _centre(part: Part, world: World) -> Part:
    return replace(part, vector=_unit(part.vector - world.mean(part)))


def louder_text(factor: float, method: Method = plain) -> Method:
    """A method with all texts weighted by a factor."""

    def louder(parts: Sequence[Part], world: World) -> Row:
        scaled = [
            replace(part, weight=part.weight * (factor if part.kind == "text" else 1.0))
            for part in parts
        ]
        return method(scaled, world)

    return louder


METHODS: dict[str, Method] = {
    "text alone": text_alone,
    "image alone": image_alone,
    "plain addition": plain,
    "plain, text x1.5": louder_text(1.5),
    "plain, text x2": louder_text(2.0),
    "means off": centred,
    "means off, unit": centred_unit,
    "means off, unit, image mean back": centred_back,
    "delta (image + text - text mean)": delta,
    "plain, negatives projected": plain_projected,
    "means off, negatives projected": projected,
    "balanced, negatives projected": balanced_projected,
    "by the root of the spread": spread(0.5, NEGATIVE_SHARE),
    "by the whole spread": spread(1.0, NEGATIVE_SHARE),
    "balanced, negatives whole": spread(SPREAD_POWER),
    "balanced, text x0.8": louder_text(0.8, balanced),
    "balanced, text x1.25": louder_text(1.25, balanced),
    "balanced (shipped)": balanced,
}
"""In the order of the table."""
