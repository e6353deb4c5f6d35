"""A query as a value: what is asked, of which side, and how the answer is to be arranged."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from searchengine.errors import QueryError
from searchengine.query.stages.values import check_key
from searchengine.query.terms import Term, check_terms

if TYPE_CHECKING:
    from searchengine.records import Modality
    from searchengine.store.filters import Filter

MAX_WINDOW = 16_384
"""The most that ``offset + limit`` may be: Milvus's own bound on top-k."""

Expansion = Literal["alpha-qe", "diffusion"]


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of the answer. A cursor, from the page before, stands in for an offset."""

    limit: int = 10
    offset: int = 0
    cursor: str | None = None

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise QueryError(f"limit must be at least 1, not {self.limit}")
        if self.offset < 0:
            raise QueryError(f"offset must be at least 0, not {self.offset}")
        if self.offset and self.cursor:
            raise QueryError("an offset and a cursor exclude each other")
        if self.offset + self.limit > MAX_WINDOW:
            raise QueryError(
                f"offset + limit is {self.offset + self.limit:,}; at most {MAX_WINDOW:,} hits "
                "of one query can be reached",
                hint="narrow the query with a filter",
            )


@dataclass(frozen=True, slots=True)
class Shape:
    """What is done with the candidates before they are cut into pages. The default is nothing.

    ``facets`` and ``sort`` work on what is relevant, so they bring the default
    cut with them where ``min_relevance`` is not given.
    """

    relevant_only: bool = False
    """Leave out what does not answer the query: the default cut by relevance."""
    min_relevance: float | None = None
    """Leave out hits of less relevance, 0 to 1: a cut of one's own."""
    min_score: float | None = None
    """Leave out hits of a lower cosine, -1 to 1."""
    sort: str | None = None
    """A field, ``score`` or ``relevance``; with ``-`` in front the greatest first."""
    fold: bool = False
    """Near-identical hits become one."""
    diversity: float | None = None
    """0 to 1: how much unlike each other the hits shall be (maximal marginal relevance)."""
    group_by: str | None = None
    """A field, or ``day``, ``month``, ``year``, ``event``."""
    per_group: int = 3
    facets: tuple[str, ...] = ()
    """Fields whose values are counted over the relevant hits."""
    expand: Expansion | None = None
    """Look again with what the first answer taught."""
    rerank: str | None = None
    """A second model, which looks at the best hits anew and puts them in its own order."""

    def __post_init__(self) -> None:
        for name, value, least in (
            ("min_relevance", self.min_relevance, 0.0),
            ("min_score", self.min_score, -1.0),
            ("diversity", self.diversity, 0.0),
        ):
            if value is not None:
                check_share(name, value, least)
        for key in self.facets:
            check_key(key)
        if self.sort is not None:
            check_key(self.sort.removeprefix("-"), ordered=True)
        if self.group_by is not None:
            check_key(self.group_by)
        if self.per_group < 1:
            raise QueryError(f"per_group must be at least 1, not {self.per_group}")

    @property
    def cuts(self) -> bool:
        """Whether only what is relevant is in the answer."""
        asked = self.relevant_only or self.min_relevance is not None
        return asked or self.sort is not None or bool(self.facets)

    @property
    def needs_pool(self) -> bool:
        """Whether a page cannot be told without looking at many more candidates than it shows."""
        return (
            self.cuts
            or self.fold
            or self.diversity is not None
            or self.group_by is not None
            or self.expand is not None
            or self.rerank is not None
        )

    @property
    def needs_vectors(self) -> bool:
        """Whether the candidates' vectors are looked at."""
        return self.cuts or self.fold or self.diversity is not None or self.expand is not None


def check_share(name: str, value: float, least: float) -> None:
    """Raise ``QueryError`` unless a number lies between the least one and 1."""
    if not (math.isfinite(value) and least <= value <= 1):
        raise QueryError(f"{name} must be between {least:g} and 1, not {value}")


@dataclass(frozen=True, slots=True)
class Query:
    """One question. Raises ``QueryError`` where it cannot have an answer."""

    terms: tuple[Term, ...]
    modalities: tuple[Modality, ...] = ("image",)
    """With both, each side is ranked on its own and the two are fused by rank."""
    where: Filter | None = None
    exclude: frozenset[str] = frozenset()
    """Ids that must not be among the hits."""
    hybrid: bool = False
    """Search captions for the words, too (BM25), and fuse: by rank (RRF), unless weighted."""
    text_weight: float | None = None
    """Fuse by score instead, the captions' words having this share, 0 to 1."""
    page: Page = field(default_factory=Page)
    shape: Shape = field(default_factory=Shape)
    fresh: bool = True
    """Whether an item must be found from the moment its write is acknowledged. Without, a server
    answers 0.2 s sooner, and what was written in the last moments may be missing."""

    def __post_init__(self) -> None:
        check_terms(self.terms)
        if not self.modalities or len(set(self.modalities)) != len(self.modalities):
            raise QueryError("name images, texts or both, each once")
        if self.text_weight is not None:
            if not self.hybrid:
                raise QueryError("a weight of the captions' words goes with a hybrid search")
            check_share("text_weight", self.text_weight, 0.0)
        if len(self.exclude) > MAX_WINDOW:
            raise QueryError(f"at most {MAX_WINDOW:,} items can be excluded")
