"""A table with a picture a row as a source: urls, paths, or the pictures themselves.

A row that names a file is the same item as the file, one that names a url is
the item at that url, so that two tables may name one. A picture that stands in
the table is the item ``file:///x.parquet#row=12`` (or ``#id=...``). Films and PDFs
are taken apart wherever they stand: ``file:///x.parquet#row=12&page=3``.
"""

from __future__ import annotations

import io
import os
import stat
import sys
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ingest.sources.captions import annotation_token
from ingest.sources.contract import Asset, Place, Scope, Skipped
from ingest.sources.inline import InlineCells
from ingest.sources.names import suffix_of
from ingest.sources.objects import scheme_of
from ingest.sources.picture_columns import inline_bytes, is_address
from ingest.sources.reading import check_size, describe, open_regular, read_bytes
from ingest.sources.tables import joined_text, open_table
from searchengine.containers.contract import part_kind
from searchengine.errors import DecodeError, ItemError, ReadError
from searchengine.identity import canonical_url, file_uri, fragment_uri, object_uri, path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from ingest.sources.links import Links
    from ingest.sources.picture_columns import PictureColumns
    from ingest.sources.tables import Row
    from searchengine.containers.contract import PartKind


@dataclass(frozen=True, slots=True)
class _Cell(Place):
    cells: InlineCells
    row: int


@dataclass(frozen=True, slots=True)
class _File(Place):
    path: str


@dataclass(frozen=True, slots=True)
class _Link(Place):
    url: str


@dataclass(frozen=True, slots=True)
class TableFile:
    """A table, and what it is called where it comes from."""

    open: Callable[[], BinaryIO]
    uri: str
    name: str
    """What people call it: a path, or an address."""
    folder: str
    """What relative cells start from: a folder, or an address with a slash at its end."""
    origin: str
    """``uri`` of the source it belongs to."""
    suffix: str
    token: str
    """Changes when the table does."""
    mtime_ns: int


def local_table(path: str) -> TableFile:
    """Return a table of this machine under its canonical name."""
    folder, name = os.path.split(os.path.abspath(path))
    folder = os.path.realpath(folder)
    path = os.path.join(folder, name)
    with open_regular(path) as file:
        status = os.fstat(file.fileno())
    return TableFile(
        partial(open_regular, path),
        file_uri(path),
        path,
        folder,
        file_uri(path),
        suffix_of(path),
        f"{status.st_size}-{status.st_mtime_ns}",
        status.st_mtime_ns,
    )


class PictureTable:
    """Lists the pictures of one table, in the order of its rows.

    Neighbouring rows of one picture are one item: their captions are joined,
    one a line.
    """

    def __init__(
        self,
        file: TableFile,
        columns: PictureColumns,
        links: Links,
        *,
        max_bytes: int,
        rows: tuple[int, int] | None = None,
    ) -> None:
        """``rows``: the first and the last that are listed, from 1; of the rest nothing is said."""
        self._file = file
        self._rows = rows
        self.uri = file.uri
        self._columns = columns
        self._links = links
        self._max_bytes = max_bytes
        self._cells = InlineCells(file.open, file.suffix, columns.image)
        self._real = lru_cache(1024)(os.path.realpath)
        self._taken_apart: list[Scope] = []
        self._scopes: tuple[Scope, ...] = ()

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """See ``Source``. What a table names and does not hold may be named elsewhere; of a film or
        a PDF that it names it lists all."""
        return self._scopes

    def __iter__(self) -> Iterator[Asset | Skipped]:
        """Yield a picture a row; a row that names none is a problem of its own."""
        self._scopes = ()
        self._taken_apart = []
        waiting: Asset | None = None
        whole = True
        try:
            for one in self._listed():
                if isinstance(one, Skipped):
                    whole = False
                    yield one
                elif waiting is not None and waiting.uri == one.uri:
                    waiting = _joined(waiting, one)
                else:
                    if waiting is not None:
                        yield waiting
                    waiting = one
        except ItemError as error:
            whole = False
            yield Skipped(self.uri, error.reason, str(error))
        if waiting is not None:
            yield waiting
        own = (Scope(self.uri + "#"),) if whole and self._rows is None else ()
        self._scopes = (*own, *self._taken_apart)

    def open(self, asset: Asset) -> bytes:
        """Return the bytes of a picture. Raises an ``ItemError``."""
        return open_row(asset, self._links, self._max_bytes)

    def open_file(self, asset: Asset) -> BinaryIO:
        """See ``OpensFiles``."""
        return open_row_file(asset, self._links, self._max_bytes)

    def expect(self, asset: Asset) -> None:
        """Begin to fetch what will soon be opened."""
        expect_row(asset, self._links, self._max_bytes)

    @property
    def look_ahead(self) -> int:
        """How many assets may be expected at a time; 0 where nothing is gained by it."""
        return 0 if self._columns.inline else self._links.look_ahead

    def _listed(self) -> Iterator[Asset | Skipped]:
        with self._file.open() as file:
            first, last = self._rows or (1, sys.maxsize)
            for row in open_table(file, self._file.suffix, first).rows:
                if row.number < first:
                    continue
                if row.number > last:
                    return
                try:
                    if row.problem:
                        raise DecodeError(row.problem)
                    yield self._asset(row)
                except ItemError as error:
                    row_uri = fragment_uri(self.uri, "row", row.number)
                    yield Skipped(row_uri, error.reason, str(error))

    def _asset(self, row: Row) -> Asset:
        columns = self._columns
        own = {columns.image, columns.caption, columns.id}
        caption = joined_text(row.values.get(columns.caption)) if columns.caption else None
        meta = {k: v for k, v in row.values.items() if k and k not in own and not _internal(k)}
        if columns.inline:
            return self._inline(row, caption, meta)
        cell = row.values.get(columns.image)
        text = str(cell).strip() if cell is not None else ""
        if not text:
            raise DecodeError(
                f"row {row.number} names no picture (column {columns.image} is empty)"
            )
        if columns.id and row.values.get(columns.id) is not None:
            meta[columns.id] = row.values[columns.id]
        token = annotation_token(caption, meta) if caption or meta else ""
        if is_address(text):
            return self._link(text, caption, meta, token)
        if is_address(self._file.folder):
            if text.startswith(("/", "\\")) or text.lower().startswith("file:"):
                raise ReadError(f"{text}: a file of another machine")
            return self._link(self._file.folder + text, caption, meta, token)
        return self._local(text, caption, meta, token)

    def _parts(self, path: str, uri: str) -> PartKind | None:
        """Return what the parts of a film or a PDF are; note that all of them are listed here."""
        parts = part_kind(suffix_of(path))
        if parts is not None:
            self._taken_apart.append(Scope(uri + "#"))
        return parts

    def _inline(self, row: Row, caption: str | None, meta: dict[str, Any]) -> Asset:
        key = row.values.get(self._columns.id) if self._columns.id else None
        if self._columns.id and key in (None, ""):
            raise DecodeError(f"row {row.number} has nothing in column {self._columns.id}")
        kind, value = ("row", row.number) if key is None else ("id", str(key))
        return Asset(
            uri=fragment_uri(self.uri, kind, value),
            modality="image",
            # Of the table, not the row: to list a table, its pictures need not be read.
            revision=f"{self._file.token}-{row.number}",
            size=0,
            mtime_ns=self._file.mtime_ns,
            caption=caption,
            folder=self._file.name,
            meta=meta,
            place=_Cell(self._file.origin, self._cells, row.number),
            parts=self._columns.parts,
        )

    def _local(self, text: str, caption: str | None, meta: dict[str, Any], token: str) -> Asset:
        if text.lower().startswith("file:"):
            text = str(path_of(text))
        folder, name = os.path.split(os.path.join(self._file.folder, text.replace("\\", os.sep)))
        path = os.path.join(self._real(folder), name)
        try:
            status = os.stat(path)
            uri = file_uri(path)
        except (OSError, ValueError) as error:
            raise ReadError(f"{text}: {describe(error)}") from error
        if not stat.S_ISREG(status.st_mode):
            raise ReadError(f"{text}: not a regular file")
        revision = f"{status.st_size}-{status.st_mtime_ns}"
        return Asset(
            uri=uri,
            modality="image",
            revision=f"{revision}-{token}" if token else revision,
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            caption=caption,
            folder=os.path.dirname(path),
            meta=meta,
            place=_File(self._file.origin, path),
            parts=self._parts(path, uri),
        )

    def _link(self, text: str, caption: str | None, meta: dict[str, Any], token: str) -> Asset:
        self._links.check(text)
        web = scheme_of(text) in ("http", "https")
        url = canonical_url(text) if web else object_uri(text)
        return Asset(
            uri=url,
            modality="image",
            revision=f"linked-{token}",
            size=0,
            mtime_ns=0,
            caption=caption,
            folder=url.partition("?")[0].rpartition("/")[0],
            meta=meta,
            place=_Link(self._file.origin, canonical_url(text, login=True) if web else text),
            parts=self._parts(urlsplit(url).path, url),
        )


def open_row(asset: Asset, links: Links, max_bytes: int) -> bytes:
    """Return the bytes of a picture that a table has listed. Raises an ``ItemError``."""
    place = asset.place
    if isinstance(place, _File):
        return read_bytes(place.path, max_bytes)
    if isinstance(place, _Link):
        return links.open(place.url, max_bytes)
    if not isinstance(place, _Cell):
        raise ReadError(f"not from a table: {asset.uri}")
    data = inline_bytes(place.cells.cell(place.row))
    if data is None:
        raise DecodeError("the row holds no picture")
    check_size(len(data), max_bytes)
    return data


def open_row_file(asset: Asset, links: Links, max_bytes: int) -> BinaryIO:
    """Return a film or a PDF that a table has listed, as a file. Raises an ``ItemError``."""
    if isinstance(asset.place, _File):
        return open_regular(asset.place.path)
    return io.BytesIO(open_row(asset, links, max_bytes))


def expect_row(asset: Asset, links: Links, max_bytes: int) -> None:
    """Begin to fetch what a table names."""
    if isinstance(asset.place, _Link):
        links.expect(asset.place.url, max_bytes)


def _joined(first: Asset, second: Asset) -> Asset:
    """Return one asset of two rows about one picture."""
    lines = [*(first.caption or "").split("\n"), *(second.caption or "").split("\n")]
    caption = "\n".join(dict.fromkeys(line for line in lines if line)) or None
    meta = {**first.meta, **second.meta}
    revision = f"{first.revision}-{annotation_token(second.caption, second.meta)}"
    if len(revision) > 200:  # of many rows: a hash of the hashes
        revision = f"{first.revision.split('-')[0]}-{annotation_token(revision, {})}"
    return replace(first, caption=caption, meta=meta, revision=revision)


def _internal(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")
