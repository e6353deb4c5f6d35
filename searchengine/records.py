"""The words every part speaks: what an item is, what a hit is. Frozen, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Modality = Literal["image", "text"]
MODALITIES: tuple[Modality, ...] = ("image", "text")


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a corpus: all its images, or all its texts. One collection each.

    Of the version of the corpus that is live, unless it says otherwise (``store.versions``).
    """

    corpus: str
    modality: Modality
    draft: bool = False
    """Of the version that is being made beside the live one."""
    version: str = ""
    """Of this very version, whatever is live by now: what a question was encoded for."""


@dataclass(frozen=True, slots=True)
class Item:
    """One indexed asset with all that is known about it, but for its vector.

    ``None`` means unknown. Strings are never empty where ``None`` is allowed.
    """

    id: str
    """32 hex digits: blake2b-128 of the canonical uri (see ``identity.item_id``)."""
    uri: str
    """Canonical and pure ASCII: ``file:///home/a/b%20c.jpg``, ``...notes.csv#row=12``."""
    modality: Modality
    revision: str
    """Opaque token of the source's state; equal tokens mean nothing has changed."""
    content_hash: str
    """blake2b-128 (hex) of the bytes that were encoded (of the UTF-8 text, for texts)."""
    size: int
    """Bytes."""
    mtime_ns: int
    """Nanoseconds since the epoch; 0 where the source has none. Of a text in a file of many: the
    file's time when this text was last seen new or changed, whatever else changed in it since.
    """
    mime: str
    width: int | None = None
    """Pixels, orientation applied."""
    height: int | None = None
    caption: str | None = None
    """The caption(s) of an image, one a line; the text itself for a text item."""
    taken_at: str | None = None
    """ISO 8601, with the UTC offset where the picture knows it: ``2024-06-01T12:30:00+02:00``."""
    camera: str | None = None
    lens: str | None = None
    latitude: float | None = None
    """Degrees, north positive."""
    longitude: float | None = None
    """Degrees, east positive."""
    folder: str | None = None
    """The decoded path of the containing folder, for people and for grouping."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """The user's own columns, JSON values."""


ITEM_FIELDS: tuple[str, ...] = tuple(f.name for f in fields(Item) if f.name != "modality")
"""The columns of a row but its vector. The modality is the collection's, not a column."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One ranked answer."""

    rank: int
    """1 is best."""
    id: str
    uri: str
    score: float
    """Cosine of query and item, -1 to 1: comparable within one answer only."""
    modality: Modality
    metadata: Mapping[str, Any]
    """The item's fields that are known, by name; ``path`` for items that are local files."""
    relevance: float | None = None
    """How well the item answers the query, 0 to 1, the same for every corpus, model and kind of
    query (see ``query.relevance``)."""
    group: str | None = None
    """What it has in common with the other hits of its group, when grouped."""
    folded: tuple[str, ...] = ()
    """Ids of near-identical items that this hit stands for."""


@dataclass(frozen=True, slots=True)
class Facet:
    """How often each value of a field occurs among the relevant items."""

    key: str
    counts: tuple[tuple[str, int], ...]
    """Value as text and how many items have it: most first, ties by value."""
    others: int
    """How many values more there are."""
    unknown: int
    """How many items have no value."""


@dataclass(frozen=True, slots=True)
class Results:
    """The answer to one query, best first."""

    hits: tuple[Hit, ...]
    corpus: str
    modalities: tuple[Modality, ...]
    """The sides that were searched."""
    model: str
    """The spelling of the model that encoded query and corpus."""
    total: int
    """Items on the searched sides, before any filter."""
    relevant: int | None = None
    """How many items passed the cut by relevance, where there was one."""
    cursor: str | None = None
    """Asks for the next page; ``None`` where this is the last."""
    facets: tuple[Facet, ...] = ()
    notes: tuple[str, ...] = ()
    """What the asker should know about this answer, one sentence each."""
    version: str = ""
    """Of the corpus, as ``Side.version`` names it: all of the answer is from this one."""
