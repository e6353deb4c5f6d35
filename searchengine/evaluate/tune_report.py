"""What tuning found, as JSON and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from searchengine.present.text_width import display_width, pad

if TYPE_CHECKING:
    from searchengine.evaluate.tune import Trial, Tuning
    from searchengine.store.contract import SideInfo


def tuning_json(tuning: Tuning) -> dict[str, Any]:
    """Return the tuning of a side as a JSON object."""
    return {
        **_side(tuning.info),
        "tuned": True,
        "reached": tuning.reached,
        "target_recall": tuning.target,
        "k": tuning.k,
        "queries": dict(tuning.queries),
        "parameter": tuning.parameter,
        "before": _trial(tuning.before),
        "after": _trial(tuning.after),
        "tried": [_trial(trial) for trial in tuning.tried],
    }


def untuned_json(info: SideInfo, reason: str) -> dict[str, Any]:
    """Return a side that was left as it is as a JSON object."""
    return {**_side(info), "tuned": False, "reason": reason}


def tuning_table(tuning: Tuning) -> str:
    """Return what was tried as lines for a person: before, after, and what came of it."""
    heads = ("", tuning.parameter, f"recall@{tuning.k}", "at least", "p50 ms", "p99 ms")
    rows = [heads, _cells("before", tuning.before), _cells("after", tuning.after)]
    widths = [max(display_width(row[column]) for row in rows) for column in range(len(heads))]
    lines = [
        "  ".join(pad(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    info = tuning.info
    kinds = ", ".join(f"{count} {kind}" for kind, count in tuning.queries)
    side = f"{info.side.corpus} {info.side.modality}: {info.count:,} items, {info.index}"
    head = f"{side}; asked with {kinds}"
    return "\n".join([head, *lines, _outcome(tuning)])


def _outcome(tuning: Tuning) -> str:
    kept = f"{tuning.parameter} {tuning.after.effort:,} is kept with the corpus"
    if tuning.reached:
        return f"recall {tuning.target} is reached: {kept}"
    return f"recall {tuning.target} is not reached with any {tuning.parameter}: the best, {kept}"


def _cells(name: str, trial: Trial) -> tuple[str, ...]:
    return (
        name,
        f"{trial.effort:,}",
        f"{trial.recall:.4f}",
        f"{trial.sure:.4f}",
        f"{trial.p50_ms:.2f}",
        f"{trial.p99_ms:.2f}",
    )


def _side(info: SideInfo) -> dict[str, Any]:
    return {
        "corpus": info.side.corpus,
        "modality": info.side.modality,
        "items": info.count,
        "index": info.index,
    }


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "effort": trial.effort,
        "recall": round(trial.recall, 6),
        "recall_at_least": round(trial.sure, 6),
        "p50_ms": round(trial.p50_ms, 3),
        "p99_ms": round(trial.p99_ms, 3),
    }
