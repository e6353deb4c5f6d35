"""The options of the verbs that find things: what to look in, and how to arrange the answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from searchengine.cli import options

if TYPE_CHECKING:
    from searchengine.query.engine import SearchEngine
    from searchengine.settings import Settings


class Sides(str, Enum):
    """Which sides of a corpus are searched."""

    image = "image"
    text = "text"
    both = "both"


class Expansion(str, Enum):
    """How to look a second time."""

    alpha_qe = "alpha-qe"
    diffusion = "diffusion"


@dataclass(frozen=True)
class Asking:
    """Which part of which corpus is asked."""

    PANEL: ClassVar[str] = "What to look in"

    corpus: options.Corpus = None
    model: options.Model = None
    limit: options.Limit = None
    offset: options.Offset = 0
    cursor: Annotated[
        str | None,
        typer.Option("--cursor", metavar="CURSOR", help="The next page: as the last one gave it."),
    ] = None
    where: options.Filter = None
    modality: Annotated[Sides, typer.Option("--modality", help="Search images, texts or both.")] = (
        Sides.image
    )
    exclude_self: Annotated[
        bool,
        typer.Option("--exclude-self", help="Leave out the query's own pictures where indexed."),
    ] = False
    hybrid: Annotated[
        bool, typer.Option("--hybrid", help="Search captions for the words, too (BM25).")
    ] = False
    text_weight: Annotated[
        float | None,
        typer.Option(
            "--text-weight",
            metavar="0..1",
            help="With --hybrid: fuse by score, captions having this share. Default: by rank.",
        ),
    ] = None
    allow_net: options.AllowNet = False
    store: options.StoreUri = None
    config: options.Config = None
    sets: options.Sets = None

    def settings(self) -> Settings:
        """Return the settings with what was given on the command line."""
        return options.read_settings(
            self.config,
            self.sets,
            corpus=self.corpus,
            model__name=self.model,
            store__uri=self.store,
            query__limit=self.limit,
        )

    def open(self, settings: Settings) -> SearchEngine:
        """Open the corpus. URLs may be fetched if that was allowed."""
        from dataclasses import replace

        from searchengine.query.engine import SearchEngine

        engine = SearchEngine.open(settings)
        engine.access = replace(engine.access, net=engine.access.net or self.allow_net)
        return engine

    def part(self, settings: Settings) -> dict[str, Any]:
        """Return the keyword arguments of ``SearchEngine.find`` for the part that is asked for."""
        return {
            "limit": settings.query.limit,
            "offset": self.offset,
            "cursor": self.cursor,
            "where": self.where,
            "modality": None if self.modality is Sides.both else self.modality.value,
            "exclude_self": self.exclude_self,
            "hybrid": self.hybrid,
            "text_weight": self.text_weight,
        }


@dataclass(frozen=True)
class Arranging:
    """How the answer is cut and ordered. The words are explained in ``query.query.Shape``."""

    PANEL: ClassVar[str] = "Which hits, in which order"

    relevant_only: Annotated[
        bool,
        typer.Option("--relevant-only", "-r", help="Leave out what does not answer the query."),
    ] = False
    min_relevance: Annotated[
        float | None,
        typer.Option("--min-relevance", metavar="0..1", help="Leave out hits of less relevance."),
    ] = None
    min_score: Annotated[
        float | None,
        typer.Option("--min-score", metavar="-1..1", help="Leave out hits of a lower cosine."),
    ] = None
    sort: Annotated[
        str | None,
        typer.Option(
            "--sort",
            metavar="FIELD",
            help="Order what is relevant by a field: taken_at, or -taken_at for the newest first.",
        ),
    ] = None
    fold: Annotated[bool, typer.Option("--fold", help="Show near-identical hits as one.")] = False
    diversity: Annotated[
        float | None,
        typer.Option("--diversity", metavar="0..1", help="How unlike each other hits should be."),
    ] = None
    group_by: Annotated[
        str | None,
        typer.Option(
            "--group-by",
            metavar="FIELD",
            help="Group hits: folder, file, day, month, event, ...",
        ),
    ] = None
    per_group: Annotated[int, typer.Option("--per-group", help="Hits of a group.")] = 3
    facet: Annotated[
        list[str] | None,
        typer.Option("--facet", metavar="FIELD", help="Count what is relevant by a field."),
    ] = None
    expand: Annotated[
        Expansion | None,
        typer.Option("--expand", help="Look again with what the first answer taught."),
    ] = None
    rerank: Annotated[
        str | None,
        typer.Option(
            "--rerank", metavar="MODEL", help="Let a second model look at the 50 best hits anew."
        ),
    ] = None

    def shape(self) -> dict[str, Any]:
        """Return the keyword arguments of ``Shape``."""
        return {
            "relevant_only": self.relevant_only,
            "min_relevance": self.min_relevance,
            "min_score": self.min_score,
            "sort": self.sort,
            "fold": self.fold,
            "diversity": self.diversity,
            "group_by": self.group_by,
            "per_group": self.per_group,
            "facets": tuple(self.facet or ()),
            "expand": self.expand.value if self.expand else None,
            "rerank": self.rerank,
        }
