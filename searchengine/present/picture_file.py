"""A picture that was drawn here, written where a person said."""

from __future__ import annotations

import errno
import io
from typing import TYPE_CHECKING

from searchengine.errors import DiskFullError, NotFoundError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def picture_format(target: Path, what: str, *, advice: str = "") -> str:
    """Return Pillow's name for the kind of file, or raise ``UsageError``.

    ``what`` names the picture in the message: "a map".
    """
    kind = FORMATS.get(target.suffix.lower())
    if kind is None:
        raise UsageError(
            f"{what} cannot be written as {target.suffix or 'a file without suffix'}",
            hint=f"name a file that ends in {', '.join(FORMATS)}{advice}",
        )
    return kind


def write_picture(target: Path, picture: Image.Image, what: str, *, quality: int = 90) -> None:
    """Write a picture in the format of the file's name; missing folders are made.

    Raises ``UsageError`` for another kind of file, ``NotFoundError`` and
    ``DiskFullError`` where it cannot be written.
    """
    kind = picture_format(target, what)
    out = io.BytesIO()
    picture.save(out, kind, **({} if kind == "PNG" else {"quality": quality}))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(out.getvalue())
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFullError(f"no space left to write {target}", hint="free some") from error
        raise NotFoundError(
            f"cannot write {target}: {error.strerror or error}", hint="name another file"
        ) from error
