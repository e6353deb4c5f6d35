"""The relevant hits in the order of a field instead of by how well they answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from searchengine.query.stages.values import check_key, moment_of, values_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from searchengine.query.pool import Candidate


def sort_by(candidates: Sequence[Candidate], order: str) -> list[Candidate]:
    """Return the candidates sorted by a key, or from the greatest down by ``-key``.

    ``taken_at``, ``-size``, ``meta.rating``, ``-score``, ``relevance``. Unknown values come last
    in both directions, ties keep the order given. Times compare as moments, whatever their
    offsets. Text compares without regard to case, then by code point. Where ``meta`` mixes types,
    booleans come before numbers, numbers before text, text before lists and objects (which compare
    as JSON text); a minus turns all of that around.

    Raises ``QueryError`` for a key that names nothing (see ``values.check_key``).
    """
    down = order.startswith("-")
    key = check_key(order[1:] if down else order, ordered=True)
    values = (
        [moment_of(candidate) for candidate in candidates]
        if key == "taken_at"
        else values_of(candidates, key)
    )
    paired = list(zip(values, candidates, strict=True))
    known = [pair for pair in paired if pair[0] is not None]
    known.sort(key=lambda pair: _place(pair[0]), reverse=down)  # stable in both directions
    return [candidate for _, candidate in known] + [
        candidate for value, candidate in paired if value is None
    ]


def _place(value: Any) -> tuple[int, Any, str]:
    if isinstance(value, bool):
        return 0, value, ""
    if isinstance(value, int | float):
        return 1, value, ""
    if isinstance(value, str):
        return 2, value.casefold(), value
    return 3, json.dumps(value, ensure_ascii=False, sort_keys=True, default=str), ""
