"""What a part of a container is, and what bounds how many there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from PIL import Image

    from searchengine.errors import ItemError

PartKind = Literal["frame", "page"]
"""Also the name in a part's uri: ``film.mp4#frame=3``, ``book.pdf#page=3``."""

VIDEO_SUFFIXES: frozenset[str] = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".mts", ".m2ts", ".wmv"}
    | {".3gp", ".flv", ".ogv"}
)
PDF_SUFFIXES: frozenset[str] = frozenset({".pdf"})
CONTAINER_SUFFIXES = VIDEO_SUFFIXES | PDF_SUFFIXES
"""Names that promise a file of many pictures, in lower case."""

_PICTURE_BRANDS = frozenset(
    {b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
    | {b"crx "}
)

SHORT_SIDE = 512
"""Pixels of a part's short side: at least that of nearly every encoder, and twice most."""
LONG_SIDE = 2048
"""Pixels its long side never exceeds."""
_QUALITY = 90


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a container is looked at. The names are those of the settings ``ingest.*``."""

    max_pixels: int = 178_956_970
    max_frames: int = 500
    """Frames kept of a film, spread over its length."""
    frame_gap_s: float = 2.0
    """Seconds at least between two of them."""
    max_pages: int = 2000
    """Pages kept of a PDF: the first ones."""


@dataclass(frozen=True, slots=True)
class Part:
    """One picture of a container."""

    number: int
    """From 1."""
    jpeg: bytes
    """Upright; its short side is ``SHORT_SIDE`` where the container's is no smaller."""
    width: int
    """Pixels, of the frame in the film; of a page as it was drawn."""
    height: int
    mime: str
    """The container's."""
    text: str | None = None
    """What is written on it."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """JSON values. ``t``, a frame's time in seconds, finds it again."""
    taken_at: str | None = None
    """ISO 8601."""
    camera: str | None = None
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class BrokenPart:
    """One picture that cannot be had, though others can."""

    number: int
    error: ItemError


def part_kind(suffix: str) -> PartKind | None:
    """Return what the parts of files of this suffix (lower case) are; ``None`` for no container."""
    if suffix in VIDEO_SUFFIXES:
        return "frame"
    return "page" if suffix in PDF_SUFFIXES else None


def container_kind(head: bytes) -> PartKind | None:
    """Return what the parts of a file are that begins so; ``None`` for no container.

    What begins as MP4 films do and is no picture (AVIF, HEIC, Canon's RAW) is one.
    """
    if head.startswith(b"%PDF-"):
        return "page"
    if head[4:8] == b"ftyp":
        return None if head[8:12] in _PICTURE_BRANDS else "frame"
    films = (b"\x1a\x45\xdf\xa3", b"\0\0\x01\xba", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b"FLV\x01")
    return "frame" if head.startswith((*films, b"OggS")) or head[8:12] == b"AVI " else None


def shown_size(width: float, height: float, *, enlarge: bool = False) -> tuple[int, int]:
    """Return the pixels at which a part of that size is kept."""
    scale = min(SHORT_SIDE / min(width, height), LONG_SIDE / max(width, height))
    if not enlarge:
        scale = min(scale, 1.0)
    return max(1, round(width * scale)), max(1, round(height * scale))


def as_jpeg(image: Image.Image) -> bytes:
    """Return an RGB image as a JPEG file; the same pixels give the same bytes."""
    import io

    out = io.BytesIO()
    image.save(out, "JPEG", quality=_QUALITY, subsampling=0)
    return out.getvalue()
