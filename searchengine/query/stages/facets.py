"""How the relevant hits spread over the values of a field."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from searchengine.errors import QueryError
from searchengine.query.stages.values import check_key, shown, values_of
from searchengine.records import Facet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from searchengine.query.pool import Candidate

__all__ = ["TOP", "Facet", "count_values"]

TOP = 10


def count_values(candidates: Sequence[Candidate], key: str, *, top: int = TOP) -> Facet:
    """Count the candidates by the values of a key; the ``top`` most frequent are named.

    Values are compared as text, as groups are. A list (``meta.tags``) counts once under each of
    its different elements, an empty one as unknown. Times and numbers are counted as they are;
    ``year``, ``month``, ``day`` and ``event`` are the coarser views of ``taken_at``.

    Raises ``QueryError`` for a key that names nothing and for a ``top`` below 1.
    """
    if top < 1:
        raise QueryError(f"a facet must name at least 1 value, not {top}")
    counted: Counter[str] = Counter()
    unknown = 0
    for value in values_of(candidates, check_key(key)):
        names = {shown(v) for v in _elements(value)}
        counted.update(names)
        unknown += not names
    order = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
    return Facet(key, tuple(order[:top]), max(0, len(order) - top), unknown)


def _elements(value: object) -> list[object]:
    several = value if isinstance(value, list | tuple) else [value]
    return [one for one in several if one is not None and one != ""]
