"""How many owners a database can keep apart, and how."""

from __future__ import annotations

from dataclasses import dataclass

SIDES = 2
"""Collections of a corpus: one of images, one of texts."""
MOST_COLLECTIONS = 65_536
"""``rootCoord.maxGeneralCapacity``: collections x shards x partitions of one Milvus."""
COMFORTABLE = 1_000
"""Collections beyond which Milvus's makers advise against (milvus-io/milvus#31687)."""
_BYTES_LOADED = 8 * 2**20
"""Of a loaded collection with next to nothing in it: its channels and an open segment's first
chunks. An assumption."""


@dataclass(frozen=True, slots=True)
class Tenancy:
    """What a corpus a tenant comes to."""

    tenants: int
    collections: int
    memory: float
    """Bytes of the collections themselves, however little is in them."""
    fits: bool
    """Whether one Milvus takes them at all."""
    advice: str


def tenancy(tenants: int, shards: int) -> Tenancy:
    """Return how a corpus a tenant does: each has collections, an encoder and a life of its own.

    Partition and clustering keys are not used: docs/decisions/0012-corpus-a-tenant.md.
    """
    collections = tenants * SIDES if tenants > 1 else SIDES
    fits = collections * shards <= MOST_COLLECTIONS
    if tenants == 1:
        advice = "one corpus"
    elif not fits:
        most = MOST_COLLECTIONS // (SIDES * shards)
        advice = f"one Milvus holds {most:,} tenants at most: several of them are needed"
    elif collections > COMFORTABLE:
        advice = (
            f"beyond {COMFORTABLE:,} collections Milvus slows down: several databases are safer"
        )
    else:
        advice = "a corpus a tenant"
    memory = collections * _BYTES_LOADED if tenants > 1 else 0
    return Tenancy(tenants, collections, memory, fits, advice)
