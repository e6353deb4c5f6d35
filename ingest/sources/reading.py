"""Opening files that may not be what their names say, without ever waiting for one."""

from __future__ import annotations

import os
import stat
from typing import BinaryIO

from searchengine.errors import LimitError, ReadError

# O_NONBLOCK: a file swapped for a FIFO opens at once instead of waiting for a writer.
_FLAGS = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY")
)


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for reading. Raises ``ReadError`` for anything else."""
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:
        raise _read_error(error) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ReadError("cannot read: not a regular file")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_bytes(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    """Return the bytes of a regular file.

    Raises ``ReadError``, or ``LimitError`` for more than ``max_bytes`` bytes,
    which are then not read.
    """
    with open_regular(path) as file:
        try:
            size = os.fstat(file.fileno()).st_size
            check_size(size, max_bytes)
            data = file.read(size + 1)  # not of the limit: that much would be set aside
            if len(data) > size:  # it has grown
                data += file.read(max_bytes + 1 - len(data))
        except OSError as error:
            raise _read_error(error) from error
    check_size(len(data), max_bytes)
    return data


def check_size(size: int, max_bytes: int) -> None:
    """Raise ``LimitError`` for a file of more than ``max_bytes`` bytes."""
    if size > max_bytes:
        raise LimitError(
            f"{size:,} bytes are more than the limit ingest.max_bytes = {max_bytes:,} "
            "(SEARCHENGINE_INGEST__MAX_BYTES)",
            hint="raise that limit if you want such files",
        )


def describe(error: Exception) -> str:
    """Return in a few words why something could not be read."""
    strerror = getattr(error, "strerror", None)
    return f"cannot read: {str(strerror or error).lower() or type(error).__name__}"


def _read_error(error: Exception) -> ReadError:
    return ReadError(describe(error))
