"""``/v1/corpora/{corpus}/items``: indexing what is sent, and taking out what is indexed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from searchengine.errors import QueryError, SearchEngineError
from searchengine.records import MODALITIES, Item, Side
from searchengine.service.bodies import FORM, JSON, media_type, read_form, read_json
from searchengine.service.parameters import parameters_of, read_parameters
from searchengine.service.problems import describe
from searchengine.service.questions import dump, filter_of
from searchengine.service.replies import body_of, json_reply
from searchengine.service.schemas.addresses import Corpus
from searchengine.service.schemas.strict import ItemId
from searchengine.service.schemas.writing import (
    DeleteParameters,
    ItemsForm,
    NewItem,
    NewItems,
    PicturesFacts,
    RemovedAnswer,
    WrittenItems,
)
from searchengine.service.sent import write_files, write_items
from searchengine.service.state import Service, Shared

router = APIRouter(prefix="/v1/corpora/{corpus}/items", tags=["writing"])


@router.post(
    "",
    summary="Index pictures, texts and vectors",
    response_model=WrittenItems,
    openapi_extra=body_of((JSON, NewItems), (FORM, ItemsForm)),
)
async def add_items(request: Request, service: Shared, corpus: Corpus) -> Response:
    """Index what is sent, and say of each what became of it.

    One that cannot be indexed is a problem in its place; where none can, that is the answer. The
    corpus is made if there is none. Sent again, an item replaces itself.
    """
    if media_type(request) == JSON:
        asked = read_json(await request.body(), NewItems)
        run = service.threads.run(request, _add, service, corpus, asked.items)
        return json_reply(await run)
    said, files = await read_form(request, "about")
    about = read_json(said if said is not None else "{}", PicturesFacts, "about")
    if not files:
        raise QueryError("there is no picture in the form", hint="send files")
    return json_reply(await service.threads.run(request, _add_files, service, corpus, files, about))


@router.delete(
    "",
    summary="Take out the items that match",
    response_model=RemovedAnswer,
    openapi_extra=parameters_of(DeleteParameters),
)
async def remove_items(request: Request, service: Shared, corpus: Corpus) -> Response:
    """Remove items from the index. Files are left alone, but for pictures that were sent here."""
    where = read_parameters(request, DeleteParameters).filter
    return json_reply(await service.threads.run(request, _remove_where, service, corpus, where))


@router.delete("/{id}", summary="Take an item out", response_model=RemovedAnswer)
async def remove_item(
    request: Request,
    service: Shared,
    corpus: Corpus,
    id: Annotated[ItemId, Path(description="Of an indexed item, as answers name it.")],
) -> Response:
    """Remove one item from the index. Its file is left alone, unless it was sent here."""
    return json_reply(await service.threads.run(request, _remove, service, corpus, id))


def _add(service: Service, corpus: str, items: list[NewItem]) -> bytes:
    return _told(write_items(service, corpus, items))


def _add_files(service: Service, corpus: str, files: Any, about: PicturesFacts) -> bytes:
    return _told(write_files(service, corpus, files, about))


def _told(outcomes: list[Item | SearchEngineError]) -> bytes:
    problems = [one for one in outcomes if isinstance(one, SearchEngineError)]
    if len(problems) == len(outcomes):
        raise problems[0]
    items: list[dict[str, Any]] = [
        {"problem": describe(one).model_dump(exclude_none=True)}
        if isinstance(one, SearchEngineError)
        else {"id": one.id, "uri": one.uri, "modality": one.modality}
        for one in outcomes
    ]
    return dump({"written": len(outcomes) - len(problems), "items": items})


def _remove(service: Service, corpus: str, id: str) -> bytes:
    engine = service.corpora.engine(corpus)
    item = engine.items([id])[0]
    removed = engine.remove([id])
    service.uploads.forget([item.uri])
    return dump({"removed": removed})


def _remove_where(service: Service, corpus: str, text: str) -> bytes:
    engine = service.corpora.engine(corpus)
    where = filter_of(text)
    if where is None:
        raise QueryError("the filter is empty", hint="say what is to go")
    uris: list[str] = []
    for side in (Side(corpus, modality) for modality in MODALITIES):
        if engine.store.describe(side) is not None:
            rows = engine.store.scan(side, where=where, fields=("id", "uri"))
            uris += [row["uri"] for row in rows]
    removed = engine.remove_where(where)
    service.uploads.forget(uris)
    return dump({"removed": removed})
