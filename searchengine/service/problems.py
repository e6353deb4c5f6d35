"""What an error looks like over HTTP: problem details, RFC 9457."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from searchengine import errors
from searchengine.present.strict_json import clean_text, plain
from searchengine.service.call import current_call
from searchengine.service.threads import ClientGoneError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI, Request


class NotAllowedError(errors.UsageError):
    """What the service's settings do not allow."""


STATUS: dict[type[errors.SearchEngineError], int] = {
    NotAllowedError: 403,
    errors.UsageError: 422,
    errors.UnknownModelError: 404,
    errors.MismatchError: 409,
    errors.NotFoundError: 404,
    errors.MissingError: 503,
    errors.DiskFullError: 507,
    errors.OverloadError: 429,
    errors.DeadlineError: 503,
    errors.ItemError: 422,
    errors.LimitError: 413,
    errors.SearchEngineError: 500,
}
"""By the nearest class of the tree in ``searchengine.errors``."""


class Problem(BaseModel):
    """Problem details (RFC 9457), sent as ``application/problem+json``."""

    model_config = ConfigDict(extra="forbid")

    type: str = "about:blank"
    title: str
    """What kind of problem: the name of the error, the same every time."""
    status: int = Field(ge=400, le=599)
    detail: str
    """What happened, one sentence."""
    hint: str | None = None
    """What to do next."""
    column: int | None = None
    """The 0-based place in the query or the filter that is wrong."""
    pointer: str | None = None
    """The JSON pointer (RFC 6901) of the value that is wrong."""
    request_id: str
    """Names this request in the service's log."""
    error: dict[str, str | None] | None = None
    """The same for clients of OpenAI's API: ``message``, ``type``, ``param``, ``code``."""


@contextmanager
def at(pointer: str) -> Iterator[None]:
    """Have the errors of a block point at a value of the request (RFC 6901)."""
    try:
        yield
    except errors.SearchEngineError as error:
        error.__dict__.setdefault("pointer", pointer)
        raise


def status_of(error: errors.SearchEngineError) -> int:
    """Return the HTTP status of an error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem_response(
    title: str, status: int, detail: str, *, headers: dict[str, str] | None = None, **more: Any
) -> JSONResponse:
    """Return the response of a problem; ``more`` are further fields of ``Problem``."""
    problem = Problem(
        title=title,
        status=status,
        detail=clean_text(detail),
        request_id=current_call().id,
        **more,
    )
    return _respond(problem, headers)


def _respond(problem: Problem, headers: dict[str, str] | None) -> JSONResponse:
    return JSONResponse(
        problem.model_dump(exclude_none=True),
        problem.status,
        headers=headers,
        media_type="application/problem+json",
    )


def install(app: FastAPI) -> None:
    """Have an app answer errors with problem details."""
    app.add_exception_handler(errors.SearchEngineError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientGoneError, _nobody)


def known_problem(error: errors.SearchEngineError) -> JSONResponse:
    """Return the response of one of this package's errors."""
    problem = describe(error)
    headers = {}
    status = problem.status
    if isinstance(error, errors.OverloadError):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    elif status == 503:
        headers["Retry-After"] = "1"
    return _respond(problem, headers)


def describe(error: errors.SearchEngineError) -> Problem:
    """Return one of this package's errors as a problem."""
    return Problem(
        title=type(error).__name__.removesuffix("Error"),
        status=status_of(error),
        detail=clean_text(str(error)),
        hint=clean_text(error.hint) or None,
        column=getattr(error, "column", None),
        pointer=getattr(error, "pointer", None),
        request_id=current_call().id,
    )


def invalid(error: ValidationError, *before: str, part: str = "body") -> RequestValidationError:
    """Return what FastAPI raises where a part of a request (its ``body``, ``query``) does not fit.

    ``before`` is where in that part the value stands that its model describes.
    """
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return RequestValidationError([{**one, "loc": (part, *before, *one["loc"])} for one in found])


async def _known(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.SearchEngineError)
    return known_problem(error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return invalid_problem(error)


def invalid_problem(error: RequestValidationError) -> JSONResponse:
    """Return the response to a request that does not fit the document."""
    first = error.errors()[0]
    where, *path = first["loc"]
    pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
    named = ".".join(map(str, path)) or str(where)
    return problem_response(
        "Request",
        422,
        f"{named}: {plain(first['msg'])}",
        pointer=pointer if where == "body" else None,
    )


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers) if error.headers else {}
    if error.status_code == 405 and (allowed := _allowed(request)):
        headers["Allow"] = ", ".join(allowed)
    return problem_response("HTTP", error.status_code, str(error.detail), headers=headers)


def _allowed(request: Request) -> list[str]:
    """Return what a documented address takes, by all its routes: each knows of its own alone."""
    return sorted(
        method.upper()
        for path, methods in request.app.openapi()["paths"].items()
        if compile_path(path)[0].match(request.scope["path"])
        for method in methods
    )


async def _nobody(request: Request, error: Exception) -> Response:
    return Response(status_code=499)  # nginx's "client closed request": seen by the log alone
