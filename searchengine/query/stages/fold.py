"""Near-identical hits shown once: the best-ranked stands for the others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from searchengine.errors import QueryError
from searchengine.query.stages.vectors import cosines, stacked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from searchengine.encoders.contract import Vectors
    from searchengine.query.pool import Candidate

THRESHOLD = 0.96
"""bench/fold.py: of what it folds, at least 95 in 100 are copies on each of its sets."""
CENTRED_THRESHOLD = 0.95
"""The same for vectors with the centre of the corpus taken away; holds in narrow spaces, too."""


def fold(
    candidates: Sequence[Candidate],
    *,
    threshold: float | None = THRESHOLD,
    centre: Vectors | None = None,
) -> list[Candidate]:
    """Return the candidates that stand for themselves; each carries the ids ``folded`` into it.

    In the order given, a candidate is folded into the first kept one of its modality that has the
    same ``content_hash``, or else into the nearest kept one whose vector's cosine to its own is
    ``threshold`` or more (leader clustering: Hartigan, Clustering Algorithms, 1975, chapter 3). It
    is compared with those that are kept, not with those that are folded: what is alike step by
    step does not end up as one. ``threshold=None`` folds equal content only and needs no vectors.

    A model that gives any two pictures a high cosine (0.7 on the mean) makes strangers pass the
    threshold. ``centre``, float32 (dim,), the mean of many vectors of the corpus, is taken away
    from all vectors before they are compared; ``CENTRED_THRESHOLD`` then holds whatever the model.
    Not the mean of the candidates alone: where most of them are one picture, that is its own.

    The work is n * kept products. Raises ``QueryError`` for a threshold outside 0 to 1, or for a
    missing vector.
    """
    if threshold is not None and not 0 <= threshold <= 1:
        raise QueryError(
            f"the threshold for folding must be 0 to 1, not {threshold}",
            hint=f"a cosine such as {THRESHOLD}; higher folds less",
        )
    sides = {
        modality: _Side([one for one in candidates if one.modality == modality], threshold, centre)
        for modality in {one.modality for one in candidates}
    }
    kept: list[Candidate] = []
    folded: list[list[str]] = []
    for one in candidates:
        place = sides[one.modality].leader(one, len(kept))
        if place == len(kept):
            kept.append(one)
            folded.append(list(one.folded))
        else:
            folded[place] += [one.id, *one.folded]
    return [replace(one, folded=tuple(ids)) for one, ids in zip(kept, folded, strict=True)]


class _Side:
    """Those kept of one modality so far. Candidates are shown in the order they were given."""

    def __init__(
        self, candidates: Sequence[Candidate], threshold: float | None, centre: Vectors | None
    ) -> None:
        self._threshold = threshold
        self._by_hash: dict[str, int] = {}
        self._places: list[int] = []
        self._vectors: Vectors | None = None
        if threshold is not None:
            self._vectors = _centred(stacked(candidates, "folding"), centre)
            self._kept = np.empty_like(self._vectors)
        self._shown = 0

    def leader(self, candidate: Candidate, place: int) -> int:
        """Return the place of the candidate's leader: ``place`` if it becomes one itself."""
        found = self._same(candidate)
        if found is None:
            found = self._near()
        if found is None:
            found = place
            if self._vectors is not None:
                self._kept[len(self._places)] = self._vectors[self._shown]
            self._places.append(place)
        if content := candidate.fields.get("content_hash"):
            self._by_hash.setdefault(content, found)
        self._shown += 1
        return found

    def _same(self, candidate: Candidate) -> int | None:
        content = candidate.fields.get("content_hash")
        return self._by_hash.get(content) if content else None

    def _near(self) -> int | None:
        if self._vectors is None or self._threshold is None or not self._places:
            return None
        near = cosines(self._kept[: len(self._places)], self._vectors[self._shown])
        best = int(np.argmax(near))
        return self._places[best] if float(near[best]) >= self._threshold else None


def _centred(vectors: Vectors, centre: Vectors | None) -> Vectors:
    """Return unit vectors as seen from the centre; one that lies on it points nowhere: zero."""
    if centre is None or not len(vectors):
        return vectors
    if centre.shape != vectors.shape[1:]:
        raise QueryError(
            f"the centre has shape {centre.shape}, the candidates' vectors {vectors.shape[1:]}",
            hint="take the mean of vectors of the same side",
        )
    moved = vectors - centre
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    return np.asarray(np.where(lengths > 1e-6, moved / np.maximum(lengths, 1e-6), 0), np.float32)
