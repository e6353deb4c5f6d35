"""Compressed files, decompressed into temporary ones that nobody else sees."""

from __future__ import annotations

import tempfile
from importlib import import_module
from typing import TYPE_CHECKING, cast

from searchengine.errors import DecodeError, DiskFullError, LimitError

if TYPE_CHECKING:
    from typing import BinaryIO


COMPRESSED = {".tar.gz": "gzip", ".tgz": "gzip", ".tar.bz2": "bz2", ".tar.xz": "lzma"}
"""Suffixes, and the module that reads them."""
_CHUNK = 1 << 20
_RATIO = 200
"""Pictures hardly compress: what grows by more is a bomb (deflate reaches 1,032)."""
_FREE = 64 << 20
"""Bytes that any file may grow to."""


def unpack(file: BinaryIO, suffix: str) -> BinaryIO:
    """Return what a compressed file holds, as an open temporary file without a name.

    Raises ``DecodeError`` for what is not compressed or breaks off,
    ``LimitError`` for a bomb, ``DiskFullError``.
    """
    size = file.seek(0, 2)
    file.seek(0)
    limit = max(_FREE, size * _RATIO)
    opener = import_module(COMPRESSED[suffix]).open
    out = cast("BinaryIO", tempfile.TemporaryFile(prefix="searchengine-"))  # noqa: SIM115
    try:
        with opener(file, "rb") as stream:
            while chunk := _read(stream):
                _write(out, chunk)
                if out.tell() > limit:
                    raise LimitError(
                        f"grows to more than {_RATIO} times its {size:,} bytes: no tar of pictures",
                        hint="if it is one, decompress it yourself and index the .tar",
                    )
        out.seek(0)
    except BaseException:
        out.close()
        raise
    return out


def _read(stream: BinaryIO) -> bytes:
    try:
        return stream.read(_CHUNK)
    except Exception as error:  # gzip, bz2 and lzma each have errors of their own
        raise DecodeError(f"cannot be decompressed: {' '.join(str(error).split())}") from error


def _write(out: BinaryIO, chunk: bytes) -> None:
    try:
        out.write(chunk)
    except OSError as error:
        raise DiskFullError(
            f"no space to decompress a tar into {tempfile.gettempdir()}: {error.strerror}",
            hint="free some, or name another folder in TMPDIR",
        ) from error
