"""Where assets come from. ``open_sources`` is the way in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ingest.sources.chain import ChainedSource
from ingest.sources.folder import MAX_BYTES, FolderSource, Wanted
from searchengine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ingest.sources.contract import Source

__all__ = ["ChainedSource", "FolderSource", "open_sources"]


def open_sources(
    paths: Sequence[str | Path],
    *,
    recursive: bool = True,
    exclude: tuple[str, ...] = (),
    follow_links: bool = False,
    modality: Wanted = "all",
    max_bytes: int = MAX_BYTES,
) -> Source:
    """Return folders and files as one source that lists nothing twice.

    Raises ``NotFoundError`` for a path that is not there, ``UsageError`` for
    one that cannot be indexed, before anything is listed.
    """
    if not paths:
        raise UsageError("no path to index", hint="name a folder, a picture or a text")
    sources = [
        FolderSource(
            os.path.expanduser(path),  # Python callers have no shell to do it
            recursive=recursive,
            exclude=exclude,
            follow_links=follow_links,
            modality=modality,
            max_bytes=max_bytes,
        )
        for path in paths
    ]
    unique = list({source.root: source for source in sources}.values())
    outer = [source for source in unique if not any(other.reaches(source) for other in unique)]
    return outer[0] if len(outer) == 1 else ChainedSource(outer)
