"""A plan as a table and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from searchengine.planning import advice
from searchengine.planning.amounts import bytes_text, core_text, count_text, hours_text
from searchengine.planning.forecast import alternatives
from searchengine.planning.hardware import accelerator
from searchengine.planning.milvus import milvus_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from searchengine.planning.forecast import Part, Plan

_NAMED = 3
COMPARED = ("FLAT", "HNSW", "HNSW_SQ", "IVF_SQ8", "IVF_RABITQ", "HNSW_MMAP", "DISKANN")


def plan_table(plan: Plan) -> str:
    """Return the plan for a person: what it takes, what limits it, what to do, what it rests on."""
    wishes = plan.wishes
    head = (
        f"{wishes.items:,} pictures, {plan.tower.name} ({plan.tower.dim} numbers a vector), "
        f"index {plan.profile.name}"
    )
    if wishes.index.upper() != plan.profile.name:
        head += f" (recommended: {plan.recommended.reason})"
    blocks = [
        head,
        _columns(_rows(plan), rights=(1,)),
        "Milvus 2.6, requests and limits of each pod\n"
        + _columns(_pods(plan), rights=(1, 2, 3, 4)),
        "With another index\n" + _columns(_others(plan), rights=(1, 2, 3, 4)),
        _list("What it goes to", advice.drivers(plan)),
        _list("What limits it", [advice.limit(plan)]),
        _list("What to do first", advice.first(plan)),
        _list("What is taken for granted", advice.assumptions(plan)),
    ]
    return "\n\n".join(blocks)


def _rows(plan: Plan) -> list[tuple[str, str, str]]:
    pace, wishes = plan.pace, plan.wishes
    unit = accelerator(wishes.gpu).unit
    node = wishes.node
    rows = [
        ("memory", bytes_text(plan.memory_total), _shares(plan.memory)),
        ("object store", bytes_text(plan.stored_total), _shares(plan.stored)),
        ("disk of query nodes", bytes_text(plan.local), "NVMe: vectors, mapped files"),
        ("memory of GPUs", bytes_text(plan.gpu_memory), "for the index"),
        (
            "query nodes",
            str(plan.query_nodes),
            f"{node.memory_gb:g} GiB, {node.cores} cores; {core_text(plan.core_ms)} a question",
        ),
        ("data nodes", str(plan.index_nodes), f"index: {count_text(plan.index_core_hours)} core-h"),
        ("segments", f"{plan.segments:,}", f"of {plan.segment_mb} MiB"),
        ("shards, partitions", f"{plan.shards}, 1", "of a collection (store.shards)"),
        (f"{unit}-hours", count_text(pace.gpu_hours), f"{count_text(pace.a_gpu_s)}/s a {unit}"),
        (f"{unit}s", f"{pace.gpus}", wishes.gpu),
        ("decoding cores", f"{pace.decode_cores}", f"{pace.decode_ms:.2g} ms a picture"),
        (
            "network",
            f"{min(pace.network_gbit, wishes.network_gbit):.2g} Gbit/s",
            f"{bytes_text(pace.read_bytes)} to read; {pace.network_gbit:.2g} would keep up",
        ),
        ("time to fill", hours_text(pace.hours), f"at {count_text(min(pace.rates.values()))}/s"),
    ]
    if plan.tenancy.tenants > 1:
        rows.append(
            ("collections", f"{plan.tenancy.collections:,}", f"{plan.tenancy.tenants:,} tenants")
        )
    absent = {"disk of query nodes": plan.local, "memory of GPUs": plan.gpu_memory}
    return [row for row in rows if absent.get(row[0], 1)]


def _shares(parts: Iterable[Part]) -> str:
    ordered = sorted(parts, key=lambda part: part.size, reverse=True)
    said = [f"{part.name} {bytes_text(part.size)}" for part in ordered[:_NAMED]]
    return ", ".join(said) + (", ..." if len(ordered) > _NAMED else "")


def _pods(plan: Plan) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("component", "pods", "cores", "GiB", "disk GB", "")]
    for one in plan.components:
        disk = f"{one.disk_gb:,.0f}" if one.disk_gb else "-"
        rows.append(
            (one.name, str(one.replicas), f"{one.cores:g}", f"{one.memory_gb:g}", disk, one.why)
        )
    return rows


def _others(plan: Plan) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("index", "memory", "object store", "nodes", "a question")]
    for other in (plan, *alternatives(plan, COMPARED)):
        mark = "*" if other is plan else ""
        rows.append(
            (
                other.profile.name + mark,
                bytes_text(other.memory_total),
                bytes_text(other.stored_total),
                str(other.query_nodes),
                core_text(other.core_ms),
            )
        )
    return rows


def _list(title: str, lines: list[str]) -> str:
    return "\n".join([title, *(f"- {line}" for line in lines)])


def _columns(rows: Sequence[Sequence[str]], rights: tuple[int, ...]) -> str:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if at in rights else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def plan_json(plan: Plan) -> dict[str, Any]:
    """Return the plan as a JSON object: sizes in bytes, times in hours, as the names say."""
    pace = plan.pace
    return {
        "wishes": asdict(plan.wishes),
        "model": asdict(plan.tower),
        "index": {
            "profile": plan.profile.name,
            "type": plan.profile.index_type,
            "parameters": plan.profile.build(plan.wishes.items, plan.tower.dim),
            "recommended": plan.recommended.profile,
            "reason": plan.recommended.reason,
        },
        "memory_bytes": _sizes(plan.memory, plan.memory_total),
        "gpu_memory_bytes": round(plan.gpu_memory),
        "stored_bytes": _sizes(plan.stored, plan.stored_total),
        "query_node_disk_bytes": round(plan.local),
        "segments": plan.segments,
        "segment_mb": plan.segment_mb,
        "shards": plan.shards,
        "partitions": 1,
        "query_nodes": plan.query_nodes,
        "data_nodes": plan.index_nodes,
        "core_ms_a_question": plan.core_ms,
        "build": {
            **asdict(pace),
            "limit": pace.limit,
            "index_core_hours": plan.index_core_hours,
        },
        "tenancy": asdict(plan.tenancy),
        "milvus": milvus_settings(plan),
        "drivers": advice.drivers(plan),
        "limit": advice.limit(plan),
        "first": advice.first(plan),
        "assumptions": advice.assumptions(plan),
        "alternatives": [
            {
                "profile": other.profile.name,
                "memory_bytes": round(other.memory_total),
                "stored_bytes": round(other.stored_total),
                "query_nodes": other.query_nodes,
                "core_ms_a_question": other.core_ms,
            }
            for other in alternatives(plan, COMPARED)
        ],
    }


def _sizes(parts: Iterable[Part], total: float) -> dict[str, int]:
    return {**{part.name: round(part.size) for part in parts}, "total": round(total)}
