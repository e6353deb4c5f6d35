"""Bytes of an index over vectors of ``dim`` float32 components, by the kind of index.

A server indexes each segment by itself; what a segment's index has once, however many vectors are
in it (centroids, code books), is ``a_segment``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from searchengine.store.index_params import Params
    from searchengine.store.profiles import Profile

HOT_SHARE = 0.2
"""Of what is mapped from disk, the part that should find room in memory all the same. An
assumption: a corpus whose every part is asked for alike wants all of it."""
_SECTOR = 4096
_DEGREE = 56
_PQ_SHARE, _CACHE_SHARE = 0.125, 0.10


@dataclass(frozen=True, slots=True)
class IndexBytes:
    """What an index takes for each vector, bytes."""

    memory: float
    """Of the query nodes."""
    stored: float
    """As files in the object store."""
    local: float = 0.0
    """On the query nodes' own disks."""
    gpu: float = 0.0
    """Of the GPUs' memory."""
    a_segment: float = 0.0
    """Once a segment, in memory and in its file."""


def vector_bytes(dim: int) -> int:
    """Return 4 d: a float32 a component."""
    return 4 * dim


def graph_bytes(m: int) -> float:
    """Return the links of an HNSW node: 2 M of 4 bytes and their number on the ground floor, M and
    their number on each of the 1/(M-1) floors above it that a node has on average, and its label.

    hnswlib/hnswalg.h (``size_links_level0_``, ``size_links_per_element_``, ``labeltype``); FAISS's
    wiki, "Guidelines to choose an index", rounds it to M * 2 * 4.
    """
    return 4 * (2 * m + 1) + 4 * (m + 1) / max(m - 1, 1) + 8


def hnsw_bytes(dim: int, m: int) -> float:
    """Return 4 d + ``graph_bytes``: the vectors are in the graph."""
    return vector_bytes(dim) + graph_bytes(m)


def ivf_flat_bytes(dim: int) -> float:
    """Return 4 d + 8: the vector and its id. FAISS's wiki, "The index factory"."""
    return vector_bytes(dim) + 8


def ivf_sq8_bytes(dim: int) -> float:
    """Return d + 8: a byte a component, and the id. FAISS's wiki, "The index factory"."""
    return dim + 8


def ivf_pq_bytes(m: int, bits: int) -> float:
    """Return ceil(m * bits / 8) + 8: codes, and the id. FAISS's wiki, "The index factory"."""
    return math.ceil(m * bits / 8) + 8


def rabitq_bytes(dim: int) -> float:
    """Return d/8 + 16: a bit a component, two float32 factors, the id.

    Gao and Long 2024, "RaBitQ"; FAISS, ``RaBitQuantizer::code_size``.
    """
    return math.ceil(dim / 8) + 8 + 8


def scann_bytes(dim: int) -> float:
    """Return 4 d + d/4 + 8: vectors to rank by, four bits for two components, the id.

    Guo et al. 2020, "Accelerating Large-Scale Inference with Anisotropic Vector Quantization";
    Milvus keeps the vectors (``with_raw_data``) unless told not to.
    """
    return vector_bytes(dim) + math.ceil(dim / 4) + 8


def diskann_memory(dim: int) -> float:
    """Return 0.225 * 4 d: codes of an eighth of the vectors, a tenth of the nodes cached.

    Milvus's milvus.yaml, ``common.DiskIndex``: PQCodeBudgetGBRatio and SearchCacheBudgetGBRatio.
    """
    return (_PQ_SHARE + _CACHE_SHARE) * vector_bytes(dim)


def diskann_disk(dim: int) -> float:
    """Return the part of 4 KiB sectors that a node with its vector and 56 links takes.

    DiskANN, ``create_disk_layout``: nodes do not cross sectors unless they are larger than one.
    """
    node = vector_bytes(dim) + 4 * (_DEGREE + 1)
    if node <= _SECTOR:
        return _SECTOR / (_SECTOR // node)
    return math.ceil(node / _SECTOR) * _SECTOR


def cagra_bytes(dim: int) -> float:
    """Return 1.8 * 4 d of a GPU's memory: milvus.io/docs/gpu-index-overview.md."""
    return 1.8 * vector_bytes(dim)


def centroid_bytes(lists: int, dim: int) -> int:
    """Return the vectors that the inverted lists of an index go by."""
    return lists * vector_bytes(dim)


def codebook_bytes(dim: int) -> int:
    """Return the 256 code words of all parts of a product quantiser: together 256 vectors."""
    return 256 * vector_bytes(dim)


def _flat(dim: int, params: Params) -> IndexBytes:
    return IndexBytes(vector_bytes(dim), 0)  # the vectors themselves: no index is built


def _hnsw(dim: int, params: Params) -> IndexBytes:
    size = hnsw_bytes(dim, params.get("M", 16))
    return IndexBytes(size, size)


def _hnsw_sq(dim: int, params: Params) -> IndexBytes:
    size = dim + graph_bytes(params.get("M", 16))
    return IndexBytes(size, size, local=vector_bytes(dim))


def _ivf_flat(dim: int, params: Params) -> IndexBytes:
    size = ivf_flat_bytes(dim)
    return IndexBytes(size, size, a_segment=centroid_bytes(params["nlist"], dim))


def _quantised(size: float, dim: int, params: Params, more: float = 0) -> IndexBytes:
    """Of codes alone: the vectors that hits are scored by are read from disk, and cached there."""
    once = centroid_bytes(params["nlist"], dim) + more
    return IndexBytes(size, size, local=vector_bytes(dim), a_segment=once)


def _ivf_sq8(dim: int, params: Params) -> IndexBytes:
    return _quantised(ivf_sq8_bytes(dim), dim, params)


def _ivf_pq(dim: int, params: Params) -> IndexBytes:
    return _quantised(ivf_pq_bytes(params["m"], params["nbits"]), dim, params, codebook_bytes(dim))


def _ivf_rabitq(dim: int, params: Params) -> IndexBytes:
    return _quantised(rabitq_bytes(dim), dim, params)


def _scann(dim: int, params: Params) -> IndexBytes:
    size = scann_bytes(dim)
    return IndexBytes(size, size, a_segment=centroid_bytes(params["nlist"], dim))


def _diskann(dim: int, params: Params) -> IndexBytes:
    disk = diskann_disk(dim)
    return IndexBytes(diskann_memory(dim), disk, local=disk, a_segment=codebook_bytes(dim))


def _cagra(dim: int, params: Params) -> IndexBytes:
    stored = vector_bytes(dim) + 4 * params.get("graph_degree", 32)
    return IndexBytes(0, stored, gpu=cagra_bytes(dim))


def _on_gpu(size: Callable[[int, Params], IndexBytes]) -> Callable[[int, Params], IndexBytes]:
    def moved(dim: int, params: Params) -> IndexBytes:
        found = size(dim, params)
        return IndexBytes(0, found.stored, found.local, found.memory, found.a_segment)

    return moved


SIZES: dict[str, Callable[[int, Params], IndexBytes]] = {
    "FLAT": _flat,
    "HNSW": _hnsw,
    "HNSW_SQ": _hnsw_sq,
    "IVF_FLAT": _ivf_flat,
    "IVF_SQ8": _ivf_sq8,
    "IVF_PQ": _ivf_pq,
    "IVF_RABITQ": _ivf_rabitq,
    "SCANN": _scann,
    "DISKANN": _diskann,
    "AUTOINDEX": _hnsw,  # Milvus's milvus.yaml, autoIndex.params.build: HNSW
    "GPU_CAGRA": _cagra,
    "GPU_IVF_FLAT": _on_gpu(_ivf_flat),
    "GPU_IVF_PQ": _on_gpu(_ivf_pq),
    "GPU_BRUTE_FORCE": _on_gpu(_flat),
}
"""By Milvus's name of the index: bytes for (dim, build parameters)."""


def index_bytes(profile: Profile, items: int, dim: int) -> IndexBytes:
    """Return what the index of that profile takes for each of so many vectors."""
    found = SIZES[profile.index_type](dim, profile.build(items, dim))
    if not profile.mapped:
        return found
    local = found.local + found.memory
    return IndexBytes(HOT_SHARE * found.memory, found.stored, local, 0, found.a_segment)
