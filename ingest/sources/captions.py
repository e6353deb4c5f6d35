"""Captions and other columns that lie beside the pictures they belong to.

Three places, the nearest first: a file of the picture's stem and ``.txt`` (its
whole text), one with ``.json`` (a caption and other keys), and a table
``captions.jsonl``, ``.csv`` or ``.parquet`` in the picture's folder or in one
above it, as far up as the root of the walk. A table names a picture by its path
from the table's folder; several captions of one picture are joined, one a line.

A table is held while its folder and what is below it are walked: its texts,
and about 250 bytes a row.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ingest.sources.contract import Skipped
from ingest.sources.names import CAPTION_TABLES, stem_of, suffix_of
from ingest.sources.reading import open_regular, read_bytes
from ingest.sources.tables import (
    FILE_COLUMNS,
    TEXT_COLUMNS,
    clean_text,
    column_among,
    joined_text,
    json_value,
    open_table,
)
from searchengine.errors import DecodeError, ItemError
from searchengine.identity import fragment_uri, path_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

    from ingest.sources.tables import Row
    from ingest.sources.walk import Folder

_JSON_CAPTIONS = ("caption", "captions", "description", "title", "text")
_TOKEN_BYTES = 8


@dataclass(frozen=True, slots=True)
class Annotation:
    """What is written about one picture outside of it."""

    caption: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    token: str = ""
    """Changes when the annotation does; empty when there is none."""
    problems: tuple[Skipped, ...] = ()
    """Sidecars that could not be read."""


class CaptionTable:
    """The captions of one folder's tables, by path from that folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._rows: dict[str, tuple[str | None, str]] = {}
        """Caption, and the other columns as JSON text (a fifth of a dict's size)."""

    def add(self, row: Row) -> None:
        """Take in one row. Raises ``DecodeError`` for one that names no file."""
        file_column = column_among(row.values, FILE_COLUMNS)
        name = row.values.get(file_column) if file_column else None
        if name is None or not str(name).strip():
            raise DecodeError(f"row {row.number} names no file (one of {', '.join(FILE_COLUMNS)})")
        text_column = column_among(row.values, TEXT_COLUMNS)
        caption = joined_text(row.values[text_column]) if text_column else None
        meta = {k: v for k, v in row.values.items() if k and k not in (file_column, text_column)}
        self._put(self._key(str(name).strip()), caption, meta)

    def find(self, relative: str) -> tuple[str | None, dict[str, Any]] | None:
        """Return caption and other columns of the picture at a path from the folder."""
        found = self._rows.get(unicodedata.normalize("NFC", relative))
        if found is None:
            return None
        caption, meta = found
        return caption, (json.loads(meta) if meta else {})

    def _put(self, key: str, caption: str | None, meta: dict[str, Any]) -> None:
        if (earlier := self._rows.get(key)) is not None:
            before = earlier[0].split("\n") if earlier[0] else []
            if caption is None or caption in before:
                caption = earlier[0]
            else:
                caption = "\n".join([*before, caption])
            meta = (json.loads(earlier[1]) if earlier[1] else {}) | meta
        self._rows[key] = (caption, json.dumps(meta, ensure_ascii=False) if meta else "")

    def _key(self, name: str) -> str:
        if name.startswith("file:") and (path := path_of(name)) is not None:
            name = str(path)
        name, folder = name.replace("\\", "/"), self._folder.replace("\\", "/").rstrip("/") + "/"
        return unicodedata.normalize("NFC", posixpath.normpath(name.removeprefix(folder)))


def read_tables(folder: Folder) -> Iterator[Skipped]:
    """Read the caption tables of a folder into ``folder.captions``; yield what is wrong in them."""
    names = [name for name in folder.files if name.lower() in CAPTION_TABLES]
    if not names:
        return
    table = CaptionTable(folder.path)
    for name in names:
        uri = folder.uri_of(name)
        try:
            with open_regular(folder.path_of(name)) as file:
                yield from fill_table(table, file, suffix_of(name), uri)
        except ItemError as error:
            yield Skipped(uri, error.reason, str(error))
    folder.captions = table


def fill_table(table: CaptionTable, file: BinaryIO, suffix: str, uri: str) -> Iterator[Skipped]:
    """Take in the rows of an open table; yield those that are wrong.

    Raises ``DecodeError``, ``ReadError`` where the table cannot be read.
    """
    opened = open_table(file, suffix)
    if opened.columns is not None and not column_among(opened.columns, FILE_COLUMNS):
        raise DecodeError(f"a caption table needs one of the columns {', '.join(FILE_COLUMNS)}")
    for row in opened.rows:
        try:
            if row.problem:
                raise DecodeError(row.problem)
            table.add(row)
        except DecodeError as error:
            yield Skipped(fragment_uri(uri, "row", row.number), error.reason, str(error))


def annotate(folder: Folder, name: str, siblings: frozenset[str], max_bytes: int) -> Annotation:
    """Return what is written about a picture.

    ``siblings`` are the names in its folder that may be sidecars. One that
    cannot be read is a problem of its own; the picture goes on without it.
    """
    caption: str | None = None
    meta: dict[str, Any] = {}
    tokens: list[str] = []
    problems: list[Skipped] = []
    if (found := in_tables(folder, name)) is not None:
        caption, meta = found
        tokens.append(annotation_token(caption, meta))
    stem = stem_of(name)
    for suffix in (".json", ".txt"):  # the plain text has the last word
        sidecar = stem + suffix
        if sidecar not in siblings:
            continue
        try:
            text, columns, token = _read_sidecar(folder.path_of(sidecar), suffix, max_bytes)
        except FileNotFoundError:
            continue
        except ItemError as error:
            problems.append(Skipped(folder.uri_of(sidecar), error.reason, str(error)))
            continue
        caption, meta = text or caption, {**meta, **columns}
        tokens.append(token)
    return Annotation(caption, meta, "-".join(tokens), tuple(problems))


def annotation_token(caption: str | None, meta: Mapping[str, Any]) -> str:
    """Return what changes when a row of a table says something else about its picture."""
    content = json.dumps([caption, meta], sort_keys=True).encode()
    return hashlib.blake2b(content, digest_size=_TOKEN_BYTES).hexdigest()


def _read_sidecar(path: str, suffix: str, max_bytes: int) -> tuple[str | None, dict[str, Any], str]:
    """Return the caption of a sidecar, its other columns, and a token of its state."""
    status = os.stat(path)
    token = f"{status.st_size}-{status.st_mtime_ns}"
    text = read_bytes(path, max_bytes).decode("utf-8-sig", "replace")
    if suffix == ".txt":
        return clean_text(text).strip() or None, {}, token
    return *caption_from_json(text), token


def caption_from_json(text: str) -> tuple[str | None, dict[str, Any]]:
    """Return the caption and the other keys of a JSON object. Raises ``DecodeError``."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"the caption file is no JSON: {error}") from error
    if not isinstance(values, dict):
        raise DecodeError("the caption file is no JSON object")
    column = column_among(values, _JSON_CAPTIONS)
    caption = joined_text(values[column]) if column else None
    return caption, json_value({k: v for k, v in values.items() if k != column})


class Captioned(Protocol):
    """A folder that may hold caption tables, and lies in one that may."""

    relative: str
    captions: CaptionTable | None

    @property
    def parent(self) -> Captioned | None:
        """The folder it lies in; ``None`` for the root."""


def in_tables(folder: Captioned, name: str) -> tuple[str | None, dict[str, Any]] | None:
    """Return what the nearest table that knows the picture says of it."""
    relative = folder.relative + name
    here: Captioned | None = folder
    while here is not None:
        if here.captions is not None:
            found = here.captions.find(relative.removeprefix(here.relative))
            if found is not None:
                return found
        here = here.parent
    return None
