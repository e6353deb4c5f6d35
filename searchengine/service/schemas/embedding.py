"""Requests for vectors, and what is answered."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from searchengine.service.schemas.strict import (
    LEFT_OUT,
    PICTURE,
    WHOLE,
    Strict,
    Told,
    Whole,
    exactly_one,
)

MOST_TEXTS = 2_048
"""In one request, as with OpenAI."""
MOST_PICTURES = 64
MOST_CHARACTERS = 65_536
Text = Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS, pattern=r"\S")]
"""The model reads its beginning, as far as its context goes."""
TextOrPicture = Annotated[str, Field(min_length=1, pattern=r"\S")]
"""What begins with ``data:image/`` is a picture, all else a text."""

Picture = Annotated[
    str,
    Field(min_length=4, description="Base64, or a data URI of it.", json_schema_extra=PICTURE),
]
ModelName = Annotated[
    str, Field(min_length=1, max_length=512, description="As /v1/models lists them.")
]
Tokens = Annotated[
    Annotated[list[Whole], Field(min_length=1)]
    | Annotated[list[Annotated[list[Whole], Field(min_length=1)]], Field(min_length=1)],
    Field(description="Refused: the tokens of another model mean nothing to this one."),
]


class OneInput(Strict):
    """A text or a picture, told apart by its key rather than by how it begins."""

    model_config = ConfigDict(json_schema_extra=exactly_one("text", "image"))

    text: Text = LEFT_OUT
    image: Picture = LEFT_OUT

    @model_validator(mode="after")
    def _one(self) -> OneInput:
        if len(self.model_fields_set) != 1:
            raise ValueError("give either text or image")
        return self


Input = TextOrPicture | OneInput


class EmbeddingsRequest(Strict):
    """The request of OpenAI's ``/v1/embeddings``; of pictures besides."""

    model: ModelName
    input: (
        TextOrPicture | Annotated[list[Input], Field(min_length=1, max_length=MOST_TEXTS)] | Tokens
    )
    encoding_format: Literal["float", "base64"] = "float"
    """``base64``: of little-endian 32-bit floats."""
    dimensions: Annotated[int, Field(ge=1), WHOLE] = LEFT_OUT
    """The model's own or none: a part of its vector is no embedding."""
    user: Annotated[str, Field(max_length=512)] = LEFT_OUT
    """Of no effect."""


class Embedding(Told):
    """One vector."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class Usage(Told):
    """Tokens of texts, as the model's own tokenizer counts them. Pictures have none."""

    prompt_tokens: int
    total_tokens: int


class Embeddings(Told):
    """The answer of OpenAI's ``/v1/embeddings``."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: Usage


class Model(Told):
    """A model that this service has."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class Models(Told):
    """The answer of OpenAI's ``/v1/models``."""

    object: Literal["list"]
    data: list[Model]


class EmbedTextRequest(Strict):
    """Texts to be encoded."""

    texts: Annotated[list[Text], Field(min_length=1, max_length=MOST_TEXTS)]
    model: ModelName = LEFT_OUT
    prompts: Literal["auto", "off", "single", "ensemble"] = "auto"
    """Sentences that texts are put into; ``auto``: those that searches use."""


class EmbedImageRequest(Strict):
    """Pictures to be encoded."""

    images: Annotated[list[Picture], Field(min_length=1, max_length=MOST_PICTURES)]
    model: ModelName = LEFT_OUT


class EmbedImageOptions(Strict):
    """What is said of the files of a form."""

    model: ModelName = LEFT_OUT


class EmbedImageForm(Strict):
    """Each file is a picture; their vectors come in the order of the files."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"additionalProperties": {"type": "string", "format": "binary"}},
    )

    options: EmbedImageOptions = LEFT_OUT
    image: bytes = Field(
        default=LEFT_OUT,
        json_schema_extra={"format": "binary"},
        description="A picture; further ones have names of their own.",
    )


class Vectors(Told):
    """Unit vectors, in the order of what was sent."""

    model: str
    fingerprint: str
    """Vectors of equal fingerprints may be compared."""
    dim: int
    vectors: list[list[float]]


class SimilarityRequest(Strict):
    """Two lists whose members are compared, each with each."""

    left: Annotated[list[Input], Field(min_length=1, max_length=256)]
    right: Annotated[list[Input], Field(min_length=1, max_length=256)]
    model: ModelName = LEFT_OUT


class Similarity(Told):
    """Cosines, -1 to 1: one row for each of ``left``, one column for each of ``right``.

    Texts lie nearer to texts than to pictures: compare cosines of like with like.
    """

    model: str
    fingerprint: str
    cosines: list[list[float]]


READ_BY_ROUTES: tuple[Any, ...] = (
    EmbeddingsRequest,
    EmbedTextRequest,
    EmbedImageRequest,
    EmbedImageForm,
    SimilarityRequest,
)
