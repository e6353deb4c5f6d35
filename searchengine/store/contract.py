"""What a store is: the database that holds items and their vectors, and is the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from searchengine.encoders.contract import Vectors
    from searchengine.records import Item, Modality, Side
    from searchengine.store.capabilities import Capabilities
    from searchengine.store.filters import Filter

Fields = tuple[str, ...]
"""Names of columns of ``Item``, or ``vector``."""


@dataclass(frozen=True, slots=True)
class SideSpec:
    """What a side has to be like for an encoder to work with it."""

    side: Side
    model: str
    """Spelling of the model, for people."""
    fingerprint: str
    dim: int
    profile: str = "auto"
    """Name of an index profile (``store.profiles``), or ``auto``."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard the index of a side looks, measured on its own data (``searchengine tune``)."""

    value: int
    """Of the index's own parameter: ``ef`` of HNSW, ``nprobe`` of inverted lists, ..."""
    k: int
    """The number of hits it was measured for; for more of them it grows in proportion."""
    items: int
    """The number of items it was measured on. Given up when there are more than twice as many."""
    recall: float
    """The recall@k that was measured with it, 0 to 1."""


@dataclass(frozen=True, slots=True)
class SideInfo:
    """What a side is like."""

    side: Side
    collection: str
    """The physical collection behind the alias."""
    model: str
    fingerprint: str
    dim: int
    profile: str
    """The profile asked for (``auto`` included)."""
    index: str
    """The profile in force (never ``auto``)."""
    count: int
    settled: bool = True
    """False when something was written after the last ``settle``."""
    full_text: bool = False
    """Whether its captions can be searched by their words."""
    effort: Effort | None = None
    """How hard its index looks; ``None`` for the profile's own, generous measure."""
    version: str = "1"
    """Of the corpus: ``Side.version`` of this very collection, and of its sister."""


State = Literal["live", "draft", "previous", "nameless"]
"""What a version is to its corpus. A previous one can be gone back to; it has no alias either."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One side of one version of a corpus."""

    state: State
    info: SideInfo
    """``side`` is one that can be asked for; the count of a version without an alias may be a
    server's estimate, as it need not be loaded."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is written: an item and its unit vector, float32 (dim,)."""

    item: Item
    vector: Any


@dataclass(frozen=True, slots=True)
class Found:
    """One search hit as the store gives it: its score and the fields asked for."""

    id: str
    score: float
    fields: Mapping[str, Any]


class Store(Protocol):
    """One database. Every method may raise ``StoreUnavailableError``.

    Reading methods raise ``NotFoundError`` for a side that does not exist.
    Field values come back as in ``Item`` (``None`` for unknown, ``taken_at`` as
    ISO 8601), ``vector`` as float32 (dim,). Reads see every acknowledged write.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this backend can do."""

    def ensure(self, spec: SideSpec) -> SideInfo:
        """Open the side, making it if need be.

        Raises ``MismatchError`` when it exists with another fingerprint or
        dimension, ``UnsupportedError`` for a profile this backend cannot build.
        Writing goes to the version that was live then: where another has taken its
        place since, ``upsert``, ``delete`` and ``settle`` raise ``MismatchError``.
        """

    def describe(self, side: Side, *, fresh: bool = True) -> SideInfo | None:
        """Return what the side is like, ``None`` if there is none.

        With ``fresh=False`` a server is not made to wait for the newest writes (0.2 s), which may
        be missing from the count then.
        """

    def sides(self) -> list[SideInfo]:
        """Return all live sides of all corpora, sorted by corpus and modality."""

    def versions(self, corpus: str | None = None) -> list[Standing]:
        """Return all sides of all versions of a corpus, or of all corpora.

        Sorted by corpus, then live, draft, previous and what has no name, then by modality.
        """

    def switch(self, corpus: str, *, back: bool = False) -> list[SideInfo]:
        """Make the draft live, or ``back`` the version before; return its sides.

        Both sides change at once for whoever reads: see ``store.versions``. The version that was
        live can be gone back to; one that is gone back from is the draft again, where there is no
        other. May be repeated after a crash. Raises ``NotFoundError`` where there is no draft, and
        nothing to go back to.
        """

    def discard(
        self, corpus: str | None = None, *, drafts: bool = False, dry_run: bool = False
    ) -> list[Standing]:
        """Remove every collection of ours that no alias names, with ``drafts`` those, too.

        Of one corpus, or of all. Returns what is removed, or with ``dry_run`` would be.
        """

    def upsert(self, side: Side, rows: Sequence[Row]) -> None:
        """Write whole rows, replacing by id. When it returns, they are acknowledged.

        Raises ``EncoderError`` for a vector that is not finite and of unit length.
        """

    def search(
        self,
        side: Side,
        vectors: Vectors,
        *,
        limit: int,
        offset: int = 0,
        where: Filter | None = None,
        fields: Fields = (),
        min_score: float | None = None,
        effort: int | None = None,
        fresh: bool = True,
        by_index: bool = False,
    ) -> list[list[Found]]:
        """Return for each of n query vectors its nearest items by cosine, best first.

        Ties are broken by id. With ``where`` the answer is what an exact search
        over the matching items gives, to recall@10 >= 0.99. With ``min_score`` those
        of the ``limit`` that have that cosine at least, as ``Found.score`` gives it.

        With ``fresh=False`` a server does not wait for the newest writes (0.2 s). For
        measuring: ``effort`` is a value of the index's own parameter to use in this call,
        whatever the number of hits (``UnsupportedError`` where the index has none; without
        a filter only); with ``effort`` or ``by_index`` the database's own index answers,
        even where all rows lie in this process's memory (Milvus Lite).
        """

    def search_text(
        self,
        side: Side,
        text: str,
        *,
        limit: int,
        where: Filter | None = None,
        fields: Fields = (),
    ) -> list[Found]:
        """Return the items whose caption shares a word with the text, by BM25, best first.

        ``score`` is the BM25 score (``store.bm25``): above 0, comparable within one
        answer. Ties are broken by id; ``where`` is honoured exactly. A text without
        words has no hits. What counts as a word: ``store.words``. Raises
        ``UnsupportedError`` where ``capabilities.bm25`` is false, and for a side
        made before there was a text index (``SideInfo.full_text``).
        """

    def fetch(
        self, side: Side, ids: Sequence[str], fields: Fields, *, fresh: bool = True
    ) -> dict[str, Mapping[str, Any]]:
        """Return the fields of those ids that exist, by id. Order is not kept.

        With ``fresh=False`` a server is not made to wait for the newest writes (0.2 s): right for
        rows that a search has just returned. What was written within the last moments may then
        be missing, or be as it was before.
        """

    def scan(
        self, side: Side, *, where: Filter | None = None, fields: Fields = ("id",)
    ) -> Iterator[Mapping[str, Any]]:
        """Yield every matching item once, in no order, in bounded memory."""

    def import_file(self, side: Side, name: str) -> None:
        """Have the database itself read a file of ``store.bulk_files``; return when it has.

        ``name`` is what the database calls the file. None of the ids in it may be there yet: they
        would be there twice. Its rows are found after ``wait_for_imports``. Raises
        ``UnsupportedError`` where ``capabilities.bulk`` is false.
        """

    def wait_for_imports(self, side: Side) -> None:
        """Wait for imports into the side, by whoever, and have their rows be found.

        For sides that nobody searches: a server loads the side anew.
        """

    def delete(self, side: Side, ids: Sequence[str]) -> None:
        """Remove items; ids that do not exist are no error."""

    def count(self, side: Side, where: Filter | None = None) -> int:
        """Return how many items match, exactly."""

    def settle(self, side: Side) -> SideInfo:
        """Bring the side to rest after many writes: durable, indexed, searched at full speed.

        With the profile ``auto`` this is where FLAT gives way to HNSW.
        """

    def reindex(self, side: Side, profile: str) -> SideInfo:
        """Change the index profile without touching a vector."""

    def set_effort(self, side: Side, effort: Effort | None) -> SideInfo:
        """Have searches without a filter look so hard from now on; ``None``: as hard as by default.

        It is kept with the side until the index is built with other parameters or the
        side is settled with more than twice the items. Raises ``UnsupportedError``
        for an index that has nothing to choose (FLAT).
        """

    def drop(self, corpus: str, modality: Modality | None = None) -> None:
        """Remove a corpus, or one side of it, with all its data and all its versions."""

    def close(self) -> None:
        """Let go of the database; a Lite folder is free for the next process."""
