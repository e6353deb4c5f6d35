"""What is retrieved for a chat model, and how it is asked for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from searchengine.service.schemas.answering import HitAnswer
from searchengine.service.schemas.asking import FilterValue
from searchengine.service.schemas.strict import (
    LEFT_OUT,
    PICTURE,
    WHOLE,
    Modality,
    Share,
    Strict,
    Told,
    Whole,
    Words,
)
from searchengine.service.thumbnails import SIZES

MOST_ITEMS = 64


class RetrieveUploadRequest(Strict):
    """A question beside a picture sent as a file: both, or either."""

    question: Words = Field(
        default=LEFT_OUT, description="As one asks a person. Nothing in it is read as a command."
    )
    filter: FilterValue = Field(
        default=None, description="As text, width > 800 and ..., or as an object (see filters.md)."
    )
    modalities: list[Modality] = Field(
        default=["image", "text"],
        min_length=1,
        max_length=2,
        json_schema_extra={"uniqueItems": True},
        description="Both: each ranked on its own, fused by rank. A corpus of one kind gives that.",
    )
    hybrid: bool = Field(default=False, description="Search captions for the words, too (BM25).")
    relevant_only: bool = Field(default=False, description="Leave out what does not stand out.")
    min_relevance: Share | None = None
    max_items: Whole = Field(default=8, ge=1, le=MOST_ITEMS)
    max_tokens: Whole = Field(
        default=4_000,
        ge=128,
        le=1_000_000,
        description="For everything, the question too (which is never cut); estimated, see "
        "docs/chat.md.",
    )
    images: bool = Field(default=True, description="Give pictures, too.")
    image_size: Whole = Field(
        default=384,
        json_schema_extra={"enum": list(SIZES)},
        description="Pixels of the longer side.",
    )
    image_tokens: Annotated[int, Field(ge=1, le=100_000), WHOLE] | None = Field(
        default=None,
        description="What your model charges for a picture; by default the most that the formulas "
        "of OpenAI (GPT-4o), Anthropic and Google (Gemini 2) give.",
    )
    messages: bool = Field(
        default=False, description="Give it as messages with OpenAI's content parts, too."
    )

    @field_validator("image_size")
    @classmethod
    def _one_of_the_sizes(cls, size: int) -> int:
        if size not in SIZES:
            raise ValueError(f"there are {', '.join(map(str, SIZES))}, not {size}")
        return size

    @model_validator(mode="after")
    def _distinct(self) -> RetrieveUploadRequest:
        if len(set(self.modalities)) != len(self.modalities):
            raise ValueError("modalities: name each once")
        return self


class RetrieveRequest(RetrieveUploadRequest):
    """A question, a picture, or both."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["question"]}, {"required": ["image_base64"]}]}
    )

    image_base64: str = Field(
        default=LEFT_OUT, json_schema_extra=PICTURE, description="What the question is about."
    )

    @model_validator(mode="after")
    def _asks(self) -> RetrieveRequest:
        if not {"question", "image_base64"} & self.model_fields_set:
            raise ValueError("give a question, image_base64, or both")
        return self


class RetrieveForm(BaseModel):
    """A picture, and the question about it."""

    model_config = ConfigDict(extra="forbid")

    request: str = Field(
        default=LEFT_OUT,
        json_schema_extra={
            "format": "retrieval",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/RetrieveUploadRequest"},
        },
        description="The question as JSON; left out, the picture is what is asked.",
    )
    image: bytes = Field(json_schema_extra={"format": "binary"}, description="The picture.")


class PictureAnswer(Told):
    """A small picture."""

    data_uri: str = Field(pattern=r"^data:image/jpeg;base64,")
    width: int = Field(ge=1)
    height: int = Field(ge=1)


class PassageAnswer(HitAnswer):
    """One hit, and how it is shown to a model."""

    number: int = Field(ge=1, description="What it is cited by.")
    text: str = Field(description="What is known of it, then its caption or the text itself.")
    cut: bool = Field(description="Whether there is more text than is given.")
    image: PictureAnswer | None
    no_image: str | None = Field(description="Why there is no picture, where there should be one.")
    tokens: int = Field(ge=0)


class MessageAnswer(Told):
    """A message as OpenAI's chat completions take it."""

    role: Literal["system", "user"]
    content: str | list[dict[str, Any]]


class RetrieveAnswer(Told):
    """What fits into the budget, best first."""

    corpus: str
    model: str
    items: list[PassageAnswer]
    tokens: int = Field(ge=0, description="Estimated: question, instructions and items together.")
    left_out: int = Field(ge=0, description="Hits looked at that did not fit.")
    notes: list[str]
    messages: list[MessageAnswer] = Field(default=LEFT_OUT, description="Where asked for.")
