"""A folder of pictures and texts (or one single file) as a source."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Literal

from ingest.sources.captions import annotate, read_tables
from ingest.sources.contract import Asset, Scope, Skipped
from ingest.sources.names import (
    CAPTION_TABLES,
    PICTURE_SUFFIXES,
    SIDECAR_SUFFIXES,
    TEXT_SUFFIXES,
    Exclusion,
    is_junk,
    stem_of,
    suffix_of,
)
from ingest.sources.reading import check_size, describe, open_regular, read_bytes
from ingest.sources.texts import read_texts
from ingest.sources.walk import Walk, folder_uri
from searchengine.containers.contract import CONTAINER_SUFFIXES, PDF_SUFFIXES, part_kind
from searchengine.errors import ItemError, NotFoundError, ReadError, UsageError
from searchengine.identity import file_uri, path_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from ingest.sources.walk import Folder

Wanted = Literal["image", "text", "all"]
MAX_BYTES = 1 << 30


class FolderSource:
    """Lists a folder, or one file.

    The root is made canonical (links in it resolved); below it names stay as
    they are. Links to files are followed, links to folders only on request.
    Hidden names and what systems leave behind are passed over, as are files
    of unknown suffix; pipes, sockets and devices are never opened.

    Raises ``NotFoundError`` for a root that is not there, ``UsageError`` for
    one that is nothing that can be indexed.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        recursive: bool = True,
        exclude: tuple[str, ...] = (),
        follow_links: bool = False,
        modality: Wanted = "all",
        max_bytes: int = MAX_BYTES,
        text_column: str = "",
    ) -> None:
        self.root, self.is_file = _canonical(root)
        self.uri = file_uri(self.root) if self.is_file else folder_uri(self.root)
        self.recursive = recursive and not self.is_file
        self._exclude = exclude
        self._follow_links = follow_links
        self._modality = modality
        self._max_bytes = max_bytes
        self._text_column = text_column
        self._scopes: tuple[Scope, ...] = ()

    def __iter__(self) -> Iterator[Asset | Skipped]:
        """Yield pictures and texts folder by folder, in the order of their names."""
        self._scopes = ()
        only = ""
        start, excluded = self.root, Exclusion(self._exclude)
        if self.is_file:
            start, only = os.path.split(self.root)
            excluded = Exclusion(())
        walk = Walk(
            start, excluded, recursive=self.recursive, follow_links=self._follow_links, only=only
        )
        for folder in walk:
            if isinstance(folder, Skipped):
                yield folder
            else:
                yield from self._folder(folder, walk, only)
        self._scopes = self._complete_for(walk.unlisted)

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """See ``Source``. Empty before the end of an iteration."""
        return self._scopes

    def open(self, asset: Asset) -> bytes:
        """Return the bytes of a picture. Raises ``ReadError`` or ``LimitError``."""
        path = path_of(asset.uri)
        if path is None:
            raise ReadError(f"not a local file: {asset.uri}")
        return read_bytes(path, self._max_bytes)

    def open_file(self, asset: Asset) -> BinaryIO:
        """See ``OpensFiles``. Films may be of any size: they are never held whole."""
        path = path_of(asset.uri)
        if path is None:
            raise ReadError(f"not a local file: {asset.uri}")
        if suffix_of(path.name) in PDF_SUFFIXES:
            check_size(asset.size, self._max_bytes)
        return open_regular(path)

    def reaches(self, other: FolderSource) -> bool:
        """Whether the walk lists all of another source by itself."""
        prefix = os.path.join(self.root, "")
        if self.is_file or not other.root.startswith(prefix):
            return False
        names = other.root.removeprefix(prefix).split(os.sep)
        if not self.recursive and (len(names) > 1 or not other.is_file):
            return False
        excluded = Exclusion(self._exclude)
        for depth, name in enumerate(names, 1):
            relative = "/".join(names[:depth])
            if is_junk(name) or excluded(name, relative, prefix + relative):
                return False
        return True

    def _complete_for(self, unlisted: list[str]) -> tuple[Scope, ...]:
        if self.uri in unlisted:
            return ()
        if not self.is_file:
            return (Scope(self.uri, self.recursive, tuple(unlisted)),)
        if suffix_of(self.root) not in TEXT_SUFFIXES | CONTAINER_SUFFIXES or unlisted:
            return ()  # a single picture has been listed, or the walk has raised
        return (Scope(self.uri + "#", True),)

    def _folder(self, folder: Folder, walk: Walk, only: str) -> Iterator[Asset | Skipped]:
        sidecars = _sidecars(folder)
        if self._modality != "text":
            yield from read_tables(folder)
        if only in sidecars:
            yield Skipped(folder.uri_of(only), "sidecar", "the caption of a picture", failed=False)
        for name in [only] if only else folder.files:
            is_picture = suffix_of(name) in PICTURE_SUFFIXES
            if not is_picture and (name in sidecars or not _is_text(name)):
                continue
            if self._modality == ("text" if is_picture else "image"):
                continue
            try:
                status = os.stat(folder.path_of(name))
                if not stat.S_ISREG(status.st_mode):
                    continue  # it was one when the folder was listed
                if is_picture:
                    yield from self._picture(folder, name, sidecars, status)
                else:
                    yield from self._texts(folder, name, walk, status)
            except FileNotFoundError:
                continue  # it was there when the folder was listed
            except PermissionError as error:  # the folder may be listed, not entered
                yield walk.cannot_list(folder.uri, describe(error))
                return
            except OSError as error:
                yield walk.cannot_list(folder.uri_of(name), describe(error))

    def _picture(
        self, folder: Folder, name: str, sidecars: frozenset[str], status: os.stat_result
    ) -> Iterator[Asset | Skipped]:
        annotation = annotate(folder, name, sidecars, self._max_bytes)
        yield from annotation.problems
        revision = f"{status.st_size}-{status.st_mtime_ns}"
        yield Asset(
            uri=folder.uri_of(name),
            modality="image",
            revision=f"{revision}-{annotation.token}" if annotation.token else revision,
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            caption=annotation.caption,
            folder=folder.path,
            meta=annotation.meta,
            parts=part_kind(suffix_of(name)),
        )

    def _texts(
        self, folder: Folder, name: str, walk: Walk, status: os.stat_result
    ) -> Iterator[Asset | Skipped]:
        uri = folder.uri_of(name)
        try:
            path, column = folder.path_of(name), self._text_column
            yield from read_texts(path, uri, status.st_mtime_ns, folder.path, column)
        except ItemError as error:
            walk.unlisted.append(uri + "#")  # what could not be read is not known to be gone
            yield Skipped(uri, error.reason, str(error))


def _sidecars(folder: Folder) -> frozenset[str]:
    """Return the names of the files that hold the caption of a picture beside them."""
    written = [name for name in folder.files if suffix_of(name) in SIDECAR_SUFFIXES]
    # Of the pictures only those that matter here: a folder may hold a million without a caption.
    stems = {stem_of(name) for name in written}
    pictures = {
        stem
        for name in folder.files
        if suffix_of(name) in PICTURE_SUFFIXES and (stem := stem_of(name)) in stems
    }
    return frozenset(
        name for name in written if stem_of(name) in pictures or stem_of(name) in folder.excluded
    )


def _is_text(name: str) -> bool:
    return suffix_of(name) in TEXT_SUFFIXES and name.lower() not in CAPTION_TABLES


def _canonical(root: str | Path) -> tuple[str, bool]:
    """Return a root's absolute path without links in it, and whether it is a file."""
    text = os.fspath(root)
    try:
        mode = os.stat(text).st_mode
    except FileNotFoundError:
        raise NotFoundError(f"there is no file or folder {text!r}") from None
    except (OSError, ValueError) as error:
        raise NotFoundError(f"{text!r}: {describe(error)}") from error
    if stat.S_ISDIR(mode):
        return os.path.realpath(text), False
    if not stat.S_ISREG(mode):
        raise UsageError(
            f"{text!r} is neither a file nor a folder", hint="name a folder, a picture or a text"
        )
    folder, name = os.path.split(os.path.abspath(text))
    if name.lower() in CAPTION_TABLES:
        raise UsageError(
            f"{text!r} holds the captions of the pictures in its folder",
            hint=f"index the folder: {folder}",
        )
    if suffix_of(name) not in PICTURE_SUFFIXES | TEXT_SUFFIXES:
        known = " ".join(sorted(PICTURE_SUFFIXES | TEXT_SUFFIXES))
        raise UsageError(
            f"{text!r} is neither a picture nor a text this can index",
            hint=f"what can be indexed ends in one of: {known}",
        )
    return os.path.join(os.path.realpath(folder), name), True
