"""The OpenAPI document: FastAPI's, with what it cannot see by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from searchengine.service.guard.gate import needed_scope
from searchengine.service.problems import Problem
from searchengine.service.schemas import asking, embedding, retrieving, writing

if TYPE_CHECKING:
    from fastapi import FastAPI
    from pydantic import BaseModel

READ_BY_ROUTES: tuple[type[BaseModel], ...] = (
    asking.SearchRequest,
    asking.UploadSearchRequest,
    asking.SearchForm,
    asking.BatchRequest,
    writing.NewItems,
    writing.ItemsForm,
    writing.PicturesFacts,
    *embedding.READ_BY_ROUTES,
    retrieving.RetrieveRequest,
    retrieving.RetrieveUploadRequest,
    retrieving.RetrieveForm,
    Problem,
)
"""Models of bodies that routes read by themselves (``replies.body_of``)."""

PROBLEMS = {
    400: "The request is no HTTP request of the kind it claims to be.",
    401: "A key is needed.",
    403: "The key, or the settings, do not allow this.",
    404: "There is no such corpus, item or model.",
    405: "Not with this method.",
    408: "The body came too slowly.",
    409: "It does not fit the corpus: another model, another length.",
    413: "Larger than a limit.",
    415: "Of another media type.",
    421: "The host named is not this service's.",
    422: "Well formed, and cannot be done as it stands: the pointer or the column says where.",
    429: "Too much is asked at once: come again after the seconds of Retry-After.",
    503: "The database or the model cannot be had just now, or not within the deadline.",
    507: "There is no space left.",
}
"""What any route may answer."""
_FASTAPI_S_OWN = ("HTTPValidationError", "ValidationError")


def install(app: FastAPI) -> None:
    """Have an app publish this document."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    _, extra = models_json_schema(
        [(model, "validation") for model in READ_BY_ROUTES],
        ref_template="#/components/schemas/{model}",
    )
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for name in _FASTAPI_S_OWN:
        schemas.pop(name, None)
    schemas |= extra["$defs"]
    for methods in found["paths"].values():
        for operation in methods.values():
            _add_problems(operation["responses"])
    if app.state.keys:
        _add_keys(found)
    _drop_null_defaults(found)
    return found


def _add_keys(found: dict[str, Any]) -> None:
    """Say which operations want a key, where there are keys."""
    found["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    found["security"] = [{"bearer": []}, {"header": []}]
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            if needed_scope(method.upper(), path) is None:
                operation["security"] = []


def _add_problems(responses: dict[str, Any]) -> None:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status, meaning in PROBLEMS.items():
        responses[str(status)] = {"description": meaning, "content": content}
    # What is no HTTP at all is answered by the server itself.
    responses["400"]["content"] = {**content, "text/plain": {"schema": {"type": "string"}}}


def _drop_null_defaults(value: Any) -> None:
    """Take away the defaults of keys that are left out rather than null."""
    if isinstance(value, dict):
        if "default" in value and value["default"] is None:
            del value["default"]
        for inner in value.values():
            _drop_null_defaults(inner)
    elif isinstance(value, list):
        for inner in value:
            _drop_null_defaults(inner)
