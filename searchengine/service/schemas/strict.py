"""What all models share: nothing unknown is taken, nothing is guessed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat

from searchengine.query.stages.values import CALENDAR, EVENT, FILE
from searchengine.query.terms import MAX_WORDS_BYTES
from searchengine.store.fields import ALL_FIELDS

PICTURE: dict[str, Any] = {
    "format": "base64-picture",
    "contentEncoding": "base64",
    "contentMediaType": "image/*",
}
"""Of a string that holds a picture."""
MOST_WORDS = MAX_WORDS_BYTES // 4
"""Characters of a text: no more bytes than the engine takes, whatever the script."""
MOST_META = 256
"""Keys of an item's own columns."""

_FIELDS = "|".join((*(name for name in ALL_FIELDS if name != "meta"), *CALENDAR, EVENT, FILE))
_META = r"meta(\.[^.]+)+"

LEFT_OUT: Any = None
"""The default of a key that may be left out, and is not null where it is there."""

Modality = Literal["image", "text"]
Share = Annotated[FiniteFloat, Field(ge=0, le=1)]
ItemId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", json_schema_extra={"format": "item-id"})]
"""Of an indexed item, as answers name it."""
Words = Annotated[str, Field(min_length=1, max_length=MOST_WORDS, pattern=r"\S")]
Key = Annotated[str, Field(pattern=rf"^({_FIELDS}|{_META})$", max_length=1024)]
"""What hits are grouped and counted by."""
SortKey = Annotated[
    str, Field(pattern=rf"^-?({_FIELDS}|score|relevance|{_META})$", max_length=1024)
]
WHOLE = BeforeValidator(lambda value: int(value) if _is_whole(value) else value)
Whole = Annotated[int, WHOLE]
"""A whole number; in JSON, 3.0 is one. Bounds of one that may be null stand before ``WHOLE``, or
the document does not show them.
"""
Number = Annotated[FiniteFloat, Field(ge=-1e30, le=1e30)]
"""Of a vector."""


def _is_whole(value: object) -> bool:
    return isinstance(value, float) and value.is_integer()


class Strict(BaseModel):
    """A JSON object as it is sent: numbers are numbers, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Given(BaseModel):
    """The part of an address behind its question mark: texts that stand for numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Told(BaseModel):
    """What is answered: every key is in the document."""

    model_config = ConfigDict(extra="forbid")


def exactly_one(*names: str) -> dict[str, Any]:
    """Return what a JSON schema says of an object that has exactly one of these keys."""
    return {"oneOf": [{"required": [name]} for name in names]}
