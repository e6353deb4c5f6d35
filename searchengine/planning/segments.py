"""Segments: what a server cuts a collection into, keeps open for new rows, and merges."""

from __future__ import annotations

import math

from searchengine.planning.rows import counted_by_milvus

SEGMENT_MB = 1024
"""``dataCoord.segment.maxSize`` of Milvus 2.4 and later (512 in 2.3)."""
FULL = 0.75
"""How full segments are on average after compaction. An assumption: from
``compactableProportion`` (0.85) of those that are done, with the last ones of each shard."""
INTERIM = 1.15
"""What a stand-in index takes of the vectors that are not indexed yet:
``queryNode.segcore.interimIndex.memExpansionRate``."""
MERGED = 2.0
"""How often a vector is indexed: as its segment is sealed, and once more as segments are merged."""
REPLACED = 1.0
"""What compaction leaves behind until it is cleared away after 3 hours
(``dataCoord.gc.dropTolerance``), of what there is: all of it, at worst."""
LOG_HOURS = 3.0
"""How long the log of writes is kept at least (``mq`` retention; of Woodpecker and Pulsar alike the
order of the checkpoint's age)."""
_SHARD_ROWS_A_S = 10_000
"""Upserts a second that one shard takes: 11,800 were measured with server and client on two cores
(bench/results/rows_written.json)."""
MOST_SHARDS = 16
"""``proxy.maxShardNum``."""


def segment_rows(dim: int, segment_mb: int = SEGMENT_MB) -> int:
    """Return how many rows a full segment holds."""
    return max(1, segment_mb * 2**20 // counted_by_milvus(dim))


def segment_count(items: int, dim: int, segment_mb: int = SEGMENT_MB) -> int:
    """Return the number of segments of so many items once compaction is done."""
    return max(1, math.ceil(items / (FULL * segment_rows(dim, segment_mb))))


def growing_bytes(
    shards: int, dim: int, a_row: float, rows: float, segment_mb: int = SEGMENT_MB
) -> float:
    """Return the memory of the segments that take new rows in: one a shard, and never more than the
    ``rows`` that there are; vectors with their stand-in index, and whole columns of ``a_row``."""
    open_rows = min(shards * segment_rows(dim, segment_mb), rows)
    return open_rows * (4 * dim * INTERIM + a_row)


def shards_for(rows_a_s: float) -> int:
    """Return how many shards take so many upserts a second."""
    return max(1, min(MOST_SHARDS, math.ceil(rows_a_s / _SHARD_ROWS_A_S)))


def shard_rows_a_s(shards: int) -> float:
    """Return how many upserts a second so many shards take."""
    return float(shards * _SHARD_ROWS_A_S)
