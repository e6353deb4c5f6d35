"""What a person types to name an indexed item, turned into its id."""

from __future__ import annotations

import re
from pathlib import Path

from searchengine.identity import canonical_url, file_uri, item_id

_ID = re.compile(r"[0-9a-f]{32}")
_PART = re.compile(r"(.+)#((?:page|frame|row|id|paragraph|member)=.+)", re.DOTALL)
"""What results show for a part of a file."""
_URI = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def resolve_id(key: str) -> str:
    """Return the id that ``id:...``, a bare id, a uri or a path stands for.

    The path need not exist any more. Nothing is looked up.
    """
    bare = key[3:] if key.startswith("id:") else key
    if _ID.fullmatch(bare.strip().lower()):
        return bare.strip().lower()
    return item_id(resolve_uri(key))


def resolve_uri(key: str) -> str:
    """Return the canonical uri that a uri or a path stands for. Nothing is looked up."""
    if _URI.match(key):
        web = key.lower().startswith(("http://", "https://"))
        return canonical_url(key) if web else key
    if (part := part_of(key)) is not None:
        return f"{_uri_of(part[0])}#{part[1]}"
    return _uri_of(Path(key).expanduser())


def part_of(key: str) -> tuple[Path, str] | None:
    """Return the file and the fragment that ``book.pdf#page=3`` stands for.

    ``None`` for any other path, and for that of a file whose name only looks like it.
    """
    found = _PART.fullmatch(key)
    if found is None or Path(key).expanduser().exists():
        return None
    return Path(found[1]).expanduser(), found[2]


def _uri_of(path: Path) -> str:
    # As the folder source writes it: links in the way resolved, the name as it is.
    return file_uri(path.parent.resolve() / path.name)
