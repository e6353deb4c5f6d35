"""Groups of duplicates as JSON values, as text for people, and as paths for ``xargs``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from searchengine.identity import display, path_of
from searchengine.present.strict_json import clean_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from searchengine.duplicates.records import Findings, Group, Member

_WHY = {
    "keeper": "keep",
    "bytes": "same bytes",
    "pixels": "same picture",
    "vector": "similar",
}


def group_json(group: Group) -> dict[str, Any]:
    """Return a group as a JSON object: tier, the keeper's id, members."""
    return {
        "tier": group.tier,
        "keeper": group.keeper.id,
        "members": [_member_json(member) for member in group.members],
    }


def counts_json(findings: Findings) -> dict[str, int]:
    """Return what was looked at as a JSON object."""
    return {
        "items": findings.items,
        "pairs": findings.pairs,
        "compared": findings.compared,
        "looked_at": findings.looked_at,
        "unreadable": findings.unreadable,
    }


def group_lines(group: Group) -> Iterator[str]:
    """Yield a group as lines of text: why each is in it, its size, where it is."""
    name = "the same picture" if group.tier == "same" else "similar pictures"
    yield f"{len(group.members)} x {name}"
    for member in group.members:
        why = _WHY[member.why]
        if member.score is not None:
            why = f"{why} {member.score:.3f}"
        sides = f"{member.width} x {member.height}" if member.width else "?"
        yield f"  {why:<13}  {sides:>13}  {_bytes(member.size):>9}  {display(member.uri)}"


def surplus_paths(group: Group) -> list[bytes]:
    """Return the local paths of all but the keeper, as the file system has them.

    Nothing for a group that is only similar, and no file that other items are parts of.
    """
    if group.tier != "same":
        return []
    kept = path_of(group.keeper.uri)
    paths = [path_of(member.uri) for member in group.members[1:] if "#" not in member.uri]
    return [os.fsencode(path) for path in paths if path is not None and path != kept]


def _member_json(member: Member) -> dict[str, Any]:
    path = path_of(member.uri)
    found: dict[str, Any] = {
        "id": member.id,
        "why": member.why,
        "uri": member.uri,
        "path": None if path is None else clean_text(str(path)),
        "width": member.width,
        "height": member.height,
        "size": member.size,
        "taken_at": member.taken_at,
    }
    if member.score is not None:
        found["score"] = round(member.score, 6)
    return found


def _bytes(size: int) -> str:
    value, unit = float(size), "B"
    for larger in ("KB", "MB", "GB"):
        if value < 1_000:
            break
        value, unit = value / 1_000, larger
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
