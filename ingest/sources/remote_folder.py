"""Walking the folders of an object store: in a stable order, one folder's names at a time."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ingest.sources.captions import (
    CaptionTable,
    annotation_token,
    caption_from_json,
    fill_table,
    in_tables,
)
from ingest.sources.contract import Skipped
from ingest.sources.names import (
    CAPTION_TABLES,
    SIDECAR_SUFFIXES,
    TEXT_SUFFIXES,
    Exclusion,
    is_junk,
    stem_of,
    suffix_of,
)
from ingest.sources.objects import read_object, token_of, trouble
from ingest.sources.reading import check_size, describe
from ingest.sources.tables import clean_text
from searchengine.decode import IMAGE_SUFFIXES
from searchengine.errors import ItemError, ReadError
from searchengine.identity import object_uri

if TYPE_CHECKING:
    from collections.abc import Iterator

_Infos = dict[str, dict[str, Any]]

_AT_ONCE = 256
"""Pictures whose captions are asked for together."""
_CAPTION_BYTES = 1 << 20
_TABLE_BYTES = 1 << 30


@dataclass(slots=True)
class _Folder:
    path: str
    relative: str
    """From the root, with a slash at its end; empty for the root."""
    parent: _Folder | None
    captions: CaptionTable | None = None


@dataclass(frozen=True, slots=True)
class RemotePicture:
    """A picture, with what is written about it beside it."""

    info: dict[str, Any]
    """What the file system says of it."""
    folder: str
    caption: str | None
    meta: dict[str, Any]
    token: str
    """Changes when what is written about it does; empty for nothing."""


@dataclass(frozen=True, slots=True)
class RemoteText:
    """A file of texts."""

    info: dict[str, Any]


class RemoteWalk:
    """One walk over a folder and what is below it. Iterate it once."""

    def __init__(self, fs: Any, root: str, exclude: tuple[str, ...], *, recursive: bool) -> None:
        self._fs = fs
        self._root = root.rstrip("/")
        self._excluded = Exclusion(exclude)
        self._recursive = recursive
        self.uri = self._uri(self._root) + "/"
        """The prefix of all uris below the root."""
        self.unlisted: list[str] = []
        """Prefixes of uris of which nothing can be said."""

    def __iter__(self) -> Iterator[RemotePicture | RemoteText | Skipped]:
        """Yield pictures and texts, folder by folder.

        Raises ``ReadError`` where the root cannot be listed.
        """
        pending = [_Folder(self._root, "", None)]
        while pending:
            folder = pending.pop()
            try:
                folders, files = self._list(folder)
            except ReadError as error:
                if folder.parent is None:
                    raise
                self.unlisted.append(self._uri(folder.path) + "/")
                yield Skipped(self.unlisted[-1], error.reason, str(error))
                continue
            yield from self._tables(folder, files)
            yield from self._pictures(folder, files)
            yield from self._texts(files)
            if self._recursive:
                pending.extend(
                    _Folder(info["name"].rstrip("/"), f"{folder.relative}{name}/", folder)
                    for name, info in sorted(folders.items(), reverse=True)
                )

    def _list(self, folder: _Folder) -> tuple[_Infos, _Infos]:
        """Return the folders and the files of a folder by name, files in order."""
        try:
            infos = self._fs.ls(folder.path, detail=True)
        except Exception as error:  # each file system has errors of its own
            raise trouble(error) from error
        folders: _Infos = {}
        files: _Infos = {}
        for info in infos:
            path = str(info["name"]).rstrip("/")
            name = path.rpartition("/")[2]
            if path == folder.path or not name:  # a key that stands for the folder itself
                continue
            if is_junk(name) or self._excluded(name, folder.relative + name, path):
                continue
            (folders if info["type"] == "directory" else files)[name] = info
        return folders, dict(sorted(files.items()))

    def _tables(self, folder: _Folder, files: _Infos) -> Iterator[Skipped]:
        names = [name for name in files if name.lower() in CAPTION_TABLES]
        if not names:
            return
        table = CaptionTable(folder.path)
        for name in names:
            uri = self._uri(files[name]["name"])
            try:
                data = read_object(self._fs, files[name]["name"], None, _TABLE_BYTES)
                yield from fill_table(table, io.BytesIO(data), suffix_of(name), uri)
            except ItemError as error:
                yield Skipped(uri, error.reason, str(error))
        folder.captions = table

    def _pictures(self, folder: _Folder, files: _Infos) -> Iterator[RemotePicture | Skipped]:
        names = [name for name in files if suffix_of(name) in IMAGE_SUFFIXES]
        for start in range(0, len(names), _AT_ONCE):
            chunk = names[start : start + _AT_ONCE]
            written = self._written(chunk, files)
            for name in chunk:
                caption, meta = in_tables(folder, name) or (None, {})
                tokens = [annotation_token(caption, meta)] if caption or meta else []
                for suffix in SIDECAR_SUFFIXES[::-1]:  # the plain text has the last word
                    info = files.get(stem_of(name) + suffix)
                    if info is None:
                        continue
                    try:
                        text, columns = _read_sidecar(written[info["name"]], suffix)
                    except ItemError as error:
                        yield Skipped(self._uri(info["name"]), error.reason, str(error))
                        continue
                    caption, meta = text or caption, {**meta, **columns}
                    tokens.append(token_of(info))
                place = self._uri(folder.path)
                yield RemotePicture(files[name], place, caption, meta, "-".join(tokens))

    def _written(self, names: list[str], files: _Infos) -> dict[str, bytes | Exception]:
        """Return what stands beside pictures, read together: bytes, or why there are none."""
        infos = [
            files[stem_of(name) + suffix]
            for name in names
            for suffix in SIDECAR_SUFFIXES
            if stem_of(name) + suffix in files
        ]
        read: dict[str, bytes | Exception] = {}
        for info in infos:
            try:
                check_size(int(info.get("size") or 0), _CAPTION_BYTES)
            except ItemError as error:
                read[info["name"]] = error
        paths = [info["name"] for info in infos if info["name"] not in read]
        if paths:
            try:
                read |= self._fs.cat(paths, on_error="return")
            except Exception as error:
                read |= dict.fromkeys(paths, error)
        return read

    def _texts(self, files: _Infos) -> Iterator[RemoteText]:
        pictures = {stem_of(name) for name in files if suffix_of(name) in IMAGE_SUFFIXES}
        for name, info in files.items():
            beside = suffix_of(name) in SIDECAR_SUFFIXES and stem_of(name) in pictures
            about = beside or name.lower() in CAPTION_TABLES
            if suffix_of(name) in TEXT_SUFFIXES and not about:
                yield RemoteText(info)

    def _uri(self, path: str) -> str:
        return object_uri(str(self._fs.unstrip_protocol(path)).rstrip("/"))


def _read_sidecar(data: bytes | Exception, suffix: str) -> tuple[str | None, dict[str, Any]]:
    if isinstance(data, ItemError):
        raise data
    if isinstance(data, Exception):
        raise ReadError(describe(data)) from data
    text = clean_text(data.decode("utf-8-sig", "replace"))
    return (text.strip() or None, {}) if suffix == ".txt" else caption_from_json(text)
