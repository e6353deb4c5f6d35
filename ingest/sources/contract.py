"""What a source is: where assets come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from searchengine.records import Modality


@dataclass(frozen=True, slots=True)
class Asset:
    """A reference to something that can be indexed. Listing it has not read its bytes."""

    uri: str
    """Canonical (``searchengine.identity``)."""
    modality: Modality
    revision: str
    """Opaque token; when it equals the indexed item's, nothing needs to be done."""
    size: int
    """Bytes."""
    mtime_ns: int
    caption: str | None = None
    """The caption of an image; the text itself for a text asset (then nothing is opened)."""
    folder: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something a source met and did not take, or could not read: a row in the report."""

    uri: str
    reason: str
    """Short stable word: ``unreadable``, ``undecodable``, ``too-large``; for what is left alone
    ``not-a-file`` or ``sidecar``."""
    message: str
    failed: bool = True
    """False for what is merely left alone (a socket, a link to a folder)."""


class Source(Protocol):
    """Iterates assets in a stable order, in bounded memory."""

    def __iter__(self) -> Iterator[Asset | Skipped]:
        """Yield every asset once."""

    def open(self, asset: Asset) -> bytes:
        """Return an asset's bytes. Raises ``ReadError`` or ``LimitError``."""

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """What this source is complete for: indexed items inside it that it no longer
        lists are gone. Only valid after iteration; parts that could not be listed are left out."""


@dataclass(frozen=True, slots=True)
class Scope:
    """All uris that start with ``prefix``, but for those under ``except_prefixes``."""

    prefix: str
    recursive: bool = True
    """False: only uris with no further ``/`` after the prefix."""
    except_prefixes: tuple[str, ...] = ()
