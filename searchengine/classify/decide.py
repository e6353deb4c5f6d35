"""From vectors to labels: one of them, or all that apply, or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from searchengine.classify.temperature import softmax

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from searchengine.classify.labels import Label

    Array = npt.NDArray[np.float32]

Judge = Callable[["Array", "Array"], "Array"]
"""From one text's vector, float32 (dim,), and items, float32 (n, dim), to relevance, float32 (n,),
0 to 1: whether the text describes the item."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided about one item."""

    labels: tuple[tuple[str, float], ...]
    """Those that apply, each with its relevance (0 to 1), the most relevant first; empty: none."""
    nearest: str
    """The label with the greatest cosine, whether it applies or not."""
    confidence: float
    """That ``nearest`` is the right one of the labels, given that one of them is; 0 to 1."""

    @property
    def names(self) -> tuple[str, ...]:
        """The labels without their relevance."""
        return tuple(name for name, _ in self.labels)


@dataclass(frozen=True, slots=True)
class Decider:
    """Labels in a model's space, and how sure one must be."""

    labels: tuple[Label, ...]
    prompts: Array
    """(p, dim): unit vectors of all descriptions, label by label."""
    prompt_of: npt.NDArray[np.int64]
    """(p,): the place of each description's label; ascending."""
    against: Array
    """(a, dim): unit vectors of what the labels are mixed up with."""
    against_of: npt.NDArray[np.int64]
    """(a,): the place of the label that each of those speaks against."""
    temperature: float
    threshold: float
    """The least relevance of a label that names none of its own."""
    judge: Judge
    multi: bool = False

    def decide(self, items: Array) -> list[Verdict]:
        """Return a verdict for each of float32 (n, dim) unit vectors."""
        if not len(items):
            return []
        each = items.astype(np.float64) @ self.prompts.T.astype(np.float64)
        cosines = label_cosines(each, self.prompt_of)
        sure = softmax(cosines / self.temperature)
        nearest = cosines.argmax(axis=1)
        given = self._several(items, cosines) if self.multi else self._one(items, each, nearest)
        return [
            Verdict(labels, self.labels[place].name, float(sure[row, place]))
            for row, (labels, place) in enumerate(zip(given, nearest.tolist(), strict=True))
        ]

    def relevance(self, items: Array) -> npt.NDArray[np.float64]:
        """Return (n, k): how relevant each label's best description is to each item.

        0 where something that speaks against the label is nearer.
        """
        judged = np.stack([self.judge(text, items) for text in self.prompts], axis=1)
        relevance = label_cosines(judged.astype(np.float64), self.prompt_of)
        each = items.astype(np.float64) @ self.prompts.T.astype(np.float64)
        relevance[self._contradicted(items, label_cosines(each, self.prompt_of))] = 0.0
        return relevance

    def _several(
        self, items: Array, cosines: npt.NDArray[np.float64]
    ) -> list[tuple[tuple[str, float], ...]]:
        relevance = self.relevance(items)
        applies = relevance >= self._least()
        order = np.lexsort((-cosines, -relevance), axis=1)
        return [
            tuple(
                (self.labels[place].name, float(relevance[row, place]))
                for place in order[row]
                if applies[row, place]
            )
            for row in range(len(items))
        ]

    def _one(
        self,
        items: Array,
        each: npt.NDArray[np.float64],
        nearest: npt.NDArray[np.intp],
    ) -> list[tuple[tuple[str, float], ...]]:
        """Judge each item by the nearest description alone: a corpus is large, labels are many."""
        relevance = np.zeros(len(items))
        best = each.argmax(axis=1)
        for place in np.unique(best):
            rows = best == place
            relevance[rows] = self.judge(self.prompts[place], items[rows])
        rows = np.arange(len(items))
        cosines = label_cosines(each, self.prompt_of)
        relevance[self._contradicted(items, cosines)[rows, nearest]] = 0.0
        applies = relevance >= self._least()[nearest]
        return [
            ((self.labels[nearest[row]].name, float(relevance[row])),) if applies[row] else ()
            for row in rows
        ]

    def _least(self) -> npt.NDArray[np.float64]:
        """Return (k,): the least relevance of each label."""
        own = (self.threshold if one.threshold is None else one.threshold for one in self.labels)
        return np.array(list(own))

    def _contradicted(
        self, items: Array, cosines: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.bool_]:
        """Return (n, k): whether something against the label is nearer than all it looks like."""
        found = np.zeros(cosines.shape, dtype=bool)
        contrary = items.astype(np.float64) @ self.against.T.astype(np.float64)
        for column, label in enumerate(self.against_of):
            found[:, label] |= contrary[:, column] > cosines[:, label]
        return found


def label_cosines(
    each: npt.NDArray[np.float64], owners: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return (n, k), the greatest value of each label's descriptions, from (n, p)."""
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    return np.asarray(np.maximum.reduceat(each, starts, axis=1))


def owners_of(groups: Sequence[Sequence[str]]) -> npt.NDArray[np.int64]:
    """Return for each text of several groups, one after the other, the place of its group."""
    return np.repeat(np.arange(len(groups)), [len(group) for group in groups]).astype(np.int64)
