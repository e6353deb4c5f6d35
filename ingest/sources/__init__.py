"""Where assets come from. ``open_sources`` is the way in."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from ingest.sources.chain import ChainedSource
from ingest.sources.folder import MAX_BYTES, FolderSource, Wanted
from ingest.sources.names import CAPTION_TABLES, TABLE_SUFFIXES, suffix_of
from ingest.sources.objects import needs_net, scheme_of
from ingest.sources.picture_columns import WantedColumns
from ingest.sources.reading import open_regular
from ingest.sources.remote import RemoteOptions
from ingest.sources.tar import TarSource, is_tar
from searchengine.errors import ItemError, UsageError
from searchengine.identity import path_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ingest.sources.contract import Source
    from ingest.sources.links import Links
    from ingest.sources.picture_table import PictureTable
    from ingest.sources.remote import RemoteSource
    from searchengine.settings import NetSettings, TableSettings

__all__ = ["ChainedSource", "FolderSource", "TarSource", "open_sources"]


def open_sources(
    paths: Sequence[str | Path],
    *,
    recursive: bool = True,
    exclude: tuple[str, ...] = (),
    follow_links: bool = False,
    modality: Wanted = "all",
    max_bytes: int = MAX_BYTES,
    table: TableSettings | None = None,
    net: NetSettings | None = None,
    rows: tuple[int, int] | None = None,
) -> Source:
    """Return folders, files, tars and tables of pictures as one source that lists nothing twice.

    ``rows`` limits tables of pictures of this machine to rows, the first and
    the last (``sources.shards`` cuts them so).

    Raises ``NotFoundError`` for a path that is not there, ``UsageError`` for
    one that cannot be indexed, or only with the network, which is not allowed;
    all before anything is listed.
    """
    if not paths:
        raise UsageError("no path to index", hint="name a folder, a picture or a text")
    folders: list[FolderSource] = []
    others: list[Source] = []
    links: Links | None = None
    for given in paths:
        path = os.path.expanduser(given)  # Python callers have no shell to do it
        if scheme_of(path):
            links = links or _links(net)
            options = RemoteOptions(recursive, exclude, modality, max_bytes, _wanted(table))
            others.append(_remote(path, links, options))
            continue
        if path.lower().startswith("file://"):
            path = str(path_of(path))
        if is_tar(path) and os.path.isfile(path):
            if modality != "text":
                others.append(TarSource(path, max_bytes=max_bytes))
            continue
        if modality != "text" and _is_table(path):
            links = links or _links(net)
            if (pictures := _picture_table(path, links, table, max_bytes, rows)) is not None:
                others.append(pictures)
                continue
        folders.append(
            FolderSource(
                path,
                recursive=recursive,
                exclude=exclude,
                follow_links=follow_links,
                modality=modality,
                max_bytes=max_bytes,
                text_column=table.caption_column if table is not None else "",
            )
        )
    unique = list({folder.root: folder for folder in folders}.values())
    outer = [folder for folder in unique if not any(other.reaches(folder) for other in unique)]
    # What says more of a picture comes first: a table has its caption, the folder may not.
    sources = [*{source.uri: source for source in others}.values(), *outer]
    return outer[0] if len(outer) == 1 == len(sources) else ChainedSource(sources)


def _is_table(path: str) -> bool:
    name = os.path.basename(path).lower()
    return suffix_of(name) in TABLE_SUFFIXES and name not in CAPTION_TABLES and os.path.isfile(path)


def is_picture_table(path: str, **options: Any) -> bool:
    """Whether ``open_sources`` takes a path for a table of pictures. Raises as it does."""
    if options.get("modality") == "text" or not _is_table(os.path.expanduser(path)):
        return False
    from ingest.sources.picture_table import PictureTable

    source = open_sources((path,), **options)
    return isinstance(source, ChainedSource) and source.holds(PictureTable)


def _links(net: NetSettings | None) -> Links:
    from ingest.sources.links import Links
    from searchengine.settings import NetSettings

    return Links(net or NetSettings())


def _wanted(table: TableSettings | None) -> WantedColumns:
    if table is None:
        return WantedColumns()
    return WantedColumns(table.image_column, table.caption_column, table.id_column)


def _remote(url: str, links: Links, options: RemoteOptions) -> RemoteSource:
    from ingest.sources.remote import RemoteSource

    if needs_net(scheme_of(url)) and not links.allowed:
        raise UsageError(
            f"{url} is on the network, which is off by default", hint="add --allow-net to read it"
        )
    return RemoteSource(url, links, options)


def _picture_table(
    path: str,
    links: Links,
    table: TableSettings | None,
    max_bytes: int,
    rows: tuple[int, int] | None,
) -> PictureTable | None:
    """Return a table of pictures; ``None`` for one of texts, and for what cannot be opened."""
    from ingest.sources.picture_columns import find_columns
    from ingest.sources.picture_table import PictureTable, local_table

    try:
        columns = find_columns(partial(open_regular, path), path, _wanted(table))
        file = local_table(path)
    except ItemError:  # the listing meets it again, and makes a row of it
        return None
    if columns is None:
        return None
    if columns.remote and not links.allowed:
        raise UsageError(
            f"{path} names pictures on the network (column {columns.image}), "
            "which is off by default",
            hint="add --allow-net to fetch them, or --modality text to index its texts alone",
        )
    return PictureTable(file, columns, links, max_bytes=max_bytes, rows=rows)
