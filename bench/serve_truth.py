"""What ``serve_load.py`` holds answers against: the exact cosine of every item to every question.

The server's index is a graph, which finds other neighbours now and then where a question differs in
its last bit. So an answer is not compared with another answer. It is wrong if it has another number
of hits than asked for, a hit that is no item, or a hit whose score is not that item's cosine; and
its recall says how many of the nearest are in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from searchengine.encoders.contract import Vectors

CLOSE = 2e-5
"""Cosines of one pair that differ by no more are the same to rounding: of a batch, of float32."""


class Truth:
    """All questions over all items."""

    def __init__(
        self,
        questions: Mapping[str, Vectors],
        ids: Sequence[str],
        vectors: Vectors,
        limit: int,
    ) -> None:
        """Work out the cosines.

        ``questions`` are unit vectors (dim,) by their texts, ``vectors`` those of the items,
        (n, dim); an answer has ``limit`` hits.
        """
        self._rows = {one: row for row, one in enumerate(ids)}
        self._limit = min(limit, len(ids))
        self._cosines: dict[str, Vectors] = {}
        self._least: dict[str, float] = {}
        for text, question in questions.items():
            cosines = vectors @ question
            self._cosines[text] = cosines
            self._least[text] = float(np.partition(cosines, -self._limit)[-self._limit])

    def recall(self, text: str, scores: Mapping[str, float]) -> float | None:
        """Return an answer's recall; ``None`` where it is wrong. ``scores`` are its hits' by id."""
        if len(scores) != self._limit:
            return None
        near = 0
        for one, score in scores.items():
            if one not in self._rows or abs(self.cosine(text, one) - score) > CLOSE:
                return None
            near += score >= self._least[text] - CLOSE
        return near / self._limit

    def cosine(self, text: str, one: str) -> float:
        """Return an item's cosine to a question."""
        return float(self._cosines[text][self._rows[one]])
