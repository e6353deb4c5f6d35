"""An address as a source: a folder of an object store, or one file there or on the web.

Pictures are opened where they lie, many at a time. A tar or a table is copied
into a temporary file to be listed: one long read instead of thousands of short
ones.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from ingest.sources.contract import Asset, Bundle, Place, Scope, Skipped
from ingest.sources.names import CAPTION_TABLES, TABLE_SUFFIXES, TEXT_SUFFIXES, suffix_of
from ingest.sources.objects import copy_object, info_of, scheme_of, time_of, token_of, trouble
from ingest.sources.opened import OpenFile
from ingest.sources.picture_columns import find_columns
from ingest.sources.picture_table import (
    PictureTable,
    TableFile,
    expect_row,
    open_row,
    open_row_file,
)
from ingest.sources.remote_folder import RemoteText, RemoteWalk
from ingest.sources.tar import TarListing, is_tar, open_member, plain_tar, read_member
from ingest.sources.texts import texts_in
from searchengine.decode import IMAGE_SUFFIXES
from searchengine.errors import ItemError, NotFoundError, UsageError
from searchengine.identity import canonical_url, object_uri

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from ingest.sources.folder import Wanted
    from ingest.sources.links import Links
    from ingest.sources.opened import OpenFile
from ingest.sources.picture_columns import WantedColumns

_MAGIC = "*?["


@dataclass(frozen=True, slots=True)
class RemoteOptions:
    """How addresses are listed: what ``open_sources`` was asked for."""

    recursive: bool
    exclude: tuple[str, ...]
    modality: Wanted
    max_bytes: int
    columns: WantedColumns


@dataclass(frozen=True, slots=True)
class _Object(Place):
    url: str


@dataclass(frozen=True, slots=True)
class _Found:
    """One file that was found."""

    url: str
    uri: str
    size: int
    mtime_ns: int
    token: str


class RemoteSource:
    """Lists what is at an address: a folder, a file, or the files a pattern names."""

    costly = True
    """To list it asks a network: not done only for a total."""

    def __init__(self, url: str, links: Links, options: RemoteOptions) -> None:
        self._url = url
        self._links = links
        self._options = options
        self._web = scheme_of(url) in ("http", "https")
        self.uri = canonical_url(url) if self._web else object_uri(url.rstrip("/"))
        self._scopes: list[Scope] = []

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """See ``Source``."""
        return tuple(self._scopes)

    @property
    def look_ahead(self) -> int:
        """See ``Fetching``."""
        return self._links.look_ahead

    def expect(self, asset: Asset) -> None:
        """See ``Fetching``."""
        if isinstance(asset.place, _Object):
            self._links.expect(asset.place.url, self._options.max_bytes)
        else:
            expect_row(asset, self._links, self._options.max_bytes)

    def open(self, asset: Asset) -> bytes:
        """Return the bytes of a picture. Raises an ``ItemError``."""
        limit = self._options.max_bytes
        if isinstance(asset.place, _Object):
            return self._links.open(asset.place.url, limit)
        if "#member=" in asset.uri:
            return read_member(asset, limit)
        return open_row(asset, self._links, limit)

    def open_file(self, asset: Asset) -> BinaryIO:
        """See ``OpensFiles``."""
        if isinstance(asset.place, _Object) or "#member=" not in asset.uri:
            return open_row_file(asset, self._links, self._options.max_bytes)
        return open_member(asset)

    def __iter__(self) -> Iterator[Asset | Skipped | Bundle]:
        """Yield pictures and texts. Raises ``NotFoundError`` where there is nothing."""
        self._scopes = []
        if self._web:
            yield from self._file(_Found(self._url, self.uri, 0, 0, ""))
            return
        fs, path = self._links.store(self._url)
        if any(sign in path for sign in _MAGIC):
            yield from self._matches(fs, path)
            return
        info = info_of(fs, path)
        if info["type"] != "directory":
            yield from self._file(_found(fs, info))
            return
        options = self._options
        walk = RemoteWalk(fs, path, options.exclude, recursive=options.recursive)
        for one in walk:
            if isinstance(one, Skipped):
                yield one
            elif isinstance(one, RemoteText):
                if options.modality != "image":
                    found = _found(fs, one.info)
                    for text in self._read(found, pictures=False):
                        if isinstance(text, Skipped) and text.uri == found.uri:
                            walk.unlisted.append(found.uri + "#")  # not known to be gone
                        yield text
            elif options.modality != "text":
                found = _found(fs, one.info)
                yield self._asset(found, one.caption, one.meta, one.folder, one.token)
        self._scopes.append(Scope(walk.uri, options.recursive, tuple(walk.unlisted)))

    def _matches(self, fs: Any, pattern: str) -> Iterator[Asset | Skipped | Bundle]:
        try:
            paths = sorted(fs.glob(pattern))
        except Exception as error:
            raise trouble(error) from error
        if not paths:
            raise NotFoundError(f"nothing matches {self._url}")
        for path in paths:
            found = _found(fs, info_of(fs, path))
            if is_tar(path) or suffix_of(path) in IMAGE_SUFFIXES | TEXT_SUFFIXES:
                yield from self._file(found)

    def _file(self, found: _Found) -> Iterator[Asset | Skipped | Bundle]:
        """Yield what one file holds, or is."""
        name = found.url.partition("?")[0] if self._web else found.url
        if is_tar(name) and not self._web:
            if self._options.modality != "text":
                listed = partial(self._read, found)
                yield Bundle(found.uri + "#", "image", found.token, listed)
        elif is_tar(name) or suffix_of(name) in TEXT_SUFFIXES:
            yield from self._read(found)
        elif self._web or suffix_of(name) in IMAGE_SUFFIXES:
            if self._options.modality != "text":
                yield self._asset(found, None, {}, found.uri.rpartition("/")[0], "")
        else:
            raise UsageError(
                f"{found.url} is neither a folder, a picture, a text, a table nor a tar",
                hint="name the folder it lies in, or a file that this can index",
            )

    def _asset(
        self, found: _Found, caption: str | None, meta: dict[str, Any], folder: str, about: str
    ) -> Asset:
        token = found.token or "linked"
        return Asset(
            uri=found.uri,
            modality="image",
            revision=f"{token}-{about}" if about else token,
            size=found.size,
            mtime_ns=found.mtime_ns,
            caption=caption,
            folder=folder,
            meta=meta,
            place=_Object(self.uri, found.url),
        )

    def _read(self, found: _Found, *, pictures: bool = True) -> Iterator[Asset | Skipped]:
        """Yield what a file of many items holds; what is wrong with it is a row in the report."""
        name = found.url.partition("?")[0] if self._web else found.url
        try:
            if is_tar(name):
                if self._options.modality != "text":
                    yield from self._tar(found, name)
            else:
                yield from self._table(found, suffix_of(name), pictures=pictures)
        except ItemError as error:
            yield Skipped(found.uri, error.reason, str(error))

    def _tar(self, found: _Found, name: str) -> Iterator[Asset | Skipped]:
        file = _temporary()
        token = self._copy(found, file)
        listing = TarListing(
            found.uri,
            found.url,
            token,
            self._options.max_bytes,
            origin=self.uri,
            counted=not self._web,
        )
        yield from listing.read(plain_tar(file, name))
        if listing.complete:
            self._scopes.append(Scope(found.uri + "#"))

    def _table(self, found: _Found, suffix: str, *, pictures: bool) -> Iterator[Asset | Skipped]:
        file = _temporary()
        token = self._copy(found, file)
        copy = OpenFile(file)
        folder = found.url.partition("?")[0].rpartition("/")[0]
        modality = self._options.modality
        base = found.uri.rpartition("/")[2].lower()
        pictures = pictures and modality != "text" and base not in CAPTION_TABLES
        if suffix in TABLE_SUFFIXES and pictures:
            columns = find_columns(copy.view, found.url, self._options.columns)
            if columns is not None:
                origin = TableFile(
                    copy.view,
                    found.uri,
                    found.url,
                    folder + "/",
                    self.uri,
                    suffix,
                    token,
                    found.mtime_ns,
                )
                table = PictureTable(
                    origin, columns, self._links, max_bytes=self._options.max_bytes
                )
                yield from table
                self._scopes.extend(table.scopes)
                return
        if modality != "image":
            yield from texts_in(
                copy.view(),
                suffix,
                found.uri,
                found.mtime_ns,
                folder,
                self._options.columns.caption,
            )
            self._scopes.append(Scope(found.uri + "#"))

    def _copy(self, found: _Found, file: BinaryIO) -> str:
        """Write an object into a file; return the token of its state."""
        if self._web:
            token = self._links.fetcher.download(found.url, file)
        else:
            fs, path = self._links.store(found.url)
            copy_object(fs, path, file)
            token = found.token
        file.flush()
        file.seek(0)
        return token


def _temporary() -> BinaryIO:
    """Return an open file without a name: it is gone when it is closed, however that comes."""
    return cast("BinaryIO", tempfile.TemporaryFile(prefix="searchengine-"))


def _found(fs: Any, info: dict[str, Any]) -> _Found:
    url = str(fs.unstrip_protocol(info["name"]))
    return _Found(url, object_uri(url), int(info.get("size") or 0), time_of(info), token_of(info))
