"""The nearest rows of a snapshot: exact, in the order the whole store keeps (``ranking``)."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from searchengine.store.mirror.codes import Codes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from searchengine.encoders.contract import Vectors
    from searchengine.store.mirror.chunk import Chunk

    Mask = npt.NDArray[np.bool_] | None

_log = logging.getLogger(__name__)
_LOT = 16_384
"""Rows compared at a time: 16 MB of products with 256 queries."""
_FEW = 2_048
_FEW_SHARE = 0.1
"""Rows that are gathered before they are compared: so many, or so much of the chunk."""
_TIE = 3e-6
"""Products this far below the last one wanted may tie with it: the last digit of a score, and
what float32 loses on the way."""
_CODED_ROWS = 16_384
"""Chunks worth rounding."""
_PASSES = 8
"""Searches over all of a chunk that cost about what rounding it costs."""
_CODED_QUERIES = 4
"""For more queries at once one matrix product is quicker."""


class Near(NamedTuple):
    """One row and its product with the query, added up in float64."""

    score: float
    chunk: int
    place: int


def nearest(parts: Sequence[tuple[Chunk, Mask]], queries: Vectors, top: int) -> list[list[Near]]:
    """Return for each unit query (n, dim) the ``top`` rows nearest to it, and all that may tie.

    Of each chunk only the rows in its mask count (``None``: all). In no order.
    """
    found: list[list[tuple[int, npt.NDArray[np.intp], npt.NDArray[np.float64]]]]
    found = [[] for _ in queries]
    for number, (chunk, mask) in enumerate(parts):
        for query, places in enumerate(_contenders(chunk, mask, queries, top)):
            if len(places):
                found[query].append((number, places, _scores(chunk, places, queries[query])))
    return [_best(lots, top) for lots in found]


def _best(
    lots: list[tuple[int, npt.NDArray[np.intp], npt.NDArray[np.float64]]], top: int
) -> list[Near]:
    if not lots:
        return []
    scores = np.concatenate([scores for _, _, scores in lots])
    least = -np.inf if len(scores) <= top else np.partition(scores, -top)[-top] - _TIE
    best = []
    for number, places, own in lots:
        kept = own >= least
        best += [
            Near(score, number, place)
            for score, place in zip(own[kept].tolist(), places[kept].tolist(), strict=True)
        ]
    return best


def _scores(chunk: Chunk, places: npt.NDArray[np.intp], query: Vectors) -> npt.NDArray[np.float64]:
    """Return the products, whichever way the rows were chosen: one row, one score."""
    wide = query.astype(np.float64)
    scores = np.empty(len(places))
    for at in range(0, len(places), _LOT):
        rows = chunk.vectors[places[at : at + _LOT]].astype(np.float64)
        scores[at : at + _LOT] = (rows * wide).sum(axis=1)
    return scores


def _contenders(chunk: Chunk, mask: Mask, queries: Vectors, top: int) -> list[npt.NDArray[np.intp]]:
    """Return for each query the places of the ``top`` nearest of a chunk, and all that may tie."""
    if mask is not None:
        there = int(np.count_nonzero(mask))
        if there <= max(top, _FEW) or (chunk.codes is None and there < _FEW_SHARE * len(mask)):
            places = np.flatnonzero(mask)
            return _compared(chunk.vectors, places, None, queries, top)
    if len(queries) <= _CODED_QUERIES:
        codes = _codes_of(chunk)
        if codes is not None:
            found = [codes.candidates(query, top, mask) for query in queries]
            if all(one is not None for one in found):
                return [one for one in found if one is not None]
    return _compared(chunk.vectors, None, mask, queries, top)


def _compared(
    vectors: Vectors,
    places: npt.NDArray[np.intp] | None,
    mask: Mask,
    queries: Vectors,
    top: int,
) -> list[npt.NDArray[np.intp]]:
    """Compare rows with all queries, lot by lot: those at the places, or all in the mask."""
    total = len(vectors) if places is None else len(places)
    kept: list[list[npt.NDArray[np.intp]]] = [[] for _ in queries]
    scores: list[list[npt.NDArray[np.float32]]] = [[] for _ in queries]
    for start in range(0, total, _LOT):
        end = min(start + _LOT, total)
        rows = vectors[start:end] if places is None else vectors[places[start:end]]
        products = queries @ rows.T
        if places is None and mask is not None:
            products[:, ~mask[start:end]] = -np.inf
        for number, row in enumerate(products):
            best = np.flatnonzero(row >= _least(row, top))
            kept[number].append(best + start)
            scores[number].append(row[best])
    answers = []
    for mine, own in zip(kept, scores, strict=True):
        at = np.concatenate(mine) if mine else np.empty(0, np.intp)
        if len(mine) > 1:
            every = np.concatenate(own)
            at = at[every >= _least(every, top)]
        answers.append(at if places is None else places[at])
    return answers


def _least(products: npt.NDArray[np.float32], top: int) -> float:
    """Return what a product has to be to be among the ``top``, or to tie with the last of them."""
    if len(products) <= top:
        return float(np.finfo(np.float32).min)
    return max(float(np.partition(products, -top)[-top]) - _TIE, float(np.finfo(np.float32).min))


def _codes_of(chunk: Chunk) -> Codes | None:
    """Return the chunk's codes; made beside the searches once these have paid for it."""
    if chunk.codes is None and len(chunk) >= _CODED_ROWS:
        chunk.passes += 1
        if chunk.passes == _PASSES:
            threading.Thread(target=_encode, args=(chunk,), daemon=True, name="codes").start()
    return chunk.codes


def _encode(chunk: Chunk) -> None:
    try:
        chunk.codes = Codes(chunk.vectors)
    except (ImportError, AttributeError, MemoryError) as error:  # searches go on without
        _log.debug("vectors are searched unrounded: %s", error)
