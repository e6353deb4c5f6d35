"""Bodies that come as JSON or, beside files, as a form."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from searchengine.service.problems import invalid

if TYPE_CHECKING:
    from fastapi import Request

Body = TypeVar("Body", bound=BaseModel)

JSON = "application/json"
FORM = "multipart/form-data"
MOST_FILES = 64
"""Of one request."""


def media_type(request: Request, *taken: str) -> str:
    """Return what the body is sent as, one of those taken: by default JSON and forms.

    Raises an error 415 for what is none of them.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in (taken or (JSON, FORM)):
        return kind
    wanted = " or ".join(taken) or f"{JSON}, or {FORM} with files"
    raise HTTPException(415, f"send {wanted}, not {kind or 'nothing'}")


def read_json(data: bytes | str, model: type[Body], *before: str) -> Body:
    """Return a body as its model has it; ``before`` is where in the request it stands.

    Raises ``RequestValidationError`` with the JSON pointer of what is wrong.
    """
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise invalid(error, *before) from None


async def read_form(request: Request, json_part: str) -> tuple[str | None, dict[str, Upload]]:
    """Return the part of a form that is JSON, if there is one, and the files by field name.

    Raises an error 400 for what is no form, ``RequestValidationError`` for fields that mean
    nothing and for two files of one name.
    """
    said: str | None = None
    uploads: dict[str, Upload] = {}
    async with request.form(max_files=MOST_FILES, max_fields=8) as form:
        for name, value in form.multi_items():
            if name == json_part:
                if said is not None:
                    raise _wrong(name, "is there twice")
                said = value if isinstance(value, str) else _text(name, await value.read())
            elif not isinstance(value, UploadFile):
                raise _wrong(name, f"is no file; what is not goes into {json_part}, as JSON")
            elif name in uploads:
                raise _wrong(name, "is there twice: give each file a name of its own")
            else:
                uploads[name] = Upload(await value.read(), value.filename or "")
    return said, uploads


class Upload:
    """A file of a form."""

    __slots__ = ("data", "name")

    def __init__(self, data: bytes, name: str) -> None:
        """``name`` is what its sender calls it: to be shown, never to be opened."""
        self.data = data
        self.name = name


def _text(name: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _wrong(name, "is no text in UTF-8") from None


def _wrong(name: str, message: str) -> RequestValidationError:
    return RequestValidationError([{"type": "form", "loc": ("body", name), "msg": message}])
