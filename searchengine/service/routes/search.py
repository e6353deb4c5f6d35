"""``/v1/corpora/{corpus}/search``: questions and their answers."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from fastapi import APIRouter, Request, Response

from searchengine.errors import SearchEngineError
from searchengine.query.terms import Known, Term, Words
from searchengine.service.bodies import FORM, JSON, Upload, media_type, read_form, read_json
from searchengine.service.call import current_call
from searchengine.service.parameters import parameters_of, read_parameters, read_path
from searchengine.service.plain_route import PlainRoute
from searchengine.service.problems import at, describe
from searchengine.service.questions import (
    answered,
    asked_terms,
    dump,
    filter_of,
    itself,
    question,
)
from searchengine.service.replies import body_of, json_reply
from searchengine.service.schemas.addresses import CorpusAddress, ItemAddress
from searchengine.service.schemas.answering import BatchAnswer, SearchAnswer
from searchengine.service.schemas.asking import (
    BatchRequest,
    SearchForm,
    SearchParameters,
    SearchRequest,
    SimilarParameters,
    UploadSearchRequest,
)
from searchengine.service.state import Service, service_of

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")

router = APIRouter(prefix="/v1/corpora/{corpus}", tags=["search"], route_class=PlainRoute)


@router.get(
    "/search",
    summary="Search by a text query that can be bookmarked",
    response_model=SearchAnswer,
    openapi_extra=parameters_of(SearchParameters, path=CorpusAddress),
)
async def search_by_address(request: Request) -> Response:
    """Answer a query as it is typed on the command line."""
    corpus = read_path(request, CorpusAddress).corpus
    asked = read_parameters(request, SearchParameters)
    return await _reply(request, _answer, corpus, asked, {})


@router.post(
    "/search",
    summary="Search by words, pictures, items and vectors, in any mix",
    response_model=SearchAnswer,
    openapi_extra={
        **parameters_of(path=CorpusAddress),
        **body_of((JSON, SearchRequest), (FORM, SearchForm)),
    },
)
async def search(request: Request) -> Response:
    """Answer a question: what ``search --json`` prints.

    A form sends pictures along: each file is a term, or what ``{"upload": "NAME"}`` in the
    question of the field ``query`` names.
    """
    corpus = read_path(request, CorpusAddress).corpus
    uploads: dict[str, Upload] = {}
    if media_type(request) == JSON:
        asked = read_json(await request.body(), SearchRequest)
    else:
        said, uploads = await read_form(request, "query")
        asked = read_json(said if said is not None else "{}", UploadSearchRequest, "query")
    return await _reply(request, _answer, corpus, asked, uploads)


@router.post(
    "/search/batch",
    summary="Answer several questions",
    response_model=BatchAnswer,
    openapi_extra={**parameters_of(path=CorpusAddress), **body_of((JSON, BatchRequest))},
)
async def search_batch(request: Request) -> Response:
    """Answer each question, or say in its place why there is no answer.

    A batch that does not fit its schema is refused as a whole.
    """
    corpus = read_path(request, CorpusAddress).corpus
    media_type(request, JSON)
    asked = read_json(await request.body(), BatchRequest)
    return await _reply(request, _answer_all, corpus, asked)


@router.get(
    "/items/{id}/similar",
    summary="Find what is like an indexed item",
    response_model=SearchAnswer,
    openapi_extra=parameters_of(SimilarParameters, path=ItemAddress),
)
async def similar(request: Request) -> Response:
    """Answer as ``similar id:ID --json`` does."""
    item = read_path(request, ItemAddress)
    asked = read_parameters(request, SimilarParameters)
    return await _reply(request, _similar, item.corpus, item.id, asked)


async def _reply(
    request: Request,
    work: Callable[Concatenate[Service, str, P], bytes],
    corpus: str,
    *args: P.args,
    **kwargs: P.kwargs,
) -> Response:
    service = service_of(request)
    return json_reply(await service.threads.run(request, work, service, corpus, *args, **kwargs))


def _answer(
    service: Service,
    corpus: str,
    asked: SearchRequest | SearchParameters,
    uploads: dict[str, Upload],
) -> bytes:
    return dump(_answer_json(service, corpus, asked, uploads))


def _answer_json(
    service: Service,
    corpus: str,
    asked: SearchRequest | SearchParameters,
    uploads: dict[str, Upload],
) -> dict[str, Any]:
    engine = service.corpora.engine(corpus)
    terms = asked_terms(asked, uploads)
    where = filter_of(asked.filter)
    query = question(engine, service.settings.service, terms, asked, where)
    return answered(engine, query, asked)


def _answer_all(service: Service, corpus: str, asked: BatchRequest) -> bytes:
    _encode_together(service, corpus, asked)
    answers: list[dict[str, Any]] = []
    for place, one in enumerate(asked.queries):
        current_call().check()
        try:
            with at(f"/queries/{place}"):
                answers.append({"answer": _answer_json(service, corpus, one, {})})
        except SearchEngineError as error:
            answers.append({"problem": describe(error).model_dump(exclude_none=True)})
    return dump({"answers": answers})


def _encode_together(service: Service, corpus: str, asked: BatchRequest) -> None:
    """Have all texts of a batch encoded at once: each question then finds its own made already."""
    engine = service.corpora.engine(corpus)
    texts: list[Term] = []
    for one in asked.queries:
        # What is wrong with a question is told in its place.
        with suppress(SearchEngineError):
            texts += [Term(t.what) for t in asked_terms(one) if isinstance(t.what, Words)]
    if len(texts) > 1:
        with suppress(SearchEngineError):
            engine.encoded(texts, asked.queries[0].modalities[0])


def _similar(service: Service, corpus: str, id: str, asked: SimilarParameters) -> bytes:
    engine = service.corpora.engine(corpus)
    terms = (Term(Known(id)),)
    without = itself(terms) if asked.exclude_self else frozenset()
    where = filter_of(asked.filter)
    query = question(engine, service.settings.service, terms, asked, where, without=without)
    return dump(answered(engine, query, asked))
