"""What drives the cost of a plan, what limits it, and what to do first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from searchengine.planning import segments, vectors
from searchengine.planning.amounts import bytes_text, count_text, hours_text
from searchengine.planning.cluster import BUSY, OVERLOADED
from searchengine.planning.hardware import accelerator

if TYPE_CHECKING:
    from searchengine.planning.forecast import Plan

MANY_SEGMENTS = 500
LITE_BYTES = 2 * 2**30
"""What is read straight from memory of a Milvus Lite folder (``store.mirror_mb``)."""
LARGER_SEGMENT_MB = 8192
_SMALL_IMAGE_MB = 0.1
_OLDEST = (2, 3)


def drivers(plan: Plan) -> list[str]:
    """Return what most of the memory, the storage and the time go to, the largest first."""
    said = []
    for what, parts in (("memory", plan.memory), ("object store", plan.stored)):
        total = sum(part.size for part in parts)
        largest = sorted(parts, key=lambda part: part.size, reverse=True)[:2]
        shares = ", ".join(f"{part.name} {part.size / total:.0%} ({part.how})" for part in largest)
        said.append(f"{what}: {shares}")
    if plan.tower.dim >= 768 and plan.profile.name != "FLAT":
        said.append(f"{plan.tower.dim} numbers a vector: a model of 512 takes two thirds or less")
    by_cores = plan.wishes.queries_a_s * plan.core_ms / 1e3 / BUSY
    if by_cores > plan.query_nodes * plan.wishes.node.cores / 2:
        said.append(
            f"questions: {plan.wishes.queries_a_s:g} a second keep {by_cores:,.0f} cores busy"
        )
    return said


def limit(plan: Plan) -> str:
    """Return what keeps the corpus from being filled sooner."""
    pace = plan.pace
    words = {
        "encode": f"encoding: {pace.gpus} x {plan.wishes.gpu} do {count_text(pace.wanted_a_s)}/s",
        "read": f"the network: {plan.wishes.network_gbit:g} Gbit/s bring "
        f"{count_text(pace.rates['read'])} pictures/s of {plan.wishes.image_mb:g} MB",
        "write": f"writing: {plan.shards} shards take {count_text(pace.rates['write'])} rows/s",
    }
    return words[pace.limit]


def first(plan: Plan) -> list[str]:
    """Return what to do, the most worthwhile first."""
    steps = [*_on_index(plan), *_on_pace(plan)]
    if plan.segments > MANY_SEGMENTS and plan.wishes.segment_mb < LARGER_SEGMENT_MB:
        fewer = -(-plan.segments * plan.wishes.segment_mb // LARGER_SEGMENT_MB)
        steps.append(
            f"set dataCoord.segment.maxSize to {LARGER_SEGMENT_MB}: a question goes through "
            f"{plan.segments:,} segments, and would through {fewer:,} (--segment-mb)"
        )
    if plan.tenancy.tenants > 1 and plan.tenancy.advice != "a corpus a tenant":
        steps.append(plan.tenancy.advice)
    return [*steps, _start(plan)]


def _start(plan: Plan) -> str:
    """Return how to begin."""
    if plan.tenancy.tenants == 1 and plan.memory_total <= LITE_BYTES:
        return "no server is needed: Milvus Lite holds it in a folder, read from memory"
    if plan.query_nodes == 1:
        size = bytes_text(2 * plan.memory_total)
        return f"one server will do (docker compose up -d) with {size} of memory for it"
    return "start with deploy/milvus/milvus.yaml, and put the numbers above into it"


def _on_index(plan: Plan) -> list[str]:
    steps, best = [], plan.recommended
    if best.profile != plan.profile.name:
        steps.append(f"take --index {best.profile}: {best.reason}")
    if plan.profile.needs.gpu:
        card = accelerator(plan.wishes.gpu)
        if card.memory_gb:
            cards = plan.gpu_memory / (card.memory_gb * 1e9 * OVERLOADED)
            steps.append(f"query nodes need {count_text(max(1, -(-cards // 1)))} x {card.name}")
        else:
            steps.append("query nodes need GPUs: name one with --gpu")
    if plan.local:
        each = plan.local / plan.query_nodes
        if each > plan.wishes.node.disk_gb * 1e9:
            steps.append(f"give each query node {bytes_text(1.2 * each)} of NVMe")
    if plan.wishes.memory_gb is not None and plan.memory_total > plan.wishes.memory_gb * 2**30:
        steps.append(f"more memory: {bytes_text(plan.memory_total)} do not fit into what there is")
    return steps


def _on_pace(plan: Plan) -> list[str]:
    pace, wishes = plan.pace, plan.wishes
    late = pace.hours > 1.05 * wishes.hours
    if not late:
        return []
    if pace.limit == "read":
        if wishes.image_mb > 2 * _SMALL_IMAGE_MB:
            share = wishes.image_mb / _SMALL_IMAGE_MB
            return [
                f"read pictures of {_SMALL_IMAGE_MB:g} MB (made smaller where they lie): "
                f"{share:.0f} times as fast; or have the cluster where the pictures are"
            ]
        return ["have the cluster where the pictures are: the network limits it"]
    if pace.limit == "write":
        return ["import in bulk into a new collection: shards limit writes, not imports"]
    return [f"{-(-pace.gpu_hours // wishes.hours):.0f} x {wishes.gpu} finish in time (--gpus)"]


def assumptions(plan: Plan) -> list[str]:
    """Return what the numbers stand on, those that count most here."""
    device = accelerator(plan.wishes.gpu)
    said = [
        f"encoding: {device.share:.0%} of {device.tflops:g} TFLOP/s on {device.name}"
        if plan.wishes.images_per_gpu_s is None
        else f"encoding: {plan.wishes.images_per_gpu_s:g} pictures/s an accelerator, as given",
        f"pictures of {plan.wishes.image_mb:g} MB, captions of {plan.wishes.caption_bytes} bytes",
        f"segments of {plan.segment_mb} MiB, {segments.FULL:.0%} full, each indexed "
        f"{segments.MERGED:g} times; merged ones lie about for 3 hours",
        f"query nodes filled to {OVERLOADED:.0%}, {BUSY:.0%} of their cores busy, one to spare",
        f"{plan.wishes.daily:.1%} of the items are new on a day, and in open segments",
        f"{plan.wishes.replicas} replica(s); {plan.wishes.queries_a_s:g} questions a second",
    ]
    if plan.profile.needs.server > _OLDEST or plan.profile.needs.gpu:
        version = ".".join(map(str, plan.profile.needs.server))
        image = ", in its image for GPUs" if plan.profile.needs.gpu else ""
        said.append(f"{plan.profile.name} wants Milvus {version} or later{image}")
    if plan.profile.columns_mapped:
        said.append(f"of what is mapped, {vectors.HOT_SHARE:.0%} stay in memory")
    said.append(
        f"time: indexing goes on beside it, and is done within {hours_text(plan.pace.hours)}"
    )
    return said
