"""What the query side hands over to be indexed, and to whom. The writing side knows how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from searchengine.encoders.contract import Encoder
    from searchengine.errors import SearchEngineError
    from searchengine.records import Item, Modality
    from searchengine.store.contract import Store


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to be indexed: a picture, a text, or a vector that was made elsewhere."""

    uri: str
    """Canonical (``searchengine.identity``)."""
    modality: Modality
    data: bytes | None = None
    """A picture, as a file holds it."""
    caption: str | None = None
    """The caption of an image; the text itself of a text."""
    vector: tuple[float, ...] | None = None
    """Of the corpus's space, of any length but 0; then nothing is encoded."""
    mtime_ns: int = 0
    folder: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


class Writer(Protocol):
    """Writes entries into a database that is open already. Safe to use from many threads."""

    def write(
        self,
        corpus: str,
        entries: Sequence[Entry],
        store: Store,
        load_encoder: Callable[[str], Encoder],
    ) -> list[Item | SearchEngineError]:
        """Return for each entry the item that it is now, acknowledged, or why it is none.

        An entry whose uri is indexed replaces that item. The corpus is made if there is none.
        Raises what concerns all of them: the database, the model.
        """

    def close(self, store: Store | None) -> None:
        """Bring what was written to rest. ``None``: the database was never opened."""
