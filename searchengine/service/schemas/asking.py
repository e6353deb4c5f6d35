"""Questions: the shapes of ``query.json_form``, bounded, and without the files of this machine."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    WithJsonSchema,
    model_validator,
)

from searchengine.query.language import MAX_TERMS
from searchengine.service.schemas.strict import (
    LEFT_OUT,
    PICTURE,
    Given,
    ItemId,
    Key,
    Modality,
    Number,
    Share,
    SortKey,
    Strict,
    Whole,
    Words,
    exactly_one,
)

MOST_HITS = 1_000
"""Of one page."""
MOST_OFFSET = 16_384 - MOST_HITS
MOST_QUERIES = 64
"""Of one batch."""
MOST_EXCLUDED = 1_000

_FILTER: dict[str, Any] = {"format": "filter", "maxLength": 65_536}
_WANTED: dict[str, Any] = {"contains": {"properties": {"weight": {"exclusiveMinimum": 0}}}}
"""Somewhere a query has to say what to look for."""
_WEIGHTED: dict[str, Any] = {
    "anyOf": [
        {"properties": {"text_weight": {"type": "null"}}},
        {"properties": {"hybrid": {"const": True}}, "required": ["hybrid"]},
    ]
}

FilterText = Annotated[str, Field(max_length=65_536, json_schema_extra={"format": "filter"})]
QueryText = Annotated[
    str, Field(min_length=1, max_length=65_536, json_schema_extra={"format": "query"})
]


def _filter_shape(value: Any) -> Any:
    """Refuse here what is no filter by its shape; what it says is read later."""
    if isinstance(value, str) and len(value) > _FILTER["maxLength"]:
        raise ValueError(f"a filter has no more than {_FILTER['maxLength']:,} characters")
    if value is None or isinstance(value, str) or (isinstance(value, dict) and value):
        return value
    raise ValueError("a filter is a text, or an object that is not empty")


FilterValue = Annotated[
    Any,
    BeforeValidator(_filter_shape),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", **_FILTER},
                {"type": "object", "minProperties": 1, "format": "filter-object"},
                {"type": "null"},
            ]
        }
    ),
]
Field_ = Literal[
    "path", "content_hash", "size", "mtime_ns", "mime", "width", "height", "caption", "taken_at",
    "camera", "lens", "latitude", "longitude", "folder", "meta",
]  # fmt: skip
"""What a hit's metadata may hold."""

_TERM = ("text", "image", "image_base64", "id", "vector")


class TermRequest(Strict):
    """One term of a question: exactly one of the things it can be, and its weight."""

    model_config = ConfigDict(json_schema_extra=exactly_one(*_TERM))

    text: Words = LEFT_OUT
    image: str = Field(
        default=LEFT_OUT,
        max_length=8192,
        pattern=r"^https?://",
        json_schema_extra={"format": "picture-url"},
        description="An address. Refused (403) unless the service may fetch from the network.",
    )
    image_base64: str = Field(
        default=LEFT_OUT, json_schema_extra=PICTURE, description="The picture."
    )
    id: ItemId = Field(default=LEFT_OUT, description="Of an indexed item.")
    vector: list[Number] = Field(
        default=LEFT_OUT,
        min_length=1,
        max_length=65_536,
        json_schema_extra={
            # Not "not": Schemathesis cannot judge it beside files.
            "contains": {"anyOf": [{"exclusiveMinimum": 0}, {"exclusiveMaximum": 0}]}
        },
        description="Of the corpus's own space; any length but 0.",
    )
    kind: Modality = Field(default="image", description="What gave the vector.")
    weight: FiniteFloat = Field(
        default=1.0, ge=-1e6, le=1e6, description="Below 0 the term is taken away."
    )

    @model_validator(mode="after")
    def _one(self) -> TermRequest:
        names = [name for name in type(self).model_fields if name not in ("kind", "weight")]
        given = [name for name in names if name in self.model_fields_set]
        if len(given) != 1:
            said = f", not {' and '.join(given)}" if given else ""
            raise ValueError(f"a term is one of {', '.join(names)}{said}")
        return self


class UploadTermRequest(TermRequest):
    """A term that may be a file sent along."""

    model_config = ConfigDict(json_schema_extra=exactly_one(*_TERM, "upload"))

    upload: str = Field(
        default=LEFT_OUT, max_length=256, description="The name of the form's field with the file."
    )


class Arranging(BaseModel):
    """How the answer is cut and ordered; the names are those of ``search --json``'s questions."""

    modalities: list[Modality] = Field(
        default=["image"],
        min_length=1,
        max_length=2,
        json_schema_extra={"uniqueItems": True},
        description="The sides searched. Both: each ranked on its own, fused by rank.",
    )
    exclude: list[ItemId] = Field(default=[], max_length=MOST_EXCLUDED)
    limit: Whole = Field(default=10, ge=1, le=MOST_HITS)
    offset: Whole = Field(default=0, ge=0, le=MOST_OFFSET)
    cursor: str | None = Field(
        default=None,
        max_length=512,
        json_schema_extra={"format": "cursor"},
        description="The next page: as the last answer gave it. Excludes an offset.",
    )
    relevant_only: bool = False
    min_relevance: Share | None = None
    min_score: Annotated[FiniteFloat, Field(ge=-1, le=1)] | None = None
    sort: SortKey | None = Field(
        default=None, description="A field, - in front for the greatest first. Cuts by relevance."
    )
    fold: bool = Field(default=False, description="Near-identical hits become one.")
    diversity: Share | None = None
    group_by: Key | None = None
    per_group: Whole = Field(default=3, ge=1, le=MOST_HITS)
    facets: list[Key] = Field(default=[], max_length=16)
    expand: Literal["alpha-qe", "diffusion"] | None = None
    rerank: str | None = Field(
        default=None,
        max_length=256,
        description="A second model, one of those that the service's settings name.",
    )
    negation: bool = Field(default=False, description="Take 'without X' as a term that subtracts.")
    fields: list[Field_] | None = Field(
        default=None, description="What metadata holds; all that is known by default."
    )
    vectors: bool = Field(default=False, description="Give the hits' vectors, too.")
    fresh: bool = Field(
        default=False,
        description="Wait for what was written in the last moments (0.2 s on a server).",
    )

    @model_validator(mode="after")
    def _fitting(self) -> Arranging:
        if len(set(self.modalities)) != len(self.modalities):
            raise ValueError("modalities: name each once")
        if self.cursor and self.offset:
            raise ValueError("an offset and a cursor exclude each other")
        return self


class Wording(BaseModel):
    """Whether captions are searched for the words of a question, too."""

    hybrid: bool = Field(default=False, description="Search captions for the words, too (BM25).")
    text_weight: Share | None = Field(
        default=None, description="With hybrid: fuse by score, the captions having this share."
    )

    @model_validator(mode="after")
    def _weighted(self) -> Wording:
        if self.text_weight is not None and not self.hybrid:
            raise ValueError("text_weight goes with hybrid")
        return self


class SearchRequest(Wording, Arranging, Strict):
    """A whole question: ``query``, as people type it, or ``terms``."""

    model_config = ConfigDict(json_schema_extra={**exactly_one("query", "terms"), **_WEIGHTED})

    query: QueryText = Field(
        default=LEFT_OUT, description="As people type it: 2:golden retriever + beach - people"
    )
    terms: list[TermRequest] = Field(
        default=LEFT_OUT, min_length=1, max_length=MAX_TERMS, json_schema_extra=_WANTED
    )
    filter: FilterValue = Field(
        default=None, description="As text, width > 800 and ..., or as an object (see filters.md)."
    )

    @model_validator(mode="after")
    def _asks(self) -> SearchRequest:
        if ("query" in self.model_fields_set) == ("terms" in self.model_fields_set):
            raise ValueError("give either query, a text, or terms, a list")
        return self


class UploadSearchRequest(SearchRequest):
    """A question sent beside files. With neither query nor terms, the files are what is asked."""

    model_config = ConfigDict(json_schema_extra={})

    terms: list[UploadTermRequest] = Field(  # type: ignore[assignment]
        default=LEFT_OUT, min_length=1, max_length=MAX_TERMS, json_schema_extra=_WANTED
    )

    @model_validator(mode="after")
    def _asks(self) -> UploadSearchRequest:
        if {"query", "terms"} <= self.model_fields_set:
            raise ValueError("give either query, a text, or terms, a list")
        return self


class BatchRequest(Strict):
    """Several questions. Texts that they share are encoded once, all of them together."""

    queries: list[SearchRequest] = Field(min_length=1, max_length=MOST_QUERIES)


class SimilarParameters(Arranging, Given):
    """What is asked of an item's likes."""

    filter: FilterText | None = Field(default=None, description="width > 800 and ...")
    exclude_self: bool = Field(default=False, description="Leave the item itself out.")


class SearchParameters(Wording, Arranging, Given):
    """A question in an address."""

    query: QueryText = Field(
        alias="q", description="As people type it: 2:golden retriever + beach - people"
    )
    filter: FilterText | None = Field(default=None, description="width > 800 and ...")


class SearchForm(BaseModel):
    """A question and the pictures that go with it. Every other field is a file."""

    model_config = ConfigDict(
        json_schema_extra={"additionalProperties": {"type": "string", "format": "binary"}}
    )

    query: str = Field(
        default=LEFT_OUT,
        json_schema_extra={
            "format": "question",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/UploadSearchRequest"},
        },
        description="The question as JSON; left out, the pictures are what is asked.",
    )
    image: bytes = Field(
        default=LEFT_OUT,
        json_schema_extra={"format": "binary"},
        description="A picture. There may be more, each in a field of its own.",
    )
