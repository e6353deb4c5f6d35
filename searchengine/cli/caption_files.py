"""Reading a captions file for ``eval``: the formats that ``index`` understands."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from searchengine.errors import DecodeError, ItemError, NotFoundError, UsageError
from searchengine.evaluate.captions import CaptionRow

_SUFFIXES = (".jsonl", ".csv", ".parquet")


@dataclass(slots=True)
class CaptionFile:
    """What a captions file says."""

    path: Path
    rows: list[CaptionRow] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Why rows cannot be used, each with its number."""


def read_caption_file(name: str) -> CaptionFile:
    """Read a ``.jsonl``, ``.csv`` or ``.parquet`` table with a file and a caption column.

    A row that cannot be used is a problem, not the end. Raises ``NotFoundError``, ``UsageError``
    for another kind of file, ``ReadError`` and ``DecodeError`` where no row can be used.
    """
    from ingest.sources.reading import open_regular
    from ingest.sources.tables import FILE_COLUMNS, TEXT_COLUMNS, column_among, open_table

    path = Path(name).expanduser()
    if not path.exists():
        raise NotFoundError(f"there is no captions file {name}")
    if path.suffix.lower() not in _SUFFIXES:
        raise UsageError(
            f"{name} is no captions file",
            hint=f"give a table ending in {', '.join(_SUFFIXES)}, with a file column "
            "and a caption column",
        )
    read = CaptionFile(path.resolve())
    try:
        with open_regular(str(path)) as file:
            table = open_table(file, path.suffix.lower())
            for what, columns in (("file", FILE_COLUMNS), ("caption", TEXT_COLUMNS)):
                if table.columns is not None and not column_among(table.columns, columns):
                    raise DecodeError(f"there is no {what} column: one of {', '.join(columns)}")
            for row in table.rows:
                if row.problem:
                    read.problems.append(row.problem)
                elif problem := _add(read, row.values):
                    read.problems.append(f"row {row.number} {problem}")
    except ItemError as error:
        raise type(error)(f"{name}: {error}", hint=error.hint) from error
    if not read.rows:
        reason = read.problems[0] if read.problems else "it has no rows"
        raise DecodeError(f"no row of {name} can be used: {reason}")
    return read


def _add(read: CaptionFile, values: Any) -> str:
    """Take in one row, or return what is wrong with it."""
    from ingest.sources.tables import FILE_COLUMNS, TEXT_COLUMNS, column_among

    file_column = column_among(values, FILE_COLUMNS)
    text_column = column_among(values, TEXT_COLUMNS)
    file = str(values[file_column] or "").strip() if file_column else ""
    if not file:
        return f"names no file (one of {', '.join(FILE_COLUMNS)})"
    captions = _texts(values[text_column]) if text_column else ()
    if not captions:
        return f"has no caption (one of {', '.join(TEXT_COLUMNS)})"
    read.rows.append(CaptionRow(file, captions))
    return ""


def _texts(value: Any) -> tuple[str, ...]:
    """Return the captions of a cell, each whole, whatever lines it has."""
    from ingest.sources.tables import joined_text

    if isinstance(value, str) and value.startswith("["):
        try:  # a list in a CSV field
            listed = json.loads(value)
        except (ValueError, RecursionError):
            listed = None
        value = listed if isinstance(listed, list) and listed else value
    several = value if isinstance(value, list) else [value]
    texts = (joined_text(one) for one in several if not isinstance(one, list | dict))
    return tuple(dict.fromkeys(text for text in texts if text))
