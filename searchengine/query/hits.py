"""From a candidate to the hit that a caller gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from searchengine.identity import path_text
from searchengine.records import ITEM_FIELDS, Hit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from searchengine.query.pool import Candidate

STORED = tuple(name for name in ITEM_FIELDS if name != "revision")
"""What a hit carries: every column but the source's private token."""
_METADATA = tuple(name for name in STORED if name not in {"id", "uri"})


def make_hit(rank: int, found: Candidate) -> Hit:
    """Return a hit with the fields that are known."""
    return Hit(
        rank=rank,
        id=found.id,
        uri=found.fields["uri"],
        score=found.score,
        modality=found.modality,
        metadata=known_fields(found.fields),
        relevance=found.relevance,
        group=found.group,
        folded=found.folded,
    )


def known_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that have a value, and ``path`` for a local file."""
    path = path_text(fields["uri"])
    # A name that is no valid text cannot stand in JSON; its uri, percent-encoded, can.
    known = {} if path is None else {"path": path.encode("utf-8", "replace").decode()}
    for name in _METADATA:
        value = fields.get(name)
        if value is not None and value != {}:
            known[name] = value
    return known
