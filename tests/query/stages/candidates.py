"""Random pools for the property tests of the stages."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from searchengine.query.pool import Candidate

DIM = 4

_META = st.dictionaries(
    st.sampled_from(["rating", "tag"]),
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 3),
        st.floats(-3, 3, allow_nan=False).map(lambda x: round(x, 1)),
        st.sampled_from(["", "a", "A", "b", "1"]),
        st.lists(st.sampled_from(["a", "b", "", 1]), max_size=3),
    ),
    max_size=2,
)
_TIMES = st.one_of(
    st.none(),
    st.sampled_from(
        [
            "2024-06-01",
            "2024-06-01T23:30:00+02:00",
            "2024-06-01T22:00:00Z",
            "2024-06-02T01:00:00+05:00",
            "2024-06-02T05:00:00",
            "2023-01-01T00:00:00",
            "not a time",
        ]
    ),
)


def unit(*numbers: float) -> np.ndarray:
    """Return float32 (dim,) of unit length."""
    vector = np.asarray(numbers, np.float64)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def candidate(name: str, score: float = 0.5, **fields: Any) -> Candidate:
    """Return a candidate with some fields; ``vector``, ``modality`` and such among them."""
    own = {key: fields.pop(key) for key in ("vector", "modality", "relevance") if key in fields}
    return Candidate(**{"id": name, "score": score, "modality": "image", "fields": fields, **own})


def ids(candidates: Sequence[Candidate]) -> list[str]:
    return [one.id for one in candidates]


def frozen(candidates: Sequence[Candidate]) -> list[tuple[Any, ...]]:
    """Return all there is in them, comparable."""
    return [
        (
            one.id,
            one.score,
            one.modality,
            repr(one.fields),
            None if one.vector is None else one.vector.tobytes(),
            one.relevance,
            one.group,
            one.folded,
        )
        for one in candidates
    ]


@st.composite
def pools(draw: st.DrawFn, max_size: int = 12) -> list[Candidate]:
    """Draw a pool as the store gives it: best first, ties by id, with vectors."""
    count = draw(st.integers(0, max_size))
    scores = draw(st.lists(st.integers(-4, 4), min_size=count, max_size=count))
    found = []
    for at, score in enumerate(scores):
        direction = draw(st.lists(st.integers(-2, 2), min_size=DIM, max_size=DIM))
        vector = unit(*direction) if any(direction) else unit(1, *[0] * (DIM - 1))
        found.append(
            candidate(
                hashlib.md5(str(at).encode()).hexdigest(),
                score / 4,
                vector=vector,
                modality=draw(st.sampled_from(["image", "image", "text"])),
                relevance=draw(st.one_of(st.none(), st.floats(0, 1))),
                content_hash=draw(st.sampled_from(["x", "y", None, str(at), str(at)])),
                folder=draw(st.sampled_from([None, "a", "b", "c"])),
                size=draw(st.integers(0, 3)),
                taken_at=draw(_TIMES),
                meta=draw(_META),
            )
        )
    return sorted(found, key=lambda one: (-one.score, one.id))


def queries() -> st.SearchStrategy[np.ndarray]:
    """Draw a query's vector."""
    numbers = st.lists(st.integers(-2, 2), min_size=DIM, max_size=DIM).filter(any)
    return numbers.map(lambda some: unit(*some))
