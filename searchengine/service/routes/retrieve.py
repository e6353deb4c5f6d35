"""``/v1/corpora/{corpus}/retrieve``: what a chat model needs to answer a question."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response

from searchengine.chat.messages import INSTRUCTIONS, chat_messages
from searchengine.chat.passages import Budget, Packed, Passage, pack
from searchengine.chat.pictures import SmallPicture, as_jpeg, measured
from searchengine.chat.tokens import text_tokens
from searchengine.encoders.names import public_name
from searchengine.errors import ItemError, NotFoundError, QueryError
from searchengine.present.formats import hit_as_json
from searchengine.query.engine import SearchEngine
from searchengine.query.query import Page, Query, Shape
from searchengine.query.terms import Picture, Term, Words
from searchengine.records import Hit
from searchengine.service.bodies import FORM, JSON, media_type, read_form, read_json
from searchengine.service.call import current_call
from searchengine.service.problems import at
from searchengine.service.questions import dump, filter_of
from searchengine.service.replies import body_of, json_reply
from searchengine.service.routes.items import thumbnail_of
from searchengine.service.schemas.addresses import Corpus
from searchengine.service.schemas.retrieving import (
    RetrieveAnswer,
    RetrieveForm,
    RetrieveRequest,
    RetrieveUploadRequest,
)
from searchengine.service.state import Service, Shared

router = APIRouter(prefix="/v1/corpora/{corpus}", tags=["chat"])
_SPARE = 2
"""Times as many hits as items are looked at: some do not fit."""


@router.post(
    "/retrieve",
    summary="Retrieve pictures and texts for a chat model",
    response_model=RetrieveAnswer,
    openapi_extra=body_of((JSON, RetrieveRequest), (FORM, RetrieveForm)),
)
async def retrieve(request: Request, service: Shared, corpus: Corpus) -> Response:
    """Find what answers a question, and pack it into a budget of items and tokens.

    A form sends the picture that the question is about as a file, in the field ``image``, and the
    rest as JSON, in the field ``request``.
    """
    asked: RetrieveUploadRequest
    picture: bytes | None = None
    if media_type(request) == JSON:
        asked = whole = read_json(await request.body(), RetrieveRequest)
        given: str | None = whole.image_base64
        picture = _decoded(given) if given is not None else None
    else:
        said, uploads = await read_form(request, "request")
        asked = read_json(said if said is not None else "{}", RetrieveUploadRequest, "request")
        if set(uploads) != {"image"}:
            raise QueryError("send one file, in the field image", hint="or JSON without a file")
        picture = uploads["image"].data
    return json_reply(await service.threads.run(request, _answer, service, corpus, asked, picture))


def _answer(
    service: Service, corpus: str, asked: RetrieveUploadRequest, picture: bytes | None
) -> bytes:
    engine = service.corpora.engine(corpus)
    words = asked.question or ""
    terms = [Term(Words(words))] if words else []
    terms += [] if picture is None else [Term(Picture(picture, "the picture of the question"))]
    query = Query(
        tuple(terms),
        tuple(asked.modalities),
        filter_of(asked.filter),
        hybrid=asked.hybrid and bool(words),
        page=Page(limit=_SPARE * asked.max_items),
        shape=Shape(
            fold=True, relevant_only=asked.relevant_only, min_relevance=asked.min_relevance
        ),
        fresh=False,
    )
    results = engine.answer(query)
    budget = Budget(
        asked.max_items, asked.max_tokens, asked.images, asked.image_size, asked.image_tokens
    )
    example = None
    if picture is not None and asked.messages:
        within = (asked.image_size, asked.image_size)
        with current_call().stage("decode"):
            example = as_jpeg(service.corpora.decoders.picture(picture, within=within))
    spent = text_tokens(f"{INSTRUCTIONS} {words}") + (budget.cost(example) if example else 0)
    with current_call().stage("decode"):
        packed = pack(results.hits, budget, _draws(service, engine), spent=spent)
    found: dict[str, Any] = {
        "corpus": results.corpus,
        "model": public_name(results.model),
        "items": [_as_json(one) for one in packed.passages],
        "tokens": packed.tokens,
        "left_out": packed.left_out,
        "notes": [*results.notes, *_notes(packed)],
    }
    if asked.messages:
        found["messages"] = chat_messages(words, packed.passages, example)
    return dump(found)


def _draws(service: Service, engine: SearchEngine) -> Callable[[Hit, int], SmallPicture | str]:
    """Return what draws a hit's picture, as its thumbnail is: of the file that was indexed alone,
    in a process that may be killed, once.
    """

    def draw(hit: Hit, side: int) -> SmallPicture | str:
        current_call().check()
        try:
            (item,) = engine.items([hit.id])
            return measured(thumbnail_of(service, item, side))
        except (NotFoundError, ItemError) as error:
            return str(error)

    return draw


def _as_json(passage: Passage) -> dict[str, Any]:
    picture = passage.picture
    image = picture and {
        "data_uri": picture.data_uri,
        "width": picture.width,
        "height": picture.height,
    }
    return {
        **hit_as_json(passage.hit),
        "number": passage.number,
        "text": passage.text,
        "cut": passage.cut,
        "image": image,
        "no_image": passage.note or None,
        "tokens": passage.tokens,
    }


def _notes(packed: Packed) -> list[str]:
    if packed.left_out and not packed.passages:
        return ["Nothing that was found fits into max_tokens."]
    return []


def _decoded(text: str) -> bytes:
    """Return the bytes of base64, as such or in a data URI. Raises ``QueryError``."""
    with at("/image_base64"):
        if text.startswith("data:"):
            text = text.partition(",")[2]
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise QueryError("the picture is no base64") from None
