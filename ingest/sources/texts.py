"""Texts in files: a paragraph of prose, or a row of a table, is one item. Streamed."""

from __future__ import annotations

import hashlib
import io
import json
import re
from typing import TYPE_CHECKING, Any

from ingest.sources.contract import Asset, Skipped
from ingest.sources.names import PROSE_SUFFIXES, suffix_of
from ingest.sources.reading import describe, open_regular
from ingest.sources.tables import TEXT_COLUMNS, clean_text, column_among, joined_text, open_table
from searchengine.errors import DecodeError, ReadError
from searchengine.identity import fragment_uri

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import BinaryIO

    from ingest.sources.tables import Table

MAX_CHARS = 1000
"""Length beyond which a paragraph is split, where a sentence ends."""
_HELD_CHARS = 1 << 18
"""Characters of one paragraph that are held before what is complete in it is let go."""
_HASH_BYTES = 16

_SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])[”’」』）]*\s*")
_WORD = re.compile(r"\w")


def read_texts(
    path: str, uri: str, mtime_ns: int, folder: str, column: str = ""
) -> Iterator[Asset | Skipped]:
    """Yield the texts of a ``.txt``, ``.md``, ``.jsonl``, ``.csv`` or ``.parquet`` file.

    ``column`` is looked for in a table before those that hold texts by convention.

    Their revision is a hash of what they say, so that touching the file, or
    editing another row, changes nothing. Raises ``ReadError`` or
    ``DecodeError`` where the file cannot be read (any further).
    """
    yield from texts_in(open_regular(path), suffix_of(path), uri, mtime_ns, folder, column)


def texts_in(
    file: BinaryIO, suffix: str, uri: str, mtime_ns: int, folder: str, column: str = ""
) -> Iterator[Asset | Skipped]:
    """Yield the texts of an open file, and close it. As ``read_texts``."""
    with file:
        try:
            if suffix in PROSE_SUFFIXES:
                for number, text in _paragraphs(file):
                    if _WORD.search(text):  # a rule or a fence is nothing to search for
                        part_uri = fragment_uri(uri, "paragraph", number)
                        yield _asset(part_uri, text, {}, mtime_ns, folder)
            else:
                columns = (column.casefold(), *TEXT_COLUMNS) if column else TEXT_COLUMNS
                yield from _rows(open_table(file, suffix), columns, uri, mtime_ns, folder)
        except OSError as error:
            raise ReadError(describe(error)) from error


def _rows(
    table: Table, columns: Sequence[str], uri: str, mtime_ns: int, folder: str
) -> Iterator[Asset | Skipped]:
    if table.columns is not None and not column_among(table.columns, columns):
        raise DecodeError(_no_text_column("the table", columns))
    for row in table.rows:
        row_uri = fragment_uri(uri, "row", row.number)
        column = column_among(row.values, columns)
        if row.problem or column is None:
            problem = row.problem or _no_text_column(f"line {row.number}", columns)
            yield Skipped(row_uri, DecodeError.reason, problem)
        elif text := joined_text(row.values[column]):
            meta = {k: v for k, v in row.values.items() if k and k != column}
            yield _asset(row_uri, text, meta, mtime_ns, folder)


def split_paragraph(text: str, limit: int = MAX_CHARS) -> list[str]:
    """Return a text in parts of at most ``limit`` characters, cut where sentences end.

    A longer sentence is cut between words, a longer word anywhere.
    """
    parts: list[str] = []
    while len(text) > limit:
        # One more than fits: it may be the space that the cut does away with.
        head = text[: limit + 1]
        ends = [m.end() for m in _SENTENCE.finditer(head)]
        cut = max((end for end in ends if end <= limit or head[-1].isspace()), default=0)
        cut = cut or max(head.rfind(" "), head.rfind("\n")) + 1 or limit
        parts.append(text[:cut].strip())
        text = text[cut:]
    parts.append(text.strip())
    return [part for part in parts if part]


def _paragraphs(file: BinaryIO) -> Iterator[tuple[str, str]]:
    """Yield number and text of each paragraph: ``3``, or ``3.1``, ``3.2`` for a long one."""
    lines = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace")
    number, part, held = 1, 0, ""
    at_end = False
    while not at_end:
        read = lines.readline(_HELD_CHARS)
        at_end, line = not read, clean_text(read)
        if line.strip():
            held += line
            if len(held) >= _HELD_CHARS:
                *complete, last = split_paragraph(held)
                held = last + (" " if held[-1].isspace() else "")
                for text in complete:
                    part += 1
                    yield f"{number}.{part}", text
        elif held:
            complete = split_paragraph(held)
            if part == 0 and len(complete) == 1:
                yield str(number), complete[0]
            else:
                for text in complete:
                    part += 1
                    yield f"{number}.{part}", text
            number, part, held = number + 1, 0, ""


def _asset(uri: str, text: str, meta: Mapping[str, Any], mtime_ns: int, folder: str) -> Asset:
    content = json.dumps([text, meta], sort_keys=True).encode()
    return Asset(
        uri=uri,
        modality="text",
        revision=hashlib.blake2b(content, digest_size=_HASH_BYTES).hexdigest(),
        size=len(text.encode("utf-8")),
        mtime_ns=mtime_ns,
        caption=text,
        folder=folder,
        meta=meta,
    )


def _no_text_column(what: str, columns: Sequence[str]) -> str:
    return f"{what} has none of the columns {', '.join(columns)}"
