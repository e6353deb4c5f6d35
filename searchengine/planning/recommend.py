"""Which index profile a corpus should have: by its size, the memory there is, and the hurry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchengine.store.profiles import AUTO_THRESHOLD

if TYPE_CHECKING:
    from collections.abc import Callable

FEW_NODES, SOME_NODES = 12, 24
"""Query nodes that nobody minds, and that one minds less than waiting for a disk."""
IMPATIENT_MS = 20.0
"""Questions that have to be answered sooner cannot wait for a disk. An assumption: DiskANN reads
some ten times for one, at 0.1 ms each from NVMe, and others are reading too."""
_TIMES_MEMORY = 5.0


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A profile's name, and why."""

    profile: str
    reason: str


def recommend(
    items: int,
    memory: float | None,
    latency_ms: float | None,
    data_of: Callable[[str], float],
    nodes_of: Callable[[str], int],
) -> Recommendation:
    """Return the profile for so many items.

    ``memory`` is all that there may be, bytes; without it, nodes are bought, within reason.
    ``data_of`` and ``nodes_of`` give bytes in memory and query nodes by the profile's name.
    """
    if items < AUTO_THRESHOLD:
        return Recommendation("FLAT", f"under {AUTO_THRESHOLD:,} items exact search is fast enough")
    hurry = latency_ms is not None and latency_ms < IMPATIENT_MS
    for name, few in (("HNSW", FEW_NODES), ("HNSW_SQ", SOME_NODES)):
        if memory is not None and data_of(name) <= memory:
            return Recommendation(name, "the most exact of the fast ones that fit into the memory")
        if memory is None and nodes_of(name) <= few:
            nodes = nodes_of(name)
            held = "one query node holds" if nodes == 1 else f"{nodes} query nodes hold"
            return Recommendation(name, f"fast, and {held} it")
    if hurry:
        if memory is None:
            return Recommendation("HNSW_SQ", "in memory, for the answers are wanted at once")
        return Recommendation(
            "IVF_RABITQ", "one bit a component: little else answers so soon from so little memory"
        )
    if memory is not None and data_of("DISKANN") > memory:
        within = data_of("HNSW") <= _TIMES_MEMORY * memory
        mapped = "HNSW_MMAP" if within else "IVF_FLAT_MMAP"
        return Recommendation(mapped, "columns and index stay on disk: not even codes fit")
    return Recommendation(
        "DISKANN", "the vectors stay on fast disks; a question waits for some reads"
    )
