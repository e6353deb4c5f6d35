"""How much of what one set of vectors finds another finds as well."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def recall_at(count: int, expected: Any, found: Any, items: Any = None) -> float:
    """Return the mean share of the ``count`` nearest by ``expected`` that ``found`` agrees on.

    Both are (n, dim), row for row two encodings of one thing, of any length.
    Each row asks among ``items`` (m, dim); without them among the other rows
    of its own encoding.
    """
    own = items is None
    truth = _nearest(count, expected, expected if own else items, own)
    given = _nearest(count, found, found if own else items, own)
    hits = [len(set(a) & set(b)) for a, b in zip(truth.tolist(), given.tolist(), strict=True)]
    return sum(hits) / (len(hits) * int(truth.shape[1]))


def _nearest(count: int, asked: Any, items: Any, own: bool) -> npt.NDArray[np.int64]:
    scores = unit(asked) @ unit(items).T
    if own:
        np.fill_diagonal(scores, -np.inf)
    count = min(count, scores.shape[1] - int(own))
    return np.argsort(-scores, axis=1, kind="stable")[:, :count]


def unit(rows: Any) -> npt.NDArray[np.float64]:
    """Return the rows scaled to length 1, in float64; of a row without direction NaN."""
    wide = np.asarray(rows, np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray(wide / np.linalg.norm(wide, axis=1, keepdims=True))
