"""What ``server_search.py`` measures, kept in a folder: vectors, a FAISS index, a server's data.

Each part is made once and found again by the next run, so that a run that was stopped goes on.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from made_rows import CHUNK, Mixture, rows_of

from searchengine.records import Side
from searchengine.store.contract import SideSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from searchengine.encoders.contract import Vectors
    from searchengine.store.contract import SideInfo, Store

TOP = 10
NEIGHBOURS, BUILD_EFFORT = 16, 200
"""Of both graphs: M and efConstruction."""
KEEP = 100_000
"""Items after which the FAISS graph is written, to go on from."""


def keep(graph: Any, path: Path) -> None:
    """Write a FAISS index; the file is whole, whenever this is killed."""
    import faiss

    part = path.with_suffix(".part")
    faiss.write_index(graph, str(part))
    part.replace(path)


class World:
    """One number of items, on both sides."""

    def __init__(self, work: Path, items: int, dim: int, tell: Callable[[str], None]) -> None:
        self.folder = work / f"{items}x{dim}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.made = Mixture(items, dim)
        self.items = items
        self.dim = dim
        self.side = Side(f"bench server {items}x{dim}", "image")
        self._tell = tell

    def vectors(self) -> Vectors:
        """Return all vectors, float32 (items, dim), on disk."""
        path = self.folder / "vectors.npy"
        if not path.is_file():
            half = path.with_suffix(".part")
            shape = (self.items, self.dim)
            kept = np.lib.format.open_memmap(half, mode="w+", dtype=np.float32, shape=shape)
            for first, some in self.made.chunks():
                kept[first : first + len(some)] = some
            kept.flush()
            half.rename(path)
        return np.asarray(np.load(path, mmap_mode="r"))

    def graph(self) -> Any:
        """Return FAISS's HNSW over them; one thread builds it, and keeps what it has."""
        import faiss

        path, half = self.folder / "hnsw.faiss", self.folder / "hnsw.half"
        if path.is_file():
            return faiss.read_index(str(path))
        faiss.omp_set_num_threads(1)
        graph = faiss.IndexHNSWFlat(self.dim, NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
        if half.is_file():
            graph = faiss.read_index(str(half))
        graph.hnsw.efConstruction = BUILD_EFFORT
        vectors, start = self.vectors(), time.perf_counter()
        while graph.ntotal < self.items:
            graph.add(np.ascontiguousarray(vectors[graph.ntotal : graph.ntotal + CHUNK]))
            if graph.ntotal % KEEP == 0:
                keep(graph, half)
                self._tell(f"FAISS: {graph.ntotal:,} items, {time.perf_counter() - start:.0f} s")
        keep(graph, path)
        half.unlink(missing_ok=True)
        return graph

    def filled(self, store: Store) -> SideInfo:
        """Return the side of the store, written, settled and with an HNSW index."""
        info = store.ensure(SideSpec(self.side, "bench", "0" * 32, self.dim, "auto"))
        if info.count < self.items or not info.settled:
            start = time.perf_counter()
            for first, _ in self.made.chunks(info.count // CHUNK * CHUNK):
                store.upsert(self.side, rows_of(self.vectors()[first : first + CHUNK], first))
            self._tell(f"Milvus: written in {time.perf_counter() - start:.0f} s")
            start = time.perf_counter()
            info = store.settle(self.side)
            self._tell(f"Milvus: settled in {time.perf_counter() - start:.0f} s")
        if info.count != self.items or info.index != "HNSW":
            raise SystemExit(f"the server holds {info.count:,} items with {info.index}")
        return info

    def queries(self, count: int, lot: int) -> tuple[Vectors, Vectors]:
        """Return queries, float32 (count, dim), and each one's cosine to its exact 10th neighbour.

        Found by plain multiplication.
        """
        path = self.folder / f"queries-{count}-{lot}.npz"
        if not path.is_file():
            asked = self.made.fresh(count, lot)
            best = np.full((count, TOP), -1, np.float32)
            vectors = self.vectors()
            for first in range(0, self.items, CHUNK):
                near = asked @ vectors[first : first + CHUNK].T
                best = np.partition(np.hstack([best, near]), -TOP, axis=1)[:, -TOP:]
            np.savez(path, asked=asked, least=best.min(axis=1))
        kept = np.load(path)
        return kept["asked"], kept["least"]
