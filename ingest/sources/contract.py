"""What a source is: where assets come from."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol, runtime_checkable

from searchengine.containers.contract import BrokenPart, Part, PartKind
from searchengine.records import Modality


@dataclass(frozen=True, slots=True)
class Place:
    """Where a source finds an asset again. Each kind of source adds what it needs."""

    origin: str
    """``uri`` of the source."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A reference to something that can be indexed. Listing it has not read its bytes."""

    uri: str
    """Canonical (``searchengine.identity``)."""
    modality: Modality
    revision: str
    """Opaque token; when it equals the indexed item's, nothing needs to be done."""
    size: int
    """Bytes; 0 where the source cannot tell before it opens it."""
    mtime_ns: int
    caption: str | None = None
    """The caption of an image; the text itself for a text asset (then nothing is opened)."""
    folder: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    place: Place | None = field(default=None, compare=False, repr=False)
    """How the source that listed it finds its bytes again; ``None`` for a file of this machine."""
    parts: PartKind | None = None
    """Of a file that holds many pictures, what each of them is. It is no item itself
    (see ``ingest.containers``)."""
    part: Part | BrokenPart | None = None
    """The picture itself, where it was taken out of such a file: then nothing is opened."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something a source met and did not take, or could not read: a row in the report."""

    uri: str
    reason: str
    """Short stable word: ``unreadable``, ``undecodable``, ``too-large``; for what is left alone
    ``not-a-file``, ``sidecar`` or ``repeated``."""
    message: str
    failed: bool = True
    """False for what is merely left alone (a socket, a link to a folder)."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """Assets that are costly to list: a tar far away, or a compressed one.

    Where the index holds all of them with this revision, they are not listed at
    all (``ingest.bundles``).
    """

    uri: str
    """Prefix of the uris of its assets, and of nothing else."""
    modality: Modality
    revision: str
    """Of the whole."""
    listed: Callable[[], Iterator[Asset | Skipped]]
    """Lists it. The revision of each asset is ``bundled_revision``."""


def bundled_revision(revision: str, count: int) -> str:
    """Return the revision of each asset of a bundle that has so many."""
    return f"{revision}/{count}"


def singles(found: Iterable[Asset | Skipped | Bundle]) -> Iterator[Asset | Skipped]:
    """Yield the assets, and those of bundles, whatever it costs to list them."""
    for one in found:
        if isinstance(one, Bundle):
            yield from one.listed()
        else:
            yield one


class Source(Protocol):
    """Iterates assets in a stable order, in bounded memory."""

    def __iter__(self) -> Iterator[Asset | Skipped | Bundle]:
        """Yield every asset once."""

    def open(self, asset: Asset) -> bytes:
        """Return an asset's bytes. Raises an ``ItemError``."""

    @property
    def uri(self) -> str:
        """What is listed: the prefix of all its uris, or the ``origin`` of all its places."""

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """What this source is complete for: indexed items inside it that it no longer
        lists are gone. Only valid after iteration; parts that could not be listed are left out."""


@runtime_checkable
class Fetching(Protocol):
    """A source whose bytes are far away: it is told early what will be opened."""

    @property
    def look_ahead(self) -> int:
        """How many assets may be expected at a time; 0 where nothing is gained by it."""

    def expect(self, asset: Asset) -> None:
        """Begin to fetch an asset that will soon be opened. Never waits, never raises."""


@runtime_checkable
class OpensFiles(Protocol):
    """A source that lists files with many pictures in them, and need not hold one whole."""

    def open_file(self, asset: Asset) -> BinaryIO:
        """Return an asset's file, open for reading and seeking. Raises as ``Source.open``."""


def open_file(source: Source, asset: Asset) -> BinaryIO:
    """Return an asset's file, open for reading and seeking. Raises as ``Source.open``."""
    if isinstance(source, OpensFiles):
        return source.open_file(asset)
    return io.BytesIO(source.open(asset))


@dataclass(frozen=True, slots=True)
class Scope:
    """All uris that start with ``prefix``, but for those under ``except_prefixes``."""

    prefix: str
    recursive: bool = True
    """False: only uris with no further ``/`` after the prefix."""
    except_prefixes: tuple[str, ...] = ()
