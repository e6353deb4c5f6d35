"""Which column of a table holds its pictures: their bytes, their urls or their paths."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from ingest.sources.names import suffix_of
from ingest.sources.tables import (
    FILE_COLUMNS,
    TEXT_COLUMNS,
    bytes_columns,
    column_among,
    column_values,
    open_table,
)
from searchengine.containers.contract import CONTAINER_SUFFIXES, container_kind
from searchengine.decode import IMAGE_SUFFIXES, is_picture
from searchengine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import BinaryIO

    from searchengine.containers.contract import PartKind

BYTES_COLUMNS = (
    "image",
    "image_bytes",
    "img",
    "jpg",
    "jpeg",
    "png",
    "webp",
    "picture",
    "photo",
    "bytes",
    "image_base64",
    "base64",
    "b64",
    "content",
    "data",
    "pdf",
    "document",
    "video",
    "mp4",
    "film",
)
URL_COLUMNS = (
    "url",
    "image_url",
    "img_url",
    "imageurl",
    "image_link",
    "image_uri",
    "photo_url",
    "picture_url",
    "uri",
    "src",
    "link",
)
PATH_COLUMNS = ("image_path", *FILE_COLUMNS, "filepath", "file_path")

_SAMPLED = 3
"""Pictures in the table itself of which is seen what they are."""
_HEAD = 1024
_PEEKED = 64
"""Rows looked at to tell what a column holds."""
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DATA_URI = re.compile(r"data:[\w/+.-]*(;[\w=-]+)*;base64,", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class WantedColumns:
    """Columns that a user named. Empty: found by their names and by what is in them."""

    image: str = ""
    """Bytes, urls or paths: told apart by what is in it."""
    caption: str = ""
    id: str = ""
    """What identifies a row whose picture is in the table itself; else its number."""


@dataclass(frozen=True, slots=True)
class PictureColumns:
    """The columns of one table."""

    image: str
    caption: str | None
    id: str | None
    inline: bool
    """Whether the pictures themselves are in the table."""
    remote: bool
    """Whether rows were seen that name pictures on the network."""
    parts: PartKind | None = None
    """Where films or PDFs are in the table themselves, what they are taken apart into."""


def is_address(text: str) -> bool:
    """Whether a cell is an address of the network (``file:`` is none)."""
    return _ADDRESS.match(text) is not None and not text.lower().startswith("file:")


def inline_bytes(value: Any) -> bytes | None:
    """Return a picture that stands in a cell (bytes, base64, a data uri), else ``None``."""
    if isinstance(value, dict):  # Hugging Face's datasets: {"bytes": ..., "path": ...}
        value = value.get("bytes")
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        return None
    text, count = _DATA_URI.subn("", value, count=1)
    if not count and (len(text) < 64 or not _is_shown(_decoded(text[:64]))):
        return None
    return _decoded(text)


def _is_shown(head: bytes | None) -> bool:
    return is_picture(head) or (head is not None and container_kind(head) is not None)


def find_columns(
    open_file: Callable[[], BinaryIO], name: str, wanted: WantedColumns
) -> PictureColumns | None:
    """Return the columns of a table of pictures; ``None`` for a table of texts.

    Raises ``UsageError`` for a column that was named and is not there,
    ``ReadError`` and ``DecodeError`` for what cannot be opened as a table.
    """
    suffix = suffix_of(name)
    with open_file() as file:
        table = open_table(file, suffix)
        rows = [row.values for row in islice(table.rows, _PEEKED) if not row.problem]
    binary: Sequence[str] = ()
    if suffix == ".parquet":
        with open_file() as file:
            binary = bytes_columns(file)
    columns = [*(table.columns or dict.fromkeys(name for row in rows for name in row)), *binary]
    caption, key = (_named(one, columns, name) for one in (wanted.caption, wanted.id))
    image = _named(wanted.image, columns, name) or _guess(rows, columns, binary)
    if image is None:
        return None
    values = [row.get(image) for row in rows]
    if image in binary:
        values = _first_cells(open_file, suffix, image)
    texts = [value for value in values if isinstance(value, str)]
    return PictureColumns(
        image,
        caption or column_among([name for name in columns if name != image], TEXT_COLUMNS),
        key,
        inline=image in binary or any(inline_bytes(value) is not None for value in values),
        remote=image not in binary and any(map(is_address, texts)),
        parts=_parts_in(values),
    )


def _first_cells(open_file: Callable[[], BinaryIO], suffix: str, column: str) -> list[Any]:
    """Return a few cells that hold bytes: what one column holds is one kind of thing."""
    with open_file() as file:
        cells = (value for _, value in column_values(file, suffix, column, 1))
        return list(islice((cell for cell in cells if inline_bytes(cell)), _SAMPLED))


def _parts_in(cells: Sequence[Any]) -> PartKind | None:
    """Return what most of the films and PDFs are taken apart into, if most cells are such."""
    found = [data for cell in cells if (data := inline_bytes(cell))]
    kinds = [kind for data in found if (kind := container_kind(data[:_HEAD])) is not None]
    if 2 * len(kinds) <= len(found):
        return None
    return "frame" if 2 * kinds.count("frame") >= len(kinds) else "page"


def _guess(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], binary: Sequence[str]
) -> str | None:
    if binary:
        return column_among(binary, BYTES_COLUMNS) or (binary[0] if len(binary) == 1 else None)
    for names, holds in (
        (URL_COLUMNS, is_address),
        (PATH_COLUMNS, _names_a_picture),
        (BYTES_COLUMNS, lambda text: inline_bytes(text) is not None),
    ):
        for name in names:
            column = column_among(columns, (name,))
            cells = [row[column] for row in rows if column is not None and row.get(column)]
            held = sum(isinstance(cell, str) and holds(cell) for cell in cells)
            if held and 2 * held >= len(cells):
                return column
    return None


def _names_a_picture(text: str) -> bool:
    return suffix_of(text.split("?", 1)[0].rstrip()) in IMAGE_SUFFIXES | CONTAINER_SUFFIXES


def _named(name: str, columns: Sequence[str], path: str) -> str | None:
    if not name:
        return None
    column = name if name in columns else column_among(columns, (name.casefold(),))
    if column is None:
        raise UsageError(
            f"{path} has no column {name!r}", hint=f"its columns are: {', '.join(columns)}"
        )
    return column


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
