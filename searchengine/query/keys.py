"""What a person types to name an indexed item, turned into its id."""

from __future__ import annotations

import re
from pathlib import Path

from searchengine.identity import canonical_url, file_uri, item_id

_ID = re.compile(r"[0-9a-f]{32}")
_URI = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def resolve_id(key: str) -> str:
    """Return the id that ``id:...``, a bare id, a uri or a path stands for.

    The path need not exist any more. Nothing is looked up.
    """
    bare = key[3:] if key.startswith("id:") else key
    if _ID.fullmatch(bare.strip().lower()):
        return bare.strip().lower()
    if _URI.match(key):
        web = key.lower().startswith(("http://", "https://"))
        return item_id(canonical_url(key) if web else key)
    path = Path(key).expanduser()
    # As the folder source writes it: links in the way resolved, the name as it is.
    return item_id(file_uri(path.parent.resolve() / path.name))
