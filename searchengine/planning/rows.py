"""Bytes of an item's columns beside its vector: in a query node's memory, and as files."""

from __future__ import annotations

from searchengine.store.fields import BY_NAME, COLUMNS, Kind

USUAL: dict[str, int] = {
    "id": 32,
    "uri": 60,
    "revision": 16,
    "content_hash": 32,
    "mime": 10,
    "caption": 60,
    "taken_at": 25,
    "camera": 16,
    "lens": 14,
    "folder": 32,
    "meta": 16,
}
"""Bytes of the texts of a photo with a short caption."""
PACKED = 0.25
"""What is left of the columns in compressed files: 100 bytes a row (bench/plan_check.py)."""
PACKED_VECTORS = 0.93
"""What zstd leaves of float32 components that look like noise, in columns and in index files:
measured there, too."""
_WORDS_OF_CAPTION = 6
"""Bytes of a caption a word."""


def text_bytes(caption: int = USUAL["caption"]) -> int:
    """Return the bytes of all texts of an item whose caption has so many."""
    return sum(USUAL.values()) - USUAL["caption"] + caption


def number_bytes() -> int:
    """Return the numbers of an item: 8 bytes each, with the moment that is sorted by, and Milvus's
    own row id and time stamp."""
    own = sum(column.kind in (Kind.INT, Kind.FLOAT) for column in COLUMNS)
    return 8 * (own + 1 + 2)


def key_bytes() -> int:
    """Return what finds a row by its key: a 32-byte string object, 48 bytes on the heap for its
    text, its offset (Milvus's segcore, ``OffsetOrderedArray<std::string>``), and 2 bytes of a Bloom
    filter (0.001 false positives: 14.4 bits)."""
    return 32 + 48 + 8 + 2


def row_memory(caption: int = USUAL["caption"]) -> int:
    """Return what a loaded row takes beside its vector: texts, an offset each, numbers, the key.

    Milvus loads all columns unless they are mapped.
    """
    texts = sum(column.kind not in (Kind.INT, Kind.FLOAT) for column in COLUMNS)
    return text_bytes(caption) + 8 * texts + number_bytes() + key_bytes()


def row_stored(caption: int = USUAL["caption"]) -> float:
    """Return what a row takes in the object store beside its vector."""
    return PACKED * (text_bytes(caption) + number_bytes())


def terms_memory(caption: int = USUAL["caption"]) -> float:
    """Return the sparse vector that captions are searched by (servers from 2.5 on): 8 bytes a word,
    in the column and again in its inverted index (Milvus, SPARSE_INVERTED_INDEX)."""
    return 2 * 8 * caption / _WORDS_OF_CAPTION


def counted_by_milvus(dim: int) -> int:
    """Return what Milvus takes a row to have when it decides how many fit into a segment.

    Texts count as long as they may be, but no more than 256 bytes; JSON as 512 (Milvus,
    ``typeutil.EstimateSizePerRecord``).
    """
    total = 4 * dim + number_bytes()
    for column in BY_NAME.values():
        if column.kind is Kind.JSON:
            total += 512
        elif column.kind not in (Kind.INT, Kind.FLOAT):
            total += min(256, column.max_bytes)
    return total
