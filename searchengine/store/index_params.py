"""How an index is built and how hard it looks: numbers that follow the number of items.

Defaults favour recall; ``bench/`` measures.
"""

from __future__ import annotations

import math
from typing import Any

MOST_EFFORT = 32_768
"""The largest ``ef`` a server takes."""
SEGMENT_ROWS = 500_000
"""Rows of a server's full segment (1 GiB of 512 components each), which is indexed by itself."""
Params = dict[str, Any]


def lists(count: int) -> int:
    """Return the number of inverted lists for so many items.

    4 sqrt(n), as FAISS advises, and no fewer than the 39 items a list that its
    k-means asks for. Of a segment's rows: a server builds an index over each.
    """
    rows = min(count, SEGMENT_ROWS)
    return max(1, min(65_536, round(4 * math.sqrt(rows)), rows // 39))


def probes(count: int, wanted: int = 0) -> int:
    """Return how many lists to look into: all of the first 128, an eighth of more."""
    total = lists(count)
    return min(total, max(128, total // 8, wanted // 8))


def beam(count: int, wanted: int) -> int:
    """HNSW's ``ef``. In steps, so that the pages of one answer come from one beam."""
    for step in (256, 1_024, 4_096):
        if wanted <= step // 2:
            return step
    return MOST_EFFORT


def wide_beam(count: int, wanted: int) -> int:
    """HNSW's ``ef`` under a filter: the whole graph."""
    return max(beam(count, wanted), min(count, MOST_EFFORT))


def nothing(count: int, other: int) -> Params:
    """FLAT, and what is left to the server: no parameters."""
    return {}


def hnsw(count: int, dim: int) -> Params:
    """HNSW's build parameters."""
    return {"M": 16, "efConstruction": 200}


def ef(count: int, wanted: int) -> Params:
    """HNSW's beam."""
    return {"ef": beam(count, wanted)}


def wide_ef(count: int, wanted: int) -> Params:
    """HNSW's beam under a filter."""
    return {"ef": wide_beam(count, wanted)}


def ivf(count: int, dim: int) -> Params:
    """Inverted lists."""
    return {"nlist": lists(count)}


def ivf_pq(count: int, dim: int) -> Params:
    """Inverted lists of product-quantised vectors: a byte for two components where it can be."""
    pieces = next((m for m in (dim // 2, dim // 4, dim // 8) if m and dim % m == 0), dim)
    return {"nlist": lists(count), "m": pieces, "nbits": 8}


def nprobe(count: int, wanted: int) -> Params:
    """How many lists are looked into."""
    return {"nprobe": probes(count, wanted)}


def all_lists(count: int, wanted: int) -> Params:
    """All lists, under a filter."""
    return {"nprobe": lists(count)}


def scann_search(count: int, wanted: int) -> Params:
    """ScaNN: lists looked into, candidates compared by their true vectors."""
    return {"nprobe": probes(count, wanted), "reorder_k": max(500, wanted * 10)}


def scann_all(count: int, wanted: int) -> Params:
    """ScaNN under a filter."""
    return {"nprobe": lists(count), "reorder_k": max(1_000, wanted * 20)}


def diskann_search(count: int, wanted: int) -> Params:
    """DiskANN's candidates."""
    return {"search_list": max(200, min(65_535, wanted * 2))}
