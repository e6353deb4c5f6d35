"""Verdicts as JSON, CSV and lines for a person."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from searchengine.classify.moderation import action_for
from searchengine.identity import display, path_of
from searchengine.present.strict_json import clean_text
from searchengine.present.text_width import cut_end, cut_middle, one_line, pad

if TYPE_CHECKING:
    from searchengine.classify.classify import Labelled, Tally
    from searchengine.classify.decide import Decider
    from searchengine.classify.known import Calibration

NONE = "none"
CSV_COLUMNS = ("id", "uri", "path", "labels", "nearest", "confidence", "relevance", "action")
_NUMBER = 4


def as_json(labelled: Labelled, decider: Decider, *, moderated: bool = False) -> dict[str, Any]:
    """Return a verdict as JSON values.

    ``labels`` holds those that apply, each with its relevance (0 to 1). ``nearest`` and
    ``confidence`` are what a single choice among the labels would be, and are left out of a
    choice of several; ``action`` is there in moderation.
    """
    verdict = labelled.verdict
    path = path_of(labelled.uri)
    found: dict[str, Any] = {"id": labelled.id or None, "uri": labelled.uri}
    if path is not None:
        found["path"] = clean_text(str(path))
    found["labels"] = [
        {"label": name, "relevance": round(relevance, _NUMBER)}
        for name, relevance in verdict.labels
    ]
    if not decider.multi:
        found["nearest"] = verdict.nearest
        found["confidence"] = round(verdict.confidence, _NUMBER)
    if moderated:
        found["action"] = action_for(verdict, decider.labels)
    return found


def summary(
    tally: Tally, decider: Decider, calibration: Calibration | None = None
) -> dict[str, Any]:
    """Return the counts, and by what they were made, as JSON values."""
    found: dict[str, Any] = {
        "items": tally.items,
        "none": tally.none,
        "counts": {one.name: tally.counts[one.name] for one in decider.labels},
        "threshold": decider.threshold,
    }
    if not decider.multi:
        found["temperature"] = round(decider.temperature, 5)
    if calibration is not None:
        found["known"] = {
            "items": calibration.items,
            "accuracy": round(calibration.accuracy, _NUMBER),
            "calibration_error": round(calibration.error, _NUMBER),
        }
    return found


def csv_line(labelled: Labelled | None, decider: Decider, *, moderated: bool = False) -> str:
    """Return one line of CSV without its line feed; the header for ``None``.

    Several labels of an item are separated by semicolons, and so is their relevance.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="")
    if labelled is None:
        writer.writerow(CSV_COLUMNS)
        return out.getvalue()
    row = as_json(labelled, decider, moderated=moderated)
    cells = {
        **row,
        "labels": ";".join(one["label"] for one in row["labels"]),
        "relevance": ";".join(str(one["relevance"]) for one in row["labels"]),
    }
    writer.writerow([_cell(cells.get(name)) for name in CSV_COLUMNS])
    return out.getvalue()


def text_line(labelled: Labelled, decider: Decider, width: int) -> str:
    """Return one line of at most ``width`` columns: labels, how sure, which item."""
    verdict = labelled.verdict
    if decider.multi:
        said = ", ".join(f"{name} {value:.2f}" for name, value in verdict.labels) or NONE
        column = max(24, width // 2)
    else:
        said = (verdict.names or (NONE,))[0]
        column = max(12, min(28, max(len(one.name) for one in decider.labels)))
    left = pad(cut_end(one_line(said), column), column)
    if not decider.multi:
        left += f"  {verdict.confidence:5.2f}" if verdict.labels else " " * 7
    room = max(8, width - column - (2 if decider.multi else 9))
    return f"{left}  {cut_middle(one_line(display(labelled.uri)), room)}"


def text_summary(
    tally: Tally, decider: Decider, calibration: Calibration | None = None
) -> list[str]:
    """Return the counts as lines, the commonest label first."""
    lines = [f"{tally.items:,} item{'' if tally.items == 1 else 's'}"]
    for name, count in sorted(tally.counts.items(), key=lambda pair: (-pair[1], pair[0])):
        lines.append(f"  {count:>7,}  {one_line(name)}")
    lines.append(f"  {tally.none:>7,}  ({NONE})")
    if calibration is not None:
        lines.append(
            f"calibrated on {calibration.items:,} known items: {calibration.accuracy:.1%} right, "
            f"off by {calibration.error:.3f} on average in how sure it is"
        )
    return lines


def _cell(value: Any) -> Any:
    """Return a cell that no spreadsheet runs as a formula."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\n", "\r")):
        return "'" + value
    return value
