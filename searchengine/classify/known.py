"""Items whose right label is known, to calibrate by and to count the mistakes on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from searchengine.classify.decide import Decider, label_cosines
from searchengine.classify.temperature import calibration_error, fit_temperature, softmax
from searchengine.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from searchengine.query.engine import SearchEngine
    from searchengine.store.contract import SideInfo
    from searchengine.store.filters import Filter

LEAST = 20
"""Known items below which a temperature would be guesswork."""
_FOLDER_PARTS = re.compile(r"[/\\]")


@dataclass(frozen=True, slots=True)
class Calibration:
    """What known items taught."""

    items: int
    accuracy: float
    """Share of them whose nearest label is the right one."""
    temperature: float
    error: float
    """Expected calibration error with that temperature, each half of the items judged by the
    temperature of the other half."""


def calibrate(
    engine: SearchEngine,
    info: SideInfo,
    decider: Decider,
    truth: str,
    *,
    where: Filter | None = None,
) -> Calibration:
    """Return the temperature that suits the items whose right label a field holds.

    ``truth`` is ``meta.KEY`` or ``folder`` (its last part); items where it holds no label's name
    teach nothing. Raises ``QueryError`` for another field, and where fewer than 20 items are left.
    """
    names = {label.name: place for place, label in enumerate(decider.labels)}
    field = _field(truth)
    cosines: list[Any] = []
    right: list[int] = []
    for row in engine.store.scan(info.side, where=where, fields=("id", field, "vector")):
        place = names.get(_value(row, truth))
        if place is not None:
            each = row["vector"][None].astype(np.float64) @ decider.prompts.T.astype(np.float64)
            cosines.append(label_cosines(each, decider.prompt_of)[0])
            right.append(place)
    if len(right) < LEAST:
        raise QueryError(
            f"{truth} holds a label's name for {len(right)} items; {LEAST} are needed",
            hint=f"the labels are {', '.join(sorted(names)[:8])}",
        )
    return learn(np.stack(cosines), np.array(right))


def learn(cosines: Any, truth: Any) -> Calibration:
    """Return what (n, k) cosines and the places of the right labels, (n,), teach."""
    halves = [np.arange(len(truth)) % 2 == half for half in (0, 1)]
    shares = np.empty_like(cosines)
    for mine, other in (halves, halves[::-1]):
        shares[mine] = softmax(cosines[mine] / fit_temperature([(cosines[other], truth[other])]))
    return Calibration(
        len(truth),
        float((cosines.argmax(axis=1) == truth).mean()),
        fit_temperature([(cosines, truth)]),
        calibration_error(shares, truth),
    )


def _field(truth: str) -> str:
    if truth == "folder":
        return truth
    if re.fullmatch(r"meta\.[^.]+", truth):
        return "meta"
    raise QueryError(f"{truth!r} holds no labels", hint="name meta.KEY, or folder")


def _value(row: Mapping[str, Any], truth: str) -> str:
    if truth == "folder":
        return _FOLDER_PARTS.split(str(row["folder"] or "").rstrip("/\\"))[-1]
    value = row["meta"].get(truth.removeprefix("meta."))
    return value if isinstance(value, str) else ""
