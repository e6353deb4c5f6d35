"""What is sent to be indexed, and what became of it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from searchengine.service.problems import Problem
from searchengine.service.schemas.answering import Id
from searchengine.service.schemas.strict import (
    LEFT_OUT,
    MOST_META,
    MOST_WORDS,
    PICTURE,
    Given,
    Modality,
    Number,
    Strict,
    Told,
    Words,
    exactly_one,
)

MOST_ITEMS = 64
"""Of one request."""

Meta = Annotated[dict[str, Any], Field(max_length=MOST_META, description="Columns of your own.")]
Caption = Annotated[str, Field(max_length=MOST_WORDS)]
_APART: dict[str, Any] = {
    "not": {
        "anyOf": [
            {"required": ["text", "caption"]},
            {"required": ["image_base64", "uri"]},
            {"required": ["modality"], "not": {"required": ["vector"]}},
        ]
    }
}


class NewItem(Strict):
    """A picture, a text or a vector. The same again is the same item."""

    model_config = ConfigDict(
        json_schema_extra={**exactly_one("image_base64", "text", "vector"), **_APART}
    )

    image_base64: str = Field(default=LEFT_OUT, json_schema_extra=PICTURE)
    text: Words = LEFT_OUT
    vector: list[Number] = Field(
        default=LEFT_OUT,
        min_length=1,
        max_length=65_536,
        json_schema_extra={"contains": {"not": {"const": 0}}},
        description="Of the corpus's own space; any length but 0.",
    )
    modality: Modality = Field(default=LEFT_OUT, description="Of a vector: image by default.")
    uri: str = Field(
        default=LEFT_OUT,
        max_length=2_048,
        pattern=r"^[a-z][a-z0-9+.-]*:[!-~]+$",
        json_schema_extra={"not": {"pattern": "^file:"}, "format": "item-uri"},
        description="What a text or a vector stands for, not a file. By default named by itself.",
    )
    caption: Caption = Field(default=LEFT_OUT, description="Of a picture or a vector.")
    meta: Meta = Field(default={})

    @model_validator(mode="after")
    def _one(self) -> NewItem:
        given = self.model_fields_set
        if len({"image_base64", "text", "vector"} & given) != 1:
            raise ValueError("an item is one of image_base64, text, vector")
        if "text" in given and "caption" in given:
            raise ValueError("a text is its own caption")
        if "image_base64" in given and "uri" in given:
            raise ValueError("a picture that is sent is kept here, under a uri of its own")
        if "modality" in given and "vector" not in given:
            raise ValueError("modality goes with a vector")
        if "uri" in given and self.uri.startswith("file:"):
            raise ValueError("files are indexed where they are, not by naming them")
        return self


class NewItems(Strict):
    """Things to be indexed."""

    items: list[NewItem] = Field(min_length=1, max_length=MOST_ITEMS)


class PictureFacts(Strict):
    """What is said about a picture of a form."""

    caption: Caption = LEFT_OUT
    meta: Meta = Field(default={})


class PicturesFacts(Strict):
    """What is said about the pictures of a form, by the names of their fields."""

    items: dict[str, PictureFacts] = Field(default={})


class ItemsForm(BaseModel):
    """Pictures to be indexed: every field but one is a file."""

    model_config = ConfigDict(
        json_schema_extra={
            "additionalProperties": {"type": "string", "format": "binary"},
            "minProperties": 1,
        }
    )

    about: str = Field(
        default=LEFT_OUT,
        json_schema_extra={
            "format": "about",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/PicturesFacts"},
        },
        description="Captions and columns, as JSON.",
    )
    image: bytes = Field(
        default=LEFT_OUT,
        json_schema_extra={"format": "binary"},
        description="A picture. There may be more, each in a field of its own.",
    )


class WrittenAnswer(Told):
    """What became of one thing that was sent."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["id"]}, {"required": ["problem"]}]}
    )

    id: Id = LEFT_OUT
    uri: str = LEFT_OUT
    modality: Modality = LEFT_OUT
    problem: Problem = LEFT_OUT


class WrittenItems(Told):
    """What became of all that was sent, in its order. They are found from now on."""

    written: int = Field(ge=1)
    items: list[WrittenAnswer]


class DeleteParameters(Given):
    """What is to go."""

    filter: str = Field(
        min_length=1,
        max_length=65_536,
        json_schema_extra={"format": "filter"},
        description='width > 800 and ..., or id in ["...", "..."]',
    )


class RemovedAnswer(Told):
    """How many items went."""

    removed: int = Field(ge=0)
