"""A plan: what a corpus takes, put together from the formulas."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from searchengine.errors import (
    ModelUnavailableError,
    SettingsError,
    UnknownModelError,
    UnsupportedError,
)
from searchengine.planning import rows, segments, vectors, work
from searchengine.planning.cluster import Component, components, index_nodes, query_nodes
from searchengine.planning.hardware import accelerator
from searchengine.planning.pace import Pace, pace
from searchengine.planning.recommend import Recommendation, recommend
from searchengine.planning.tenants import Tenancy, tenancy
from searchengine.planning.towers import Tower, tower_of
from searchengine.planning.wishes import RECOMMENDED, Wishes
from searchengine.store.profiles import PROFILES

if TYPE_CHECKING:
    from searchengine.store.profiles import Profile


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that takes room, bytes."""

    name: str
    size: float
    how: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a corpus takes. Sizes in bytes."""

    wishes: Wishes
    tower: Tower
    profile: Profile
    recommended: Recommendation
    memory: tuple[Part, ...]
    """Of the query nodes, all replicas."""
    gpu_memory: float
    stored: tuple[Part, ...]
    """In the object store."""
    local: float
    """On the query nodes' own disks, all replicas."""
    segments: int
    segment_mb: int
    """Of each, once it is full, MiB."""
    shards: int
    query_nodes: int
    core_ms: float
    """Milliseconds of cores, all together, that one question takes."""
    pace: Pace
    index_core_hours: float
    index_nodes: int
    tenancy: Tenancy
    components: tuple[Component, ...]

    @property
    def memory_total(self) -> float:
        """Bytes of the query nodes' memory that are data."""
        return sum(part.size for part in self.memory)

    @property
    def stored_total(self) -> float:
        """Bytes in the object store at the worst moment."""
        return sum(part.size for part in self.stored)


def make_plan(wishes: Wishes) -> Plan:
    """Return the plan for the wishes.

    Raises ``UnknownModelError``, ``UnsupportedError`` for an index that is no profile, and
    ``SettingsError`` where something has to be said that nobody knows.
    """
    tower = _tower(wishes)
    best = _recommendation(wishes, tower)
    name = best.profile if wishes.index.lower() == RECOMMENDED else wishes.index.upper()
    if name not in PROFILES:
        known = ", ".join((RECOMMENDED, *sorted(PROFILES)))
        raise UnsupportedError(f"there is no index {wishes.index!r}", hint=f"known: {known}")
    return _plan(wishes, tower, PROFILES[name], best)


def alternatives(plan: Plan, names: tuple[str, ...]) -> list[Plan]:
    """Return the same plan with other indexes."""
    return [
        _plan(plan.wishes, plan.tower, PROFILES[name], plan.recommended)
        for name in names
        if name != plan.profile.name
    ]


def _tower(wishes: Wishes) -> Tower:
    if wishes.dim is None:
        return tower_of(wishes.model)
    try:
        return replace(tower_of(wishes.model), dim=wishes.dim)
    except (UnknownModelError, ModelUnavailableError) as error:
        if wishes.images_per_gpu_s is None:
            raise SettingsError(
                f"{error}", hint="with --dim and --images-per-gpu-s a plan needs no known model"
            ) from error
        return Tower(wishes.model, wishes.dim, 224, None)


def _recommendation(wishes: Wishes, tower: Tower) -> Recommendation:
    memory = None if wishes.memory_gb is None else wishes.memory_gb * 2**30

    def data_of(name: str) -> float:
        return sum(part.size for part in memory_parts(wishes, tower.dim, PROFILES[name], 1))

    def nodes_of(name: str) -> int:
        return _query_nodes(wishes, tower.dim, PROFILES[name], data_of(name))

    return recommend(wishes.items, memory, wishes.latency_ms, data_of, nodes_of)


def kind_of(profile: Profile) -> str:
    """Return how the index is searched: ``exact``, ``lists``, ``graph`` or ``disk``."""
    if profile.index_type in ("FLAT", "GPU_BRUTE_FORCE"):
        return "exact"
    if profile.index_type == "DISKANN" or profile.mapped:
        return "disk"
    return "lists" if profile.effort == "nprobe" else "graph"


def memory_parts(wishes: Wishes, dim: int, profile: Profile, shards: int) -> tuple[Part, ...]:
    """Return what lies in the query nodes' memory, all replicas of it."""
    items, copies = wishes.items, wishes.replicas
    size = vectors.index_bytes(profile, items, dim)
    count = _segments(wishes, dim, profile)
    column = rows.row_memory(wishes.caption_bytes) - rows.key_bytes()
    hot = vectors.HOT_SHARE if profile.columns_mapped else 1.0
    a_row = rows.row_memory(wishes.caption_bytes)
    fresh = segments.growing_bytes(
        shards, dim, a_row, items * wishes.daily, _segment_mb(wishes, profile)
    )
    terms = rows.terms_memory(wishes.caption_bytes)
    parts = (
        Part("index", copies * items * size.memory, f"{size.memory:,.0f} B a vector"),
        Part("centroids", copies * count * size.a_segment, "once a segment"),
        Part("columns", copies * items * column * hot, f"{column:,.0f} B a row"),
        Part("keys", copies * items * rows.key_bytes(), f"{rows.key_bytes()} B a row"),
        Part("words", copies * items * terms * hot, f"{terms:,.0f} B a row"),
        Part("open segments", copies * fresh, "new rows, not indexed yet"),
        Part("collections", copies * tenancy(wishes.tenants, 1).memory, "each, however small"),
    )
    return tuple(part for part in parts if part.size > 0)


def stored_parts(wishes: Wishes, dim: int, profile: Profile, rate: float) -> tuple[Part, ...]:
    """Return what lies in the object store at the worst moment, while much is being merged.

    ``rate``: rows a second that are written at that time.
    """
    items = wishes.items
    size = vectors.index_bytes(profile, items, dim)
    count = _segments(wishes, dim, profile)
    raw = items * vectors.vector_bytes(dim) * rows.PACKED_VECTORS
    columns = items * rows.row_stored(wishes.caption_bytes)
    index = rows.PACKED_VECTORS * (items * size.stored + count * size.a_segment)
    live = raw + columns + index
    log_rows = min(items, rate * segments.LOG_HOURS * 3600)
    log = log_rows * (vectors.vector_bytes(dim) + rows.text_bytes(wishes.caption_bytes))
    return (
        Part("vectors", raw, f"{raw / items:,.0f} B a vector, compressed"),
        Part("columns", columns, f"{columns / items:,.0f} B a row, compressed"),
        Part("index files", index, f"{index / items:,.0f} B a vector"),
        Part("merged segments", live * segments.REPLACED, "until they are cleared away (3 h)"),
        Part("log of writes", log, f"{segments.LOG_HOURS:.0f} h of them"),
    )


def _segment_mb(wishes: Wishes, profile: Profile) -> int:
    """Return what a full segment holds; twice as much with DiskANN (``diskSegmentMaxSize``)."""
    return wishes.segment_mb * (2 if profile.index_type == "DISKANN" else 1)


def _segments(wishes: Wishes, dim: int, profile: Profile) -> int:
    """Return the segments of all tenants' corpora."""
    each = max(1, wishes.items // wishes.tenants)
    return wishes.tenants * segments.segment_count(each, dim, _segment_mb(wishes, profile))


def _core_ms(wishes: Wishes, dim: int, profile: Profile) -> float:
    count = max(1, _segments(wishes, dim, profile) // wishes.tenants)
    return work.search_ms(kind_of(profile), count, wishes.items // wishes.tenants, dim)


def _query_nodes(wishes: Wishes, dim: int, profile: Profile, data: float) -> int:
    core_ms = _core_ms(wishes, dim, profile)
    segment = _segment_mb(wishes, profile) * 2**20
    return query_nodes(data, segment, core_ms, wishes.queries_a_s, wishes.node)


def _plan(wishes: Wishes, tower: Tower, profile: Profile, best: Recommendation) -> Plan:
    dim, items = tower.dim, wishes.items
    device = accelerator(wishes.gpu)
    found = pace(wishes, tower, device)
    shards = segments.shards_for(found.wanted_a_s)
    memory = memory_parts(wishes, dim, profile, shards)
    data = sum(part.size for part in memory)
    size = vectors.index_bytes(profile, items, dim)
    count = _segments(wishes, dim, profile)
    rows_each = min(items, segments.segment_rows(dim, _segment_mb(wishes, profile)))
    ms = work.index_ms(profile.index_type, rows_each, dim, profile.build(items, dim))
    core_hours = segments.MERGED * items * ms / 3.6e6
    builders = index_nodes(core_hours, found.hours, wishes.node.cores)
    nodes = _query_nodes(wishes, dim, profile, data)
    mapped = rows.row_memory(wishes.caption_bytes) if profile.columns_mapped else 0
    local = wishes.replicas * items * (size.local + mapped)
    owners = tenancy(wishes.tenants, 1)
    return Plan(
        wishes=wishes,
        tower=tower,
        profile=profile,
        recommended=best,
        memory=memory,
        gpu_memory=wishes.replicas * items * size.gpu,
        stored=stored_parts(wishes, dim, profile, items / (found.hours * 3600)),
        local=local,
        segments=count,
        segment_mb=_segment_mb(wishes, profile),
        shards=shards,
        query_nodes=nodes,
        core_ms=_core_ms(wishes, dim, profile),
        pace=found,
        index_core_hours=core_hours,
        index_nodes=builders,
        tenancy=owners,
        components=components(
            nodes,
            wishes.node,
            local=local,
            growing=sum(part.size for part in memory if part.name == "open segments"),
            shards=shards,
            segments=count,
            segment=_segment_mb(wishes, profile) * 2**20,
            builders=builders,
            queries_a_s=wishes.queries_a_s,
        ),
    )
