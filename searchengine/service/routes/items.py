"""``/v1/corpora/{corpus}/items/{id}``: what is known of an item, and its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.responses import StreamingResponse

from searchengine.errors import DecodeError, NotFoundError
from searchengine.present.formats import item_json
from searchengine.records import Item
from searchengine.service.files import Opened, Reach, open_file, open_original, read_picture
from searchengine.service.problems import Problem, problem_response
from searchengine.service.questions import dump
from searchengine.service.ranges import Span, UnsatisfiableError, is_known, wanted_span
from searchengine.service.replies import json_reply
from searchengine.service.schemas.addresses import Corpus
from searchengine.service.schemas.answering import ItemAnswer
from searchengine.service.schemas.strict import ItemId
from searchengine.service.state import Service, Shared
from searchengine.service.thumbnails import SIZES, draw_thumbnail, thumbnail_key

if TYPE_CHECKING:
    from searchengine.query.engine import SearchEngine

router = APIRouter(prefix="/v1/corpora/{corpus}/items/{id}", tags=["items"])
Id = Annotated[ItemId, Path(description="Of an indexed item, as answers name it.")]
_KEPT = "private, max-age=3600"
_SHOWN = ("image/", "video/", "text/plain")
"""What a browser may show by itself; the rest is saved. None of it can hold a script."""
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_KINDS = dict.fromkeys(("image/*", "video/*", "application/*", "text/plain"), _BINARY)
_NOT_NEW: dict[str, Any] = {"description": "What the asker has is still so (If-None-Match)."}


@router.get("", summary="What is known of an item", response_model=ItemAnswer)
async def show_item(
    request: Request,
    service: Shared,
    corpus: Corpus,
    id: Id,
    vectors: Annotated[bool, Query(description="Give its vector, too.")] = False,
) -> Response:
    """Show all that is known of an item, as ``show --json`` does."""
    return json_reply(await service.threads.run(request, _shown, service, corpus, id, vectors))


@router.head("/thumbnail", include_in_schema=False)
@router.get(
    "/thumbnail",
    summary="A small picture of an item",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": _BINARY}}, 304: _NOT_NEW},
)
async def show_thumbnail(
    request: Request,
    service: Shared,
    corpus: Corpus,
    id: Id,
    size: Annotated[
        int,
        Query(
            description="Pixels of the square it fits into.",
            json_schema_extra={"enum": list(SIZES)},
        ),
    ] = 256,
) -> Response:
    """Send a JPEG, upright, also of a film's frame and of a PDF's page. Made once, then kept."""
    if size not in SIZES:
        known = ", ".join(map(str, SIZES))
        return problem_response("Request", 422, f"size: there are {known}, not {size}")
    item = await service.threads.run(request, _item, service, corpus, id)
    etag = f'"{thumbnail_key(item.content_hash, size)}"'
    headers = _headers(etag, "image/jpeg", f"{id}.jpg")
    if is_known(etag, request.headers):
        return Response(status_code=304, headers=headers)
    data = await service.threads.run(request, thumbnail_of, service, item, size)
    return Response(data, headers=headers, media_type="image/jpeg")


@router.head("/original", include_in_schema=False)
@router.get(
    "/original",
    summary="The picture of an item as it was indexed",
    response_class=Response,
    responses={
        200: {"content": _KINDS},
        206: {"description": "The range that was asked for.", "content": _KINDS},
        304: _NOT_NEW,
        416: {
            "description": "Nothing of it is in the range.",
            "content": {"application/problem+json": {"schema": Problem.model_json_schema()}},
        },
    },
)
async def show_original(
    request: Request,
    service: Shared,
    corpus: Corpus,
    id: Id,
    whole: Annotated[
        bool, Query(description="Of a film's frame the film, of a PDF's page the PDF.")
    ] = False,
) -> Response:
    """Send the file while it is the one that was indexed; of a text, the text. Takes ranges."""
    found = await service.threads.run(request, _original, service, corpus, id, whole)
    headers = _headers(found.etag, found.mime, found.name) | {"Accept-Ranges": "bytes"}
    if is_known(found.etag, request.headers):
        found.close()
        return Response(status_code=304, headers=headers)
    try:
        span = wanted_span(found.size, found.etag, request.headers)
    except UnsatisfiableError:
        found.close()
        return problem_response(
            "Range",
            416,
            f"there are {found.size:,} bytes, and none of them is in the range",
            headers={"Content-Range": f"bytes */{found.size}"},
        )
    part = span or Span(0, found.size)
    headers["Content-Length"] = str(part.end - part.start)
    if span is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{found.size}"
    status = 200 if span is None else 206
    if request.method == "HEAD":
        found.close()
        return Response(status_code=status, headers=headers, media_type=found.mime)
    return StreamingResponse(found.chunks(part), status, headers, media_type=found.mime)


def _headers(etag: str, mime: str, name: str) -> dict[str, str]:
    how = "inline" if mime.startswith(_SHOWN) else "attachment"
    plain = "".join(c if (c.isalnum() and c.isascii()) or c in "-_. " else "_" for c in name)
    encoded = quote(name.encode("utf-8", "replace"), safe="")
    return {
        "ETag": etag,
        "Cache-Control": _KEPT,
        "Content-Disposition": f"{how}; filename=\"{plain}\"; filename*=UTF-8''{encoded}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }


def _item(service: Service, corpus: str, id: str) -> Item:
    return service.corpora.engine(corpus).items([id])[0]


def _shown(service: Service, corpus: str, id: str, vectors: bool) -> bytes:
    engine = service.corpora.engine(corpus)
    return engine.of_one_version(lambda: _shown_now(engine, id, vectors))


def _shown_now(engine: SearchEngine, id: str, vectors: bool) -> bytes:
    corpus = engine.corpus
    item = engine.items([id])[0]
    found = item_json(item)
    if vectors:
        row = engine.store.fetch(engine.side(item.modality).side, [id], ("id", "vector"))
        if id not in row:
            raise NotFoundError(f"{id} is not in corpus {corpus!r} any more")
        found["vector"] = row[id]["vector"].tolist()
    return dump(found)


def thumbnail_of(service: Service, item: Item, size: int) -> bytes:
    """Return the thumbnail of an item, a JPEG. Raises ``NotFoundError`` where there can be none."""
    if item.modality != "image":
        raise NotFoundError("a text has no thumbnail", hint="its caption is the text")
    key = thumbnail_key(item.content_hash, size)
    if (kept := service.thumbnails.find(key)) is not None:
        return kept
    data = read_picture(item, _reach(service))
    try:
        made = draw_thumbnail(service.corpora.decoders, data, size)
    except DecodeError as error:
        raise NotFoundError(f"no thumbnail can be made: {error}", hint=error.hint) from None
    service.thumbnails.keep(key, made)
    return made


def _original(service: Service, corpus: str, id: str, whole: bool) -> Opened:
    item = _item(service, corpus, id)
    if whole and item.modality == "image":
        return open_file(item, _reach(service))
    return open_original(item, _reach(service))


def _reach(service: Service) -> Reach:
    chosen = service.settings
    under, most = chosen.service.originals_under, chosen.ingest.max_bytes
    return Reach(under, most, service.corpora.decoders)
