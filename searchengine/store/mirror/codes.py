"""Vectors in a quarter of the memory, to leave out those that cannot be among the nearest.

Comparing one query with many vectors takes as long as it takes to read them. So they are rounded
to one byte a component (FAISS's uniform scalar quantiser, after each component is centred and
scaled), and how far each block is off at most is kept with it: by Cauchy and Schwarz, the product
of a unit query with a vector is within that distance of its product with the rounded one. Rows
whose rounded product falls short of the k-th best true product by more than that cannot be among
the k nearest. What is left is compared in full, so the answer is exact, not nearly so.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from searchengine.encoders.contract import Vectors

_LOT = 8_192
"""Rows rounded at a time."""
_LEAST_ROWS = 16_384
"""Rows that are worth a thread."""
_FIRST = 256
_ROUNDING = 1e-4
"""More than what adding up in float32 takes from a product of 65,536 components of unit vectors."""


class Codes:
    """The rounded vectors of a chunk, in a block a thread."""

    def __init__(self, vectors: Vectors) -> None:
        """Round float32 (n, dim), n >= 1. Takes about 5 us a row."""
        self._vectors = vectors
        self._centre = _mean(vectors)
        self._scale = _reach(vectors, self._centre)
        blocks = max(1, min(_threads(), len(vectors) // _LEAST_ROWS))
        edges = np.linspace(0, len(vectors), blocks + 1).astype(np.intp)
        self._starts = edges[:-1].tolist()
        self._ends = edges[1:].tolist()
        self._blocks: list[Any] = []
        self._off: list[float] = []
        for start, end in zip(self._starts, self._ends, strict=True):
            index, off = self._rounded(vectors[start:end])
            self._blocks.append(index)
            self._off.append(off)
        self._usual = _FIRST

    def candidates(
        self, query: Vectors, top: int, mask: npt.NDArray[np.bool_] | None
    ) -> npt.NDArray[np.intp] | None:
        """Return places with all of the ``top`` nearest to a unit query (dim,) among them.

        Only rows in the mask count. ``None`` where there would be so many candidates that
        comparing all rows is no more work.
        """
        most = len(self._vectors) // 8
        wanted = max(self._usual, 2 * top)
        while wanted <= most:
            found = self._look(query, top, mask, wanted)
            if found is not None:
                self._usual = max(_FIRST, wanted // 2 if len(found) < wanted // 4 else wanted)
                return found
            wanted *= 4
        return None

    def _look(
        self, query: Vectors, top: int, mask: npt.NDArray[np.bool_] | None, wanted: int
    ) -> npt.NDArray[np.intp] | None:
        """Return candidates, ``None`` if more than ``wanted`` a block may be needed."""
        share = max(top, -(-wanted // len(self._blocks)))
        scaled = (query * self._scale)[None]
        base = float(query @ self._centre)

        def ask(block: int) -> tuple[Any, Any]:
            start, end = self._starts[block], self._ends[block]
            options = {} if mask is None else {"params": _only(mask[start:end])}
            products, places = self._blocks[block].search(
                scaled, min(share, end - start), **options
            )
            there = places[0] >= 0
            return products[0][there] + base, places[0][there] + start

        asked = range(len(self._blocks))
        answers = list(_pool().map(ask, asked))
        places = np.concatenate([at for _, at in answers])
        true = self._vectors[places] @ query
        least = -np.inf if len(true) < top else float(np.partition(true, -top)[-top]) - _ROUNDING
        for block, (products, at) in enumerate(answers):
            cut = len(at) == share and share < self._ends[block] - self._starts[block]
            if cut and float(products[-1]) + self._off[block] >= least:
                return None
        kept = places[true >= least]
        assert isinstance(kept, np.ndarray)
        return kept

    def _rounded(self, vectors: Vectors) -> tuple[Any, float]:
        """Return the block's index, and how far a rounded vector is off at most, in length."""
        faiss: Any = import_module("faiss")
        dim = vectors.shape[1]
        index = faiss.IndexScalarQuantizer(
            dim, faiss.ScalarQuantizer.QT_8bit_uniform, faiss.METRIC_INNER_PRODUCT
        )
        ends = np.ones((2, dim), np.float32)
        ends[0] = -1
        index.train(ends)
        off = 0.0
        for at in range(0, len(vectors), _LOT):
            some = vectors[at : at + _LOT]
            index.add((some - self._centre) / self._scale)
            back = index.reconstruct_n(at, len(some)) * self._scale + self._centre
            off = max(off, float(np.linalg.norm(some - back, axis=1).max()))
        return index, off * 1.002 + _ROUNDING  # a unit query is one to 1e-3


def _mean(vectors: Vectors) -> Vectors:
    return np.asarray(vectors[:: max(1, len(vectors) // _LOT)].mean(axis=0), np.float32)


def _reach(vectors: Vectors, centre: Vectors) -> Vectors:
    """Return how far each component goes from the centre at most, above 0, float32 (dim,)."""
    reach = np.full(vectors.shape[1], 1e-6, np.float32)
    for at in range(0, len(vectors), _LOT):
        some = vectors[at : at + _LOT]
        np.maximum(reach, some.max(axis=0) - centre, out=reach)
        np.maximum(reach, centre - some.min(axis=0), out=reach)
    return reach


def _only(mask: npt.NDArray[np.bool_]) -> Any:
    faiss: Any = import_module("faiss")  # its annotations are of the C++ signatures
    return faiss.SearchParameters(sel=faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little")))


def _threads() -> int:
    return max(1, min(8, os.cpu_count() or 1))


@cache
def _pool() -> ThreadPoolExecutor:
    """Threads that FAISS shall not divide further: one query is no work for a team of threads."""
    faiss: Any = import_module("faiss")
    return ThreadPoolExecutor(
        _threads(), "mirror", initializer=faiss.omp_set_num_threads, initargs=(1,)
    )
