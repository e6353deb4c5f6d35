"""How long things take: reading, decoding, encoding, writing, indexing, searching."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from searchengine.planning.hardware import Accelerator

_DECODE_MS, _DECODE_MS_A_MB = 0.75, 8.6
_HNSW_MS = 1.25
_HNSW_AT_ROWS, _HNSW_AT_DIM, _HNSW_AT_EFFORT = 500_000, 512, 200
_ROUNDS = 10
_TRAINED_A_LIST = 256
_GFLOP_A_CORE_S = 30.0
_SEARCH_MS = {"graph": 0.3, "lists": 1.0, "disk": 2.0, "exact": 0.1}
_READ_FROM_MEMORY = 10e9
MB_A_MEGAPIXEL = 0.23
"""Of a camera's JPEG: 2.8 MB at 12 megapixels (bench/results/decode.json)."""


def images_a_s(gflop: float, device: Accelerator) -> float:
    """Return pictures a second of one accelerator: the share of its data sheet's rate that is
    reached, by the operations of one picture."""
    return device.tflops * 1e3 * device.share / gflop


def decode_ms(image_mb: float) -> float:
    """Return milliseconds of one core from a JPEG's bytes to the model's pixels: 0.75 + 8.6 a MB.

    Measured by bench/decode.py on an AMD EPYC: 1.5 ms at 83 kB (0.75 megapixels), 26.4 at 2.78 MB
    (12 megapixels), 35.7 at 4.44 MB; the line is within a tenth of each. Huffman decoding is most
    of it, so bytes tell more than pixels.
    """
    return _DECODE_MS + _DECODE_MS_A_MB * image_mb


def hnsw_ms(rows: int, dim: int, effort: int) -> float:
    """Return milliseconds of one core to put a vector into a graph of so many.

    Distances computed a vector grow with efConstruction and with log n (Malkov and Yashunin 2018,
    section 4.2), each with d. 1.25 ms at 500,000 x 512 and efConstruction 200: FAISS on one core
    took 626 s for the first half of a million (bench/server_world.py).
    """
    depth = math.log2(max(rows, 2)) / math.log2(_HNSW_AT_ROWS)
    return _HNSW_MS * depth * dim / _HNSW_AT_DIM * effort / _HNSW_AT_EFFORT


def lists_ms(rows: int, dim: int, lists: int) -> float:
    """Return milliseconds of one core to put a vector into inverted lists.

    k-means of 10 rounds over 256 vectors a list at most, then each vector compared with each list's
    centre (FAISS, ``Clustering``; 2 d operations each), at 30 GFLOP/s a core (an assumption).
    """
    trained = min(rows, _TRAINED_A_LIST * lists)
    operations = 2 * dim * lists * (_ROUNDS * trained + rows)
    return operations / (_GFLOP_A_CORE_S * 1e9) / max(rows, 1) * 1e3


def index_ms(index_type: str, rows: int, dim: int, params: dict[str, int]) -> float:
    """Return milliseconds of one core a vector to index a segment of so many rows."""
    if index_type in ("FLAT", "GPU_BRUTE_FORCE"):
        return 0.01  # copied
    if index_type.startswith("GPU_"):
        return 0.02  # of a core; the GPU does it (cuVS: millions of vectors a minute)
    if index_type == "DISKANN":  # Vamana: two passes, lists of 100 and 56 links
        return 2 * hnsw_ms(rows, dim, 100) + lists_ms(rows, dim, 256)
    if "nlist" in params:
        return lists_ms(rows, dim, params["nlist"])
    return hnsw_ms(rows, dim, params.get("efConstruction", 200))


def search_ms(kind: str, segments: int, rows: int, dim: int) -> float:
    """Return milliseconds of cores, all together, that one question takes.

    Every segment is searched: a graph takes 0.3 ms at a recall@10 of 0.99, whatever its size
    (FAISS at 100,000 x 512, bench/results/server_search.json); inverted lists 1 ms and DiskANN 2 ms
    are assumptions; exact search reads all vectors, 10 GB/s a core.
    """
    if kind == "exact":
        return _SEARCH_MS["exact"] * segments + 4 * dim * rows / _READ_FROM_MEMORY * 1e3
    return _SEARCH_MS[kind] * segments
