"""Several roots as one source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from searchengine.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingest.sources.contract import Asset, Scope, Skipped
    from ingest.sources.folder import FolderSource


class ChainedSource:
    """Folders and files, one after the other."""

    def __init__(self, sources: Sequence[FolderSource]) -> None:
        self._sources = tuple(sources)
        self._listed: list[FolderSource] = []

    def __iter__(self) -> Iterator[Asset | Skipped]:
        """Yield all of the first, then all of the second, and so on."""
        self._listed = []
        for source in self._sources:
            yield from source
            self._listed.append(source)

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """See ``Source``. Only of those that have been listed to their end."""
        return tuple(scope for source in self._listed for scope in source.scopes)

    def open(self, asset: Asset) -> bytes:
        """Return the bytes of a picture. Raises ``ReadError`` or ``LimitError``."""
        for source in self._sources:
            if asset.uri.startswith(source.uri):
                return source.open(asset)
        raise ReadError("not from any of these folders")
