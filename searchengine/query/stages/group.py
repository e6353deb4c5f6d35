"""Hits that share a value, shown together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from searchengine.errors import QueryError
from searchengine.query.stages.values import check_key, shown, values_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from searchengine.query.pool import Candidate

PER_GROUP = 3


def group_by(
    candidates: Sequence[Candidate], key: str, *, per_group: int | None = PER_GROUP
) -> list[Candidate]:
    """Return the candidates re-ordered so that those with one value of the key stand together.

    Groups come in the order of their best hits, and each keeps the order within; at most
    ``per_group`` of each stay (``None``: all). ``group`` is the value as text: ``3`` and ``"3"``
    are one group. A candidate without a value shares nothing with the others that have none: it
    stands alone, at its own place, with ``group`` left ``None``.

    Raises ``QueryError`` for a key that names nothing (see ``values.check_key``) and for a
    ``per_group`` below 1.
    """
    if per_group is not None and per_group < 1:
        raise QueryError(
            f"a group must show at least 1 hit, not {per_group}", hint="leave it out for all"
        )
    groups: list[list[Candidate]] = []
    by_name: dict[str, list[Candidate]] = {}
    for candidate, value in zip(candidates, values_of(candidates, check_key(key)), strict=True):
        if value is None:
            groups.append([replace(candidate, group=None)])
            continue
        name = shown(value)
        if name not in by_name:
            by_name[name] = []
            groups.append(by_name[name])
        by_name[name].append(replace(candidate, group=name))
    return [candidate for group in groups for candidate in group[:per_group]]
