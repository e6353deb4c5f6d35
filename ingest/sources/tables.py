"""Rows of JSON Lines, CSV and Parquet files as plain JSON values, streamed."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import partial
from typing import TYPE_CHECKING, Any

from searchengine.errors import DecodeError, ReadError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import BinaryIO

TEXT_COLUMNS = ("caption", "captions", "text", "title", "description", "sentences")
"""The column that holds the text; the first that is there."""
FILE_COLUMNS = ("file", "file_name", "filename", "image", "path", "name", "uri")
"""The column that names the picture."""

_MAX_LINE = 64 << 20
"""Bytes of one line (or characters of one field) beyond which it is no row."""
_PARQUET_ROWS = 1024
"""Rows decoded at a time."""
_BATCH_BYTES = 8 << 20
"""Bytes of a Parquet file's pictures decoded at a time."""
_INT64 = 2**63
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table."""

    number: int
    """From 1: the line of JSON Lines, else the row without the header."""
    values: Mapping[str, Any]
    """JSON values by column name; empty when ``problem`` is not."""
    problem: str = ""
    """Why this row cannot be read."""


@dataclass(frozen=True, slots=True)
class Table:
    """An open table."""

    columns: tuple[str, ...] | None
    """``None`` where every row has its own."""
    rows: Iterator[Row]
    """Raises ``DecodeError`` or ``ReadError`` where the table breaks off."""
    count: int | None = None
    """How many rows there are; ``None`` where only reading them tells."""


def open_table(file: BinaryIO, suffix: str, start: int = 1) -> Table:
    """Open a ``.jsonl``, ``.csv`` or ``.parquet`` table. Raises ``DecodeError``, ``ReadError``.

    Of a Parquet file the row groups before row ``start`` are not read, and their rows left out.
    """
    if suffix == ".csv":
        return _open_csv(file)
    if suffix == ".parquet":
        return _open_parquet(file, start)
    return Table(None, _jsonl_rows(file))


def bytes_columns(file: BinaryIO) -> tuple[str, ...]:
    """Return the columns of a Parquet file that hold bytes, or a struct with a field ``bytes``."""
    schema = _parquet_file(file).schema_arrow
    return tuple(field.name for field in schema if _holds_bytes(field.type))


def row_groups(file: BinaryIO) -> list[int]:
    """Return how many rows each row group of a Parquet file has."""
    meta = _parquet_file(file).metadata
    return [meta.row_group(group).num_rows for group in range(meta.num_row_groups)]


def column_values(
    file: BinaryIO, suffix: str, column: str, start: int
) -> Iterator[tuple[int, Any]]:
    """Yield number and cell, bytes as they are, of the rows of one column from row ``start`` on.

    Of a Parquet file the row groups before are not read. Raises ``DecodeError``, ``ReadError``.
    """
    if suffix == ".parquet":
        yield from _parquet_cells(_parquet_file(file), column, start)
        return
    for row in open_table(file, suffix).rows:
        if row.number >= start and not row.problem:
            yield row.number, row.values.get(column)


def column_among(columns: Sequence[str] | Mapping[str, Any], wanted: Sequence[str]) -> str | None:
    """Return the first of the wanted columns there is, whatever its case."""
    by_name = {str(column).strip().casefold(): column for column in reversed([*columns])}
    return next((by_name[name] for name in wanted if name in by_name), None)


def joined_text(value: Any) -> str | None:
    """Return a text, or several one a line; ``None`` if there is nothing to read."""
    if isinstance(value, str) and value.startswith("[") and value.rstrip().endswith("]"):
        try:  # a list in a CSV field
            listed = json.loads(value)
        except (ValueError, RecursionError):
            listed = None
        if listed and all(isinstance(one, str) for one in listed):
            value = listed
    if isinstance(value, list):
        parts = [joined_text(one) for one in value if not isinstance(one, list | dict)]
        return "\n".join(dict.fromkeys(part for part in parts if part)) or None
    if value is None or isinstance(value, bool | dict):
        return None
    return clean_text(str(value)).strip() or None


def clean_text(text: str) -> str:
    """Return the text as valid Unicode without NULs."""
    if not text.isascii():
        text = _SURROGATE.sub("\ufffd", text)
    return text.replace("\0", "")


def json_value(value: Any) -> Any:
    """Return a value as JSON knows it: dates as ISO 8601, NaN as ``None``, the rest as text."""
    if isinstance(value, str):
        return clean_text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_INT64 < value < _INT64 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {clean_text(str(key)): json_value(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(one) for one in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return None
    return clean_text(str(value))


def _jsonl_rows(file: BinaryIO) -> Iterator[Row]:
    number = 0
    while True:
        line = _read(file, _MAX_LINE)
        if not line:
            return
        number += 1
        if len(line) == _MAX_LINE and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = _read(file, _MAX_LINE)
            yield Row(number, {}, f"line {number} is longer than {_MAX_LINE:,} bytes")
            continue
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if line.strip():
            yield _json_row(number, line)


def _json_row(number: int, line: bytes) -> Row:
    try:
        values = json.loads(line.decode("utf-8", "replace"))
        if not isinstance(values, dict):
            return Row(number, {}, f"line {number} is no JSON object")
        return Row(number, json_value(values))
    except RecursionError:
        return Row(number, {}, f"line {number} is nested too deeply")
    except ValueError as error:
        return Row(number, {}, f"line {number} is no JSON: {error}")


def _read(file: BinaryIO, limit: int) -> bytes:
    try:
        return file.readline(limit)
    except OSError as error:
        raise ReadError(f"cannot read: {error.strerror or error}") from error


def _open_csv(file: BinaryIO) -> Table:
    if csv.field_size_limit() < _MAX_LINE:  # one value for the process; it only ever grows
        csv.field_size_limit(_MAX_LINE)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")
    lines = iter(partial(text.readline, _MAX_LINE), "")
    reader = csv.reader(line.replace("\0", "") for line in lines)
    try:
        header = tuple(clean_text(name).strip() for name in next(reader, []))
    except csv.Error as error:
        raise DecodeError(f"the header is no CSV: {error}") from error
    except OSError as error:
        raise ReadError(f"cannot read: {error.strerror or error}") from error
    return Table(header, _csv_rows(reader, header))


def _csv_rows(reader: Iterator[list[str]], header: tuple[str, ...]) -> Iterator[Row]:
    number = 0
    while True:
        number += 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(number, {}, f"row {number} is no CSV: {error}")
            continue
        except OSError as error:
            raise ReadError(f"cannot read: {error.strerror or error}") from error
        if not fields:
            number -= 1
        elif len(fields) != len(header):
            yield Row(
                number, {}, f"row {number} has {len(fields)} fields, the header {len(header)}"
            )
        else:
            yield Row(number, dict(zip(header, map(clean_text, fields), strict=True)))


def _open_parquet(file: BinaryIO, start: int) -> Table:
    table = _parquet_file(file)
    columns = tuple(field.name for field in table.schema_arrow if not _holds_bytes(field.type))
    return Table(columns, _parquet_rows(table, columns, start), table.metadata.num_rows)


def _parquet_file(file: BinaryIO) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(file)
        _ = table.schema_arrow
        return table
    except OSError as error:
        raise ReadError(f"cannot read: {error.strerror or error}") from error
    except (pa.ArrowException, ValueError) as error:
        raise DecodeError(f"no Parquet file: {_one_line(error)}") from error


def _parquet_cells(table: Any, column: str, start: int) -> Iterator[tuple[int, Any]]:
    import pyarrow as pa

    before = 0
    for group in range(table.metadata.num_row_groups):
        meta = table.metadata.row_group(group)
        if before + meta.num_rows < start:
            before += meta.num_rows
            continue
        # A picture is large: few rows a batch where they are, so that memory stays flat.
        rows = max(1, min(64, meta.num_rows * _BATCH_BYTES // max(1, meta.total_byte_size)))
        batches = table.iter_batches(batch_size=rows, row_groups=[group], columns=[column])
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError, ValueError) as error:
                raise DecodeError(f"breaks off after row {before}: {_one_line(error)}") from error
            if batch is None:
                break
            for value in batch.column(0):
                before += 1
                if before >= start:
                    yield before, value.as_py()


def _holds_bytes(kind: Any) -> bool:
    """Whether a column holds binary data (the pictures themselves, say), which is no metadata."""
    import pyarrow as pa

    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return True
    return any(_holds_bytes(kind.field(i).type) for i in range(kind.num_fields))


def _parquet_rows(table: Any, columns: tuple[str, ...], start: int) -> Iterator[Row]:
    import pyarrow as pa

    number, groups = 0, list(range(table.metadata.num_row_groups))
    while groups and number + table.metadata.row_group(groups[0]).num_rows < start:
        number += table.metadata.row_group(groups.pop(0)).num_rows
    batches = table.iter_batches(batch_size=_PARQUET_ROWS, row_groups=groups, columns=list(columns))
    while True:
        try:
            batch = next(batches, None)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DecodeError(f"breaks off after row {number}: {_one_line(error)}") from error
        if batch is None:
            return
        values = [_column_values(column) for column in batch.columns]
        for row in range(batch.num_rows):
            number += 1
            yield Row(
                number,
                {name: column[row] for name, column in zip(columns, values, strict=True)},
            )


def _column_values(column: Any) -> list[Any]:
    import pyarrow as pa

    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":  # Python's datetime has microseconds
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    try:
        return [json_value(value) for value in column.to_pylist()]
    except (ValueError, OverflowError, pa.ArrowException):  # a date Python has not
        return [_scalar_value(scalar) for scalar in column]


def _scalar_value(scalar: Any) -> Any:
    try:
        return json_value(scalar.as_py())
    except Exception:
        return None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
