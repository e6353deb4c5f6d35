"""Parameters of an address, in its path and behind its question mark: read here, told to OpenAPI.

FastAPI does both for a model, too, and goes over the model's annotations with every request: for
the two dozen parameters of a search that was a third of all that HTTP took.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from searchengine.service.problems import invalid

if TYPE_CHECKING:
    from fastapi import Request

Parameters = TypeVar("Parameters", bound=BaseModel)


def read_parameters(request: Request, model: type[Parameters]) -> Parameters:
    """Return the parameters of a request's address as their model has them.

    One that is no list and stands there twice counts as it stands there last. Raises
    ``RequestValidationError``.
    """
    given = request.query_params
    lists = _lists(model)
    said = {name: given.getlist(name) if name in lists else given[name] for name in given}
    try:
        return model.model_validate(said)
    except ValidationError as error:
        raise invalid(error, part="query") from None


def read_path(request: Request, model: type[Parameters]) -> Parameters:
    """Return the parameters in the path of a request's address as their model has them.

    Raises ``RequestValidationError``.
    """
    try:
        return model.model_validate(request.path_params)
    except ValidationError as error:
        raise invalid(error, part="path") from None


def parameters_of(
    query: type[BaseModel] | None = None, *, path: type[BaseModel] | None = None
) -> dict[str, Any]:
    """Return what OpenAPI says of parameters that a route reads by itself."""
    told = []
    for place, model in (("path", path), ("query", query)):
        schema = _schema(model) if model is not None else {"properties": {}}
        needed = schema.get("required", ())
        for name, one in schema["properties"].items():
            about = {"description": one["description"]} if "description" in one else {}
            told.append(
                {"name": name, "in": place, "required": name in needed, "schema": one} | about
            )
    return {"parameters": told}


@cache
def _lists(model: type[BaseModel]) -> frozenset[str]:
    """Return the names of the parameters that may stand there several times."""
    properties = _schema(model)["properties"]
    return frozenset(
        name
        for name, one in properties.items()
        if any(kind.get("type") == "array" for kind in (one, *one.get("anyOf", ())))
    )


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    if "$defs" in schema:
        raise ValueError(f"{model.__name__}: a parameter is a text, a number or a list of them")
    return schema
