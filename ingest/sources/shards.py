"""A collection cut into shards: each can be listed and read alone, here or on another machine.

A tar is a shard, as is every file a pattern of addresses names; a Parquet table
of pictures is cut at its row groups; what is left (folders, here and in object
stores, and files) is listed once, and a slice of that listing is a shard. A shard
is named by what it holds, so that one cut today and one cut tomorrow are the same.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ingest.overlap import chunks
from ingest.sources import is_picture_table, open_sources
from ingest.sources.contract import Asset, Scope, Skipped, open_file, singles
from ingest.sources.objects import info_of, open_filesystem, scheme_of
from ingest.sources.reading import open_regular
from ingest.sources.tables import row_groups
from ingest.sources.tar import TarSource, is_tar
from searchengine.identity import file_uri, path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import BinaryIO

    from ingest.sources.contract import Source

SIZE = 10_000
"""Items a shard, about; a tar is never cut."""


@dataclass(frozen=True)
class Shard:
    """A part of a collection. Can be pickled."""

    name: str
    """Of what it holds: stable as long as that is."""
    build_source: Callable[[], Source]
    bundled: bool = False
    """Whether it lists one ``Bundle``, which need not be listed where the index holds all of it."""
    part_of: Scope | None = None
    """What it is complete for together with all other shards that say so."""


class ListedSource:
    """A slice of a listing that was made before."""

    uri = ""
    scopes: tuple[Scope, ...] = ()
    """None: a slice knows nothing of what is missing."""

    def __init__(
        self, assets: Sequence[Asset | Skipped], build_source: Callable[[], Source]
    ) -> None:
        self._assets = assets
        self._source = build_source()

    def __iter__(self) -> Iterator[Asset | Skipped]:
        """Yield the slice."""
        return iter(self._assets)

    def open(self, asset: Asset) -> bytes:
        """Return the bytes of a picture. Raises an ``ItemError``."""
        return self._source.open(asset)

    def open_file(self, asset: Asset) -> BinaryIO:
        """See ``OpensFiles``."""
        return open_file(self._source, asset)


@dataclass(frozen=True)
class Division:
    """A collection, parted by what has to be listed in one go and what need not be."""

    build_listed: Callable[[], Source] | None
    """Folders and files; ``None`` where there are none."""
    shards: Iterator[Shard]
    """What can be listed where it is read."""


def cut(paths: Sequence[str], *, size: int = SIZE, **options: Any) -> Iterator[Shard]:
    """Yield the shards of a collection; ``options`` are those of ``open_sources``.

    Each stands for a part of what ``open_sources(paths)`` lists, all of them
    for all of it, but for this: a shard does not see what another one lists.
    Raises as ``open_sources`` does.
    """
    division = divide(paths, size=size, **options)
    yield from division.shards
    if (build := division.build_listed) is not None:
        for assets in chunks(singles(build()), size):
            yield Shard(assets[0].uri, partial(ListedSource, tuple(assets), build))


def divide(paths: Sequence[str], *, size: int = SIZE, **options: Any) -> Division:
    """Part a collection; as ``cut``, for those who list its folders themselves."""
    listed: list[str] = []
    apart: dict[str, Callable[[], Iterator[Shard]]] = {}
    for path in paths:
        if path.lower().startswith("file://"):
            path = str(path_of(path))
        if scheme_of(path):
            if _is_folder(path, options):
                listed.append(path)
            else:
                apart[path] = partial(_objects, path, options)
            continue
        path = os.path.abspath(os.path.expanduser(path))
        if is_tar(path) and os.path.isfile(path):
            apart[path] = partial(_tar, path, options)
        elif is_picture_table(path, **options):
            apart[path] = partial(_table, path, size, options)
        else:
            listed.append(path)
    return Division(
        partial(open_sources, tuple(listed), **options) if listed else None,
        (shard for shards in apart.values() for shard in shards()),
    )


def _objects(url: str, options: dict[str, Any]) -> Iterator[Shard]:
    for one in _addresses(url, options):
        bundled = is_tar(one) and scheme_of(one) not in ("http", "https")
        yield Shard(one, partial(open_sources, (one,), **options), bundled=bundled)


def _tar(path: str, options: dict[str, Any]) -> Iterator[Shard]:
    bundled = TarSource(path, max_bytes=0).costly
    yield Shard(file_uri(path), partial(open_sources, (path,), **options), bundled=bundled)


def _is_folder(url: str, options: dict[str, Any]) -> bool:
    open_sources((url,), **options)  # whether it may be read at all
    if scheme_of(url) in ("http", "https"):
        return False
    fs, path = open_filesystem(url)
    if any(sign in path for sign in "*?["):
        return False
    return bool(info_of(fs, path)["type"] == "directory")


def _addresses(url: str, options: dict[str, Any]) -> list[str]:
    """Return the addresses that a pattern names, or the one there is."""
    open_sources((url,), **options)  # whether it may be read at all
    fs, path = open_filesystem(url)
    if scheme_of(url) in ("http", "https") or not any(sign in path for sign in "*?["):
        return [url]
    return sorted(str(fs.unstrip_protocol(one)) for one in fs.glob(path))


def _table(path: str, size: int, options: dict[str, Any]) -> Iterator[Shard]:
    with open_regular(path) as file:
        groups = row_groups(file) if path.lower().endswith(".parquet") else []
    if not groups:
        yield Shard(file_uri(path), partial(open_sources, (path,), **options))
    first = last = 1
    for number, rows in enumerate(groups):
        last += rows
        if last - first >= size or number == len(groups) - 1:
            if last > first:
                name = f"{file_uri(path)}#rows={first}-{last - 1}"
                limits = (first, last - 1)
                yield Shard(
                    name,
                    partial(open_sources, (path,), rows=limits, **options),
                    part_of=Scope(file_uri(path) + "#"),
                )
            first = last
