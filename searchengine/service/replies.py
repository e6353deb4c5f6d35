"""Responses whose body was made in a thread, as bytes: FastAPI does not go through it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import Response

if TYPE_CHECKING:
    from pydantic import BaseModel


def json_reply(body: bytes, status: int = 200) -> Response:
    """Return a response of JSON that is written already."""
    return Response(body, status, media_type="application/json")


def body_of(*models: tuple[str, type[BaseModel]]) -> dict[str, Any]:
    """Return what OpenAPI says of a body that a route reads by itself, by media type."""
    content = {
        kind: {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}
        for kind, model in models
    }
    return {"requestBody": {"required": True, "content": content}}
