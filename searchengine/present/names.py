"""What a hit is called where there is little room."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from searchengine.identity import display, path_of
from searchengine.present.text_width import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from searchengine.records import Hit


def file_name(uri: str) -> str:
    """Return the last part of a uri with its fragment, on one line: ``notes.csv#row=12``."""
    path = path_of(uri)
    if path is None:
        parts = urlsplit(uri)
        name = unquote(PurePosixPath(parts.path).name) or parts.netloc or uri
        return one_line(f"{name}#{parts.fragment}" if parts.fragment else name)
    shown, folder = display(uri), display(path.parent.as_uri())
    return shown[len(folder) :].lstrip("/\\") or shown


def first_line(text: object) -> str:
    """Return the first line of a caption that says something, fit for one line."""
    lines = (one_line(line) for line in str(text or "").splitlines())
    return next((line for line in lines if line), "")


def pixel_size(metadata: Mapping[str, Any]) -> str:
    """Return ``4000x3000``, or nothing where it is not known."""
    width, height = metadata.get("width"), metadata.get("height")
    return f"{width}x{height}" if width and height else ""


def short_moment(taken_at: object) -> str:
    """Return ``2024-06-01 12:30`` of an ISO 8601 moment: the wall clock of the place."""
    return one_line(str(taken_at or ""))[:16].replace("T", " ")


def hit_name(hit: Hit) -> str:
    """Return what a hit is called: its file's name."""
    return file_name(hit.uri)
