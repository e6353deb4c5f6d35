"""``/``: the web page, and under ``/static/`` what it is made of."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from searchengine.service.guard.headers import PAGE_POLICY
from searchengine.service.page_files import PageFile, read_page_files
from searchengine.service.state import Shared

router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def show_page(request: Request, service: Shared) -> Response:
    """The page itself."""
    return _sent(request, _files(request, service.settings.corpus)["index.html"])


@router.api_route("/static/{name:path}", methods=["GET", "HEAD"])
async def show_file(request: Request, service: Shared, name: str) -> Response:
    """One of the page's files."""
    files = _files(request, service.settings.corpus)
    if name not in files or name == "index.html":
        raise HTTPException(404, "the page has no such file")
    return _sent(request, files[name])


def _files(request: Request, corpus: str) -> dict[str, PageFile]:
    """Return the page's files, read when they are first asked for."""
    state = request.app.state
    if not hasattr(state, "page_files"):
        state.page_files = dict(read_page_files(corpus))
    files = state.page_files
    assert isinstance(files, dict)
    return files


def _sent(request: Request, file: PageFile) -> Response:
    headers = {
        "ETag": file.etag,
        # Kept, and asked about each time: an update is seen at once, and costs nothing if none.
        "Cache-Control": "no-cache",
    }
    if file.mime.startswith("text/html"):
        # Said here, too: a 304 has no type that it could be told by, and its headers count.
        headers["Content-Security-Policy"] = PAGE_POLICY
    known = {tag.strip().removeprefix("W/") for tag in _tags(request)}
    if file.etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(file.body, headers=headers, media_type=file.mime)


def _tags(request: Request) -> list[str]:
    return request.headers.get("if-none-match", "").split(",")
