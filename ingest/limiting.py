"""Which stage limits a run, in words; and the times of all stages, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingest.clock import Reading

_FULL = 0.9
"""Busier than this, nothing before it can make the run faster."""
_MATTERS = 0.5

_BEFORE_THE_ENCODER = ("decode", "expand", "read", "match", "compare", "list")
_UPSTREAM = (
    ("match", "match-bound: looking up in the index what is known already"),
    ("compare", "compare-bound: looking up in the index what has changed"),
    ("list", "list-bound: listing the files"),
)


def limiting(now: Reading, since: Reading | None = None) -> str:
    """Return what held a run back between two readings, ``""`` when nothing stands out.

    Looked for from the end: a stage that is never idle limits all before it, whose queues are full.
    """
    shares = {one.stage: now.share(one.stage, since) for one in now.stages}
    if shares.get("model", 0.0) >= _MATTERS and not shares.get("encode"):
        return "loading the model"
    idle = f"encoder {1 - shares.get('encode', 0.0):.0%} idle"
    if shares.get("write", 0.0) >= _FULL:
        return f"write-bound: the database never rests, {idle}"
    if shares.get("encode", 0.0) >= _FULL:
        return _encode_bound(shares)
    stage, share = max(
        ((name, shares.get(name, 0.0)) for name in _BEFORE_THE_ENCODER),
        key=lambda pair: pair[1],
    )
    encode = shares.get("encode", 0.0)
    if max(share, encode) < _MATTERS:
        return ""
    if encode > share:
        return _encode_bound(shares)
    workers = next(one.workers for one in now.stages if one.stage == stage)
    if stage == "decode":
        return f"decode-bound: {round(share * workers)} of {workers} workers busy, {idle}"
    if stage == "expand":
        return (
            f"expand-bound: {round(share * workers)} of {workers} workers busy taking films and "
            f"PDFs apart, {idle}"
        )
    if stage == "read":
        return f"read-bound: {round(share * workers)} of {workers} readers busy, {idle}"
    return dict(_UPSTREAM)[stage] + f", {idle}" * ("encode" in shares)


def _encode_bound(shares: dict[str, float]) -> str:
    words = f"encode-bound: encoder {shares['encode']:.0%} busy"
    if "decode" in shares:  # texts are not decoded
        words += f", decoders {1 - shares['decode']:.0%} idle"
    return words


def as_rows(reading: Reading) -> list[dict[str, Any]]:
    """Return the times as ``index --json`` prints them."""
    return [
        {
            "stage": one.stage,
            "workers": one.workers,
            "items": one.items,
            "busy_s": round(one.busy_s, 3),
            "waiting_s": round(max(0.0, one.workers * reading.at_s - one.busy_s), 3),
        }
        for one in reading.stages
    ]


def stage_table(reading: Reading) -> str:
    """Return the times as a table for people; the busiest stage is the one to look at."""
    lines = ["stage    workers      items    busy s  waiting s   busy   ms/item"]
    for row, one in zip(as_rows(reading), reading.stages, strict=True):
        each = f"{1000 * one.busy_s / one.items:9.2f}" if one.items else " " * 8 + "-"
        lines.append(
            f"{one.stage:8} {one.workers:7} {one.items:10,} {one.busy_s:9.2f} "
            f"{row['waiting_s']:10.2f} {reading.share(one.stage):5.0%} {each}"
        )
    return "\n".join(lines)
