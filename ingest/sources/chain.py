"""Several roots as one source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.sources.contract import Fetching, open_file
from ingest.sources.folder import FolderSource
from ingest.sources.once import Seen, once
from searchengine.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from ingest.sources.contract import Asset, Bundle, Scope, Skipped, Source


def is_costly(source: Source) -> bool:
    """Whether listing a source asks a network or decompresses: once a run is enough."""
    return bool(getattr(source, "costly", False))


class ChainedSource:
    """Folders, files, tars and tables, one after the other."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)
        self._listed: list[Source] = []
        self._by_uri = {source.uri: source for source in sources}
        self._folders = [
            source for source in sources if isinstance(source, FolderSource) and not source.is_file
        ]

    def __iter__(self) -> Iterator[Asset | Skipped | Bundle]:
        """Yield all of the first, then all of the second, and so on.

        What a tar or a table lists once more is told as ``repeated``. Folders
        alone do not overlap (``open_sources`` sees to that), and remember nothing.
        """
        self._listed = []
        seen = None if all(isinstance(one, FolderSource) for one in self._sources) else Seen()
        for source in self._sources:
            yield from source if seen is None else once(source, seen)
            self._listed.append(source)

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """See ``Source``. Only of those that have been listed to their end."""
        return tuple(scope for source in self._listed for scope in source.scopes)

    @property
    def uri(self) -> str:
        """Of all uris a prefix."""
        return ""

    def open(self, asset: Asset) -> bytes:
        """Return the bytes of a picture. Raises an ``ItemError``."""
        return self._owner(asset).open(asset)

    def open_file(self, asset: Asset) -> BinaryIO:
        """See ``OpensFiles``."""
        return open_file(self._owner(asset), asset)

    def holds(self, kind: type) -> bool:
        """Whether a source of this kind is among them."""
        return any(isinstance(source, kind) for source in self._sources)

    @property
    def costly(self) -> bool:
        """Whether listing one of the sources is too much work to do only for a total."""
        return any(is_costly(source) for source in self._sources)

    @property
    def look_ahead(self) -> int:
        """See ``Fetching``."""
        return max(
            (source.look_ahead for source in self._sources if isinstance(source, Fetching)),
            default=0,
        )

    def expect(self, asset: Asset) -> None:
        """See ``Fetching``."""
        source = self._owner(asset)
        if isinstance(source, Fetching):
            source.expect(asset)

    def _owner(self, asset: Asset) -> Source:
        own = asset.place.origin if asset.place is not None else asset.uri.partition("#")[0]
        if (source := self._by_uri.get(own)) is not None:
            return source
        for folder in self._folders:
            if asset.place is None and asset.uri.startswith(folder.uri):
                return folder
        raise ReadError("not from any of these sources")
