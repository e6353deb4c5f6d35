"""The files that the web page is made of: read once, served by name, known by their content."""

from __future__ import annotations

import hashlib
import html
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parent / "page"

MIME = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What may lie in the folder. Not left to ``mimetypes``: a machine's own table may say otherwise,
and a browser runs no module of another type."""


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file as it is sent."""

    body: bytes
    mime: str
    etag: str
    """A strong one (RFC 9110): it changes when, and only when, the content does."""


def read_page_files(corpus: str) -> Mapping[str, PageFile]:
    """Return the page's files by their name: ``index.html``, ``modules/main.js`` and so on.

    ``corpus`` is the one that the page opens with. A request can name these files and no others,
    whatever its path looks like.
    """
    files = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.suffix not in MIME or not path.is_file():
            continue
        body = path.read_bytes()
        if path.name == "index.html":
            body = body.replace(b"{{corpus}}", html.escape(corpus, quote=True).encode())
        etag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
        name = path.relative_to(FOLDER).as_posix()
        files[name] = PageFile(body, MIME[path.suffix], etag)
    return MappingProxyType(files)
