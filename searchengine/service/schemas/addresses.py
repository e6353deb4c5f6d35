"""What stands in the path of an address."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field

from searchengine.service.schemas.strict import ItemId

_NAME = {"min_length": 1, "max_length": 128, "description": "A corpus by its name."}

Corpus = Annotated[str, Path(**_NAME)]
"""A parameter of a route that FastAPI reads."""


class CorpusAddress(BaseModel):
    """Of what is asked of a corpus."""

    corpus: Annotated[str, Field(**_NAME)]


class ItemAddress(CorpusAddress):
    """Of what is asked of an item."""

    id: ItemId
