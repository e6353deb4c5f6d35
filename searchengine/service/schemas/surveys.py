"""Questions about many items at once: how values are spread, what is there twice, what is what."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from searchengine.classify.labels import MAX_LABELS, MAX_PROMPTS
from searchengine.service.schemas.answering import Id
from searchengine.service.schemas.asking import FilterText, FilterValue
from searchengine.service.schemas.strict import (
    LEFT_OUT,
    Given,
    ItemId,
    Key,
    Modality,
    Share,
    Strict,
    Told,
    Whole,
    Words,
    exactly_one,
)

MOST_GROUPS = 1_000
MOST_VERDICTS = 10_000
MOST_ITEMS = 1_000


class FacetParameters(Given):
    """Which fields are counted, over which items."""

    field: list[Key] = Field(min_length=1, max_length=16)
    filter: FilterText | None = Field(default=None, description="width > 800 and ...")
    modality: Modality = "image"
    top: Whole = Field(default=10, ge=1, le=1_000, description="How many values are named.")


class DuplicateParameters(Given):
    """Which duplicates are looked for."""

    tier: Literal["same", "similar", "all"] = Field(
        default="all", description="same: copies of one picture; similar: others that are alike."
    )
    threshold: Annotated[float, Field(ge=-1, le=1)] = Field(
        default=0.9, description="Cosine from which pictures are similar."
    )
    filter: FilterText | None = Field(default=None, description="width > 800 and ...")
    neighbours: Whole = Field(
        default=16, ge=1, le=1_000, description="Compare each with so many of its nearest."
    )
    limit: Whole = Field(default=100, ge=1, le=MOST_GROUPS, description="How many groups are told.")


class MemberAnswer(Told):
    """An item of a group of duplicates."""

    id: Id
    why: Literal["keeper", "bytes", "pixels", "vector"]
    uri: str
    path: str | None
    width: int | None
    height: int | None
    size: int
    taken_at: str | None
    score: float = Field(default=LEFT_OUT, description="Cosine to the keeper, of similar ones.")


class GroupAnswer(Told):
    """Items that belong together, the one to keep first."""

    tier: Literal["same", "similar"]
    keeper: Id
    members: list[MemberAnswer] = Field(min_length=2)


class DuplicatesAnswer(Told):
    """What ``duplicates --json`` prints, and whether there is more."""

    corpus: str
    threshold: float
    items: int
    pairs: int
    compared: int
    looked_at: int
    unreadable: int
    groups: list[GroupAnswer]
    more: bool = Field(description="Whether there are more groups than were asked for.")


class LabelRequest(Strict):
    """A label and what it looks like in words."""

    name: Words
    prompts: list[Words] = Field(
        default=[], max_length=64, description="Descriptions; its name by default."
    )
    against: list[Words] = Field(
        default=[], max_length=64, description="An item nearer to these does not get the label."
    )
    threshold: Share | None = None


class ClassifyRequest(Strict):
    """Labels, and the items that they are for: ``items``, or all that pass the filter."""

    model_config = ConfigDict(
        json_schema_extra={
            **exactly_one("labels", "moderate"),
            "not": {
                "required": ["items", "filter"],
                "properties": {"filter": {"type": ["string", "object"]}},
            },
        }
    )

    labels: list[LabelRequest] = Field(
        default=LEFT_OUT,
        min_length=1,
        max_length=MAX_LABELS,
        description="Those of one name are one label, with all their descriptions, and the highest "
        "of their thresholds.",
    )
    moderate: Literal[True] = Field(
        default=LEFT_OUT, description="Look for what a person should see first."
    )
    multi: bool = Field(default=False, description="Every label that applies, not the nearest.")
    threshold: Share | None = Field(default=None, description="The least relevance of a label.")
    modality: Modality = "image"
    items: list[ItemId] = Field(default=LEFT_OUT, min_length=1, max_length=MOST_ITEMS)
    filter: FilterValue = None
    limit: Whole = Field(
        default=100, ge=1, le=MOST_VERDICTS, description="How many verdicts are told; all count."
    )

    @model_validator(mode="after")
    def _fitting(self) -> ClassifyRequest:
        given = self.model_fields_set
        if ("labels" in given) == ("moderate" in given):
            raise ValueError("give labels to choose from, or moderate")
        if "items" in given and self.filter is not None:
            raise ValueError("items and a filter exclude each other")
        prompts = sum(len(one.prompts) + len(one.against) + 1 for one in self.labels or ())
        if prompts > MAX_PROMPTS:
            raise ValueError(f"at most {MAX_PROMPTS:,} descriptions")
        return self


class GivenLabel(Told):
    """A label that applies."""

    label: str
    relevance: float = Field(ge=0, le=1)


class VerdictAnswer(Told):
    """What was decided about an item."""

    id: Id
    uri: str
    path: str = LEFT_OUT
    labels: list[GivenLabel]
    nearest: str = Field(default=LEFT_OUT, description="Of a choice of one label.")
    confidence: float = Field(default=LEFT_OUT, ge=0, le=1)
    action: str = Field(default=LEFT_OUT, description="In moderation: flag, hide, or nothing.")


class ClassifyAnswer(Told):
    """What ``classify --json`` prints."""

    labels: list[str]
    items: int
    none: int = Field(description="Items that no label applies to.")
    counts: dict[str, int]
    threshold: float
    temperature: float = LEFT_OUT
    found: list[VerdictAnswer]
    notes: list[str]


def label_values(request: ClassifyRequest) -> list[dict[str, Any]]:
    """Return the labels as ``classify.labels.labels_of`` reads them, one of each name."""
    found: dict[str, dict[str, Any]] = {}
    for one in request.labels:
        label = found.setdefault(one.name.strip(), {"name": one.name, "prompts": [], "against": []})
        label["prompts"] += one.prompts or [one.name]
        label["against"] += one.against
        if one.threshold is not None:
            label["threshold"] = max(one.threshold, label.get("threshold", 0.0))
    for label in found.values():
        label["prompts"] = list(dict.fromkeys(label["prompts"]))
    return [
        {name: value for name, value in label.items() if value != []} for label in found.values()
    ]
