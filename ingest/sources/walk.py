"""Walking a tree of folders: in a stable order, in bounded memory, opening nothing but folders.

Of the tree, one folder's names and the folders still to be visited are held.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote_from_bytes

from ingest.sources.contract import Skipped
from ingest.sources.names import (
    CAPTION_TABLES,
    KNOWN_SUFFIXES,
    PICTURE_SUFFIXES,
    is_junk,
    stem_of,
    suffix_of,
)
from ingest.sources.reading import describe
from searchengine.errors import NotFoundError
from searchengine.identity import file_uri

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.sources.captions import CaptionTable
    from ingest.sources.names import Exclusion


@dataclass(slots=True)
class Folder:
    """One folder that has been listed."""

    path: str
    uri: str
    """With a slash at its end: the uri of a file in it starts with this."""
    relative: str
    """From the root, with a slash at its end; empty for the root."""
    parent: Folder | None
    linked: bool = False
    """Reached through a link."""
    files: list[str] = field(default_factory=list)
    """Names of regular files (or links to them) that may be of interest, sorted."""
    folders: list[str] = field(default_factory=list)
    """Names of the folders in it that are to be visited, sorted."""
    links: set[str] = field(default_factory=set)
    """Those of ``folders`` that are links."""
    excluded: set[str] = field(default_factory=set)
    """Stems of the pictures that are passed over, whose captions are then no texts either."""
    captions: CaptionTable | None = None
    """The captions its tables hold, once they have been read."""

    def uri_of(self, name: str) -> str:
        """Return the uri of a file in the folder (the same as ``identity.file_uri``'s)."""
        return self.uri + quote_from_bytes(os.fsencode(name), safe="")

    def path_of(self, name: str) -> str:
        """Return the path of a file in the folder."""
        return os.path.join(self.path, name)


def folder_uri(path: str) -> str:
    """Return the prefix that the uris of all files in a folder have."""
    uri = file_uri(path)
    return uri if uri.endswith("/") else uri + "/"


class Walk:
    """One walk over a tree. Iterate it once, then ask what could not be listed."""

    def __init__(
        self,
        root: str,
        excluded: Exclusion,
        *,
        recursive: bool,
        follow_links: bool,
        only: str = "",
    ) -> None:
        """``only``: the name of the one file in the root that is wanted, with what annotates it."""
        self._root = root
        self._excluded = excluded
        self._recursive = recursive
        self._follow_links = follow_links
        self._only = only
        self._visited: set[tuple[int, int]] = set()
        """Device and number of the root and of the folders reached through links."""
        self.unlisted: list[str] = []
        """Prefixes of uris of which nothing can be said."""

    def __iter__(self) -> Iterator[Folder | Skipped]:
        """Yield folders, parents first, and what was met on the way and is not taken.

        Raises ``NotFoundError`` when the root itself is gone.
        """
        if self._follow_links:
            self._visited.add(_identity(self._root))
        yield from self._visit(root := Folder(self._root, folder_uri(self._root), "", None))
        pending = self._below(root)
        while pending:
            folder = self._child(*pending.pop())
            if folder.linked and not self._first_visit(folder):
                continue
            yield from self._visit(folder)
            pending.extend(self._below(folder))

    def _visit(self, folder: Folder) -> Iterator[Folder | Skipped]:
        yield from self._list(folder)
        yield folder
        folder.files = []
        folder.excluded = set()

    def _below(self, folder: Folder) -> list[tuple[Folder, str]]:
        """Return what is to be visited below a folder, last first."""
        names, folder.folders = folder.folders, []
        return [(folder, name) for name in reversed(names)] if self._recursive else []

    def _child(self, folder: Folder, name: str) -> Folder:
        return Folder(
            folder.path_of(name),
            folder.uri_of(name) + "/",
            f"{folder.relative}{name}/",
            folder,
            linked=folder.linked or name in folder.links,
        )

    def _first_visit(self, folder: Folder) -> bool:
        try:
            identity = _identity(folder.path)
        except OSError:
            return True  # listing it will say why
        if identity in self._visited:
            return False
        self._visited.add(identity)
        return True

    def _list(self, folder: Folder) -> Iterator[Skipped]:
        """Fill in a folder's names; yield what is not taken."""
        names: list[str] = []
        folders: list[str] = []
        links: list[str] = []
        others: list[str] = []
        try:
            with os.scandir(folder.path) as entries:
                for entry in entries:
                    if self._passes_over(entry, folder):
                        if suffix_of(entry.name) in PICTURE_SUFFIXES:
                            folder.excluded.add(stem_of(entry.name))
                        continue
                    if entry.is_symlink():
                        links.append(entry.name)
                    elif entry.is_dir():
                        folders.append(entry.name)
                    elif not entry.is_file():
                        others.append(entry.name)
                    elif suffix_of(entry.name) in KNOWN_SUFFIXES:
                        names.append(entry.name)
        except (FileNotFoundError, NotADirectoryError):
            if folder.parent is None:
                raise NotFoundError(f"{folder.path} is no longer there") from None
            if folder.linked:  # perhaps a drive that is not there today
                yield self.cannot_list(folder.uri, "the folder behind the link is gone")
            return
        except OSError as error:
            yield self.cannot_list(folder.uri, describe(error))
            return
        for name in sorted(others):
            yield _not_a_file(folder.uri_of(name))
        for name in sorted(links):
            if skipped := self._follow(folder, name, names, folders):
                yield skipped
        names.sort()  # in place: there may be a million
        folders.sort()
        folder.files, folder.folders = names, folders

    def _passes_over(self, entry: os.DirEntry[str], folder: Folder) -> bool:
        name = entry.name
        if self._only:
            annotates = stem_of(name) == stem_of(self._only) or name.lower() in CAPTION_TABLES
            return not annotates or suffix_of(name) not in KNOWN_SUFFIXES
        return is_junk(name) or self._excluded(name, folder.relative + name, entry.path)

    def _follow(
        self, folder: Folder, name: str, names: list[str], folders: list[str]
    ) -> Skipped | None:
        """Add what a link points at to the names, or return why not."""
        path, suffix = folder.path_of(name), suffix_of(name)
        uri = folder.uri_of(name)
        try:
            mode = os.stat(path).st_mode
        except OSError as error:
            if suffix and suffix not in KNOWN_SUFFIXES:
                return None
            if not isinstance(error, FileNotFoundError):
                self.unlisted.append(uri)
            elif self._follow_links:  # perhaps a drive that is not there today
                self.unlisted.append(uri + "/")
            return Skipped(uri, "unreadable", f"a link that leads nowhere: {describe(error)}")
        if stat.S_ISREG(mode):
            if suffix in KNOWN_SUFFIXES:
                names.append(name)
            return None
        if not stat.S_ISDIR(mode):
            return _not_a_file(uri)
        if not self._recursive:
            return None
        if not self._follow_links:
            return Skipped(
                uri, "not-a-file", "a link to a folder (--follow-links goes there)", failed=False
            )
        if self._inside_root(path):
            return Skipped(
                uri,
                "not-a-file",
                "a link to a folder that is listed in its own place",
                failed=False,
            )
        folders.append(name)
        folder.links.add(name)
        return None

    def _inside_root(self, path: str) -> bool:
        target = os.path.realpath(path)
        return target == self._root or target.startswith(os.path.join(self._root, ""))

    def cannot_list(self, uri: str, message: str) -> Skipped:
        """Return the report's row for a folder, and remember that nothing is known of it."""
        self.unlisted.append(uri)
        return Skipped(uri, "unreadable", message)


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _not_a_file(uri: str) -> Skipped:
    return Skipped(uri, "not-a-file", "neither a file nor a folder", failed=False)
