"""A query as a value: what is asked, of which side, how much of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchengine.errors import QueryError

if TYPE_CHECKING:
    from searchengine.records import Modality
    from searchengine.store.filters import Filter

MAX_WINDOW = 16_384
"""The most that ``offset + limit`` may be: Milvus's own bound on top-k."""


@dataclass(frozen=True, slots=True)
class Words:
    """Find what this describes."""

    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Find what looks like this. ``origin`` names it in messages."""

    data: bytes
    origin: str


@dataclass(frozen=True, slots=True)
class Known:
    """Find what is like this indexed item; its stored vector is used, no model is needed."""

    id: str


Term = Words | Picture | Known


@dataclass(frozen=True, slots=True)
class Query:
    """One question. Raises ``QueryError`` where it cannot have an answer."""

    term: Term
    modality: Modality = "image"
    limit: int = 10
    offset: int = 0
    where: Filter | None = None
    exclude: frozenset[str] = frozenset()
    """Ids that must not be among the hits."""

    def __post_init__(self) -> None:
        if isinstance(self.term, Words) and not self.term.text.strip():
            raise QueryError("the query is empty", hint="say in words what to look for")
        if self.limit < 1:
            raise QueryError(f"limit must be at least 1, not {self.limit}")
        if self.offset < 0:
            raise QueryError(f"offset must be at least 0, not {self.offset}")
        if self.offset + self.limit + len(self.exclude) > MAX_WINDOW:
            raise QueryError(
                f"offset + limit is {self.offset + self.limit:,}; at most {MAX_WINDOW:,} hits "
                "of one query can be reached",
                hint="narrow the query with a filter",
            )
