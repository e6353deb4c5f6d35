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

    labels: tuple[str, ...]
    """Those that apply, the most relevant first; empty: none."""
    nearest: str
    """The label with the greatest cosine, whether it applies or not."""
    confidence: float
    """That ``nearest`` is the right one of the labels, given that one of them is; 0 to 1."""
    relevance: tuple[float, ...]
    """Of every label, in the order they were given; 0 to 1."""


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
        relevance = self._relevance(items, each, cosines)
        sure = softmax(cosines / self.temperature)
        least = np.array(
            [self.threshold if one.threshold is None else one.threshold for one in self.labels]
        )
        applies = relevance >= least
        nearest = cosines.argmax(axis=1)
        return [
            self._verdict(cosines[row], relevance[row], applies[row], sure[row], int(nearest[row]))
            for row in range(len(items))
        ]

    def _verdict(
        self,
        cosines: npt.NDArray[np.float64],
        relevance: npt.NDArray[np.float64],
        applies: npt.NDArray[np.bool_],
        sure: npt.NDArray[np.float64],
        nearest: int,
    ) -> Verdict:
        if self.multi:
            chosen = [int(p) for p in np.lexsort((-cosines, -relevance)) if applies[p]]
        else:
            chosen = [nearest] if applies[nearest] else []
        return Verdict(
            tuple(self.labels[place].name for place in chosen),
            self.labels[nearest].name,
            float(sure[nearest]),
            tuple(float(value) for value in relevance),
        )

    def _relevance(
        self, items: Array, each: npt.NDArray[np.float64], cosines: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Return (n, k), of each label's best description; 0 where what is against it is nearer."""
        judged = np.stack([self.judge(text, items) for text in self.prompts], axis=1)
        relevance = label_cosines(judged.astype(np.float64), self.prompt_of)
        if len(self.against):
            contrary = items.astype(np.float64) @ self.against.T.astype(np.float64)
            for column, label in enumerate(self.against_of):
                relevance[contrary[:, column] > cosines[:, label], label] = 0.0
        return relevance


def label_cosines(
    each: npt.NDArray[np.float64], owners: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return (n, k), the greatest value of each label's descriptions, from (n, p)."""
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    return np.asarray(np.maximum.reduceat(each, starts, axis=1))


def owners_of(groups: Sequence[Sequence[str]]) -> npt.NDArray[np.int64]:
    """Return for each text of several groups, one after the other, the place of its group."""
    return np.repeat(np.arange(len(groups)), [len(group) for group in groups]).astype(np.int64)
