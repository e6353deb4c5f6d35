"""Answers: what ``search --json``, ``show --json`` and ``stats --json`` print."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from searchengine.service.problems import Problem
from searchengine.service.schemas.strict import LEFT_OUT, Modality, Told

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class Metadata(Told):
    """What is known of an item; unknown fields are left out."""

    path: str = Field(default=LEFT_OUT, description="Of a file of the service's machine.")
    content_hash: str = LEFT_OUT
    size: int = Field(default=LEFT_OUT, description="Bytes.")
    mtime_ns: int = LEFT_OUT
    mime: str = LEFT_OUT
    width: int = LEFT_OUT
    height: int = LEFT_OUT
    caption: str = LEFT_OUT
    taken_at: str = Field(default=LEFT_OUT, description="ISO 8601.")
    camera: str = LEFT_OUT
    lens: str = LEFT_OUT
    latitude: float = LEFT_OUT
    longitude: float = LEFT_OUT
    folder: str = LEFT_OUT
    meta: dict[str, Any] = Field(default=LEFT_OUT, description="The user's own columns.")


class ItemAnswer(Metadata):
    """An indexed item."""

    id: Id
    uri: str
    modality: Modality
    vector: list[float] = Field(default=LEFT_OUT, description="Where it was asked for.")


class HitAnswer(Told):
    """One ranked answer."""

    rank: int = Field(ge=1)
    id: Id
    uri: str
    modality: Modality
    score: float | None = Field(description="Cosine, comparable within one answer only.")
    relevance: float | None = Field(ge=0, le=1, description="Calibrated.")
    group: str | None
    folded: list[Id]
    metadata: Metadata
    vector: list[float] = Field(default=LEFT_OUT, description="Unit length; where asked for.")


class CountAnswer(Told):
    """How often a value occurs."""

    value: str
    count: int = Field(ge=1)


class FacetAnswer(Told):
    """How often each value of a field occurs."""

    key: str
    counts: list[CountAnswer]
    others: int = Field(ge=0, description="How many values more there are.")
    unknown: int = Field(ge=0, description="How many items have no value.")


class SearchAnswer(Told):
    """The answer to one question, best first."""

    hits: list[HitAnswer]
    corpus: str
    modalities: list[Modality]
    model: str
    total: int = Field(ge=0, description="Items on the searched sides, before any filter.")
    relevant: int | None = Field(description="How many passed the cut by relevance, with one.")
    cursor: str | None = Field(description="Asks for the next page; null on the last.")
    facets: list[FacetAnswer]
    notes: list[str]


class BatchedAnswer(Told):
    """The answer to one question of many, or why there is none."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["answer"]}, {"required": ["problem"]}]}
    )

    answer: SearchAnswer = LEFT_OUT
    problem: Problem = LEFT_OUT


class BatchAnswer(Told):
    """One entry a question, in their order."""

    answers: list[BatchedAnswer]


class EffortAnswer(Told):
    """How hard an index looks, as measured."""

    value: int
    k: int
    items: int
    recall: float


class SideAnswer(Told):
    """What one side of a corpus is like."""

    corpus: str
    modality: Modality
    items: int = Field(ge=0)
    model: str
    fingerprint: str
    dim: int
    profile: str
    index: str
    effort: EffortAnswer | None
    full_text: bool
    collection: str


class CorporaAnswer(Told):
    """All sides of all corpora."""

    corpora: list[SideAnswer]


class CorpusAnswer(Told):
    """One corpus."""

    corpus: str
    items: int = Field(ge=0)
    sides: list[SideAnswer] = Field(min_length=1)


class FacetsAnswer(Told):
    """How the values of fields are spread."""

    corpus: str
    items: int = Field(ge=0, description="How many items were counted.")
    facets: list[FacetAnswer]
