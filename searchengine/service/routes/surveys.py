"""``facets``, ``duplicates`` and ``classify``: what takes a look at all items of a corpus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response

from searchengine.classify import report
from searchengine.classify.classify import (
    Labelled,
    Tally,
    classify_corpus,
    decide_rows,
    make_decider,
    rows_of,
)
from searchengine.classify.items import indexed_ids
from searchengine.classify.labels import check_labels, labels_of
from searchengine.classify.moderation import WARNING, read_categories
from searchengine.duplicates.find import find_duplicates
from searchengine.duplicates.records import Wanted
from searchengine.duplicates.report import counts_json, group_json
from searchengine.present.formats import facet_as_json
from searchengine.query.pool import Candidate
from searchengine.query.stages.facets import count_values
from searchengine.query.stages.values import fields_for
from searchengine.service.call import current_call
from searchengine.service.parameters import parameters_of, read_parameters
from searchengine.service.problems import at
from searchengine.service.questions import dump, filter_of
from searchengine.service.replies import json_reply
from searchengine.service.schemas.addresses import Corpus
from searchengine.service.schemas.answering import FacetsAnswer
from searchengine.service.schemas.surveys import (
    ClassifyAnswer,
    ClassifyRequest,
    DuplicateParameters,
    DuplicatesAnswer,
    FacetParameters,
    label_values,
)
from searchengine.service.state import Service, Shared

router = APIRouter(prefix="/v1/corpora/{corpus}", tags=["surveys"])
T = TypeVar("T")
_CHECKED = 1_000
"""Items between two looks at whether anybody still waits."""


@router.get(
    "/facets",
    summary="How often values occur",
    response_model=FacetsAnswer,
    openapi_extra=parameters_of(FacetParameters),
)
async def facets(request: Request, service: Shared, corpus: Corpus) -> Response:
    """Count all items, or those that pass a filter, by the values of fields.

    What answers a question is counted by its search (``facets`` there).
    """
    asked = read_parameters(request, FacetParameters)
    return json_reply(await service.threads.run(request, _facets, service, corpus, asked))


@router.get(
    "/duplicates",
    summary="Copies, and pictures alike",
    response_model=DuplicatesAnswer,
    openapi_extra=parameters_of(DuplicateParameters),
)
async def duplicates(request: Request, service: Shared, corpus: Corpus) -> Response:
    """Find copies of the same picture and pictures that are alike. Deletes nothing.

    All pictures are compared: of a large corpus, ask about a part of it by a filter.
    """
    asked = read_parameters(request, DuplicateParameters)
    return json_reply(await service.threads.run(request, _duplicates, service, corpus, asked))


@router.post("/classify", summary="Label items by words alone", response_model=ClassifyAnswer)
async def classify(
    request: Request, service: Shared, corpus: Corpus, asked: ClassifyRequest
) -> Response:
    """Label what is indexed, zero-shot, or moderate it; as ``classify --json`` does."""
    return json_reply(await service.threads.run(request, _classify, service, corpus, asked))


def _facets(service: Service, corpus: str, asked: FacetParameters) -> bytes:
    engine = service.corpora.engine(corpus)
    info = engine.side(asked.modality)
    columns = ("id", *dict.fromkeys(name for key in asked.field for name in fields_for(key)))
    rows = engine.store.scan(info.side, where=filter_of(asked.filter), fields=columns)
    items = [
        Candidate(row["id"], 0.0, info.side.modality, dict(row)) for row in _while_awaited(rows)
    ]
    found = [facet_as_json(count_values(items, key, top=asked.top)) for key in asked.field]
    return dump({"corpus": corpus, "items": len(items), "facets": found})


def _duplicates(service: Service, corpus: str, asked: DuplicateParameters) -> bytes:
    engine = service.corpora.engine(corpus)
    wanted = Wanted(
        tiers=("same", "similar") if asked.tier == "all" else (asked.tier,),
        threshold=asked.threshold,
        where=filter_of(asked.filter),
        neighbours=asked.neighbours,
    )
    side = engine.side("image").side
    call = current_call()
    findings = find_duplicates(engine.store, side, wanted, lambda *_: call.check())
    groups = list(islice(findings.groups, asked.limit + 1))
    return dump(
        {
            "corpus": corpus,
            "threshold": asked.threshold,
            **counts_json(findings),
            "groups": [group_json(group) for group in groups[: asked.limit]],
            "more": len(groups) > asked.limit,
        }
    )


def _classify(service: Service, corpus: str, asked: ClassifyRequest) -> bytes:
    engine = service.corpora.engine(corpus)
    info = engine.side(asked.modality)
    with at("/labels"):
        labels = (
            read_categories()
            if asked.moderate
            else check_labels(labels_of(label_values(asked), "labels"))
        )
    where = filter_of(asked.filter)
    with at("/items"):
        ids = indexed_ids(engine, info, asked.items) if asked.items else None
    decider = make_decider(
        engine,
        info,
        labels,
        multi=asked.multi or bool(asked.moderate),
        threshold=asked.threshold,
        cache_dir=service.settings.cache_dir,
    )
    verdicts: Iterable[Labelled]
    if ids is None:
        verdicts = classify_corpus(engine, info, decider, where=where)
    else:
        verdicts = (one for one, _ in decide_rows(rows_of(engine, info, ids), decider))
    tally = Tally()
    found: list[dict[str, Any]] = []
    for one in _while_awaited(verdicts):
        tally.note(one.verdict)
        told = bool(one.verdict.labels) or not asked.moderate
        if told and len(found) < asked.limit:
            found.append(report.as_json(one, decider, moderated=bool(asked.moderate)))
    answer: dict[str, Any] = {
        "labels": [one.name for one in decider.labels],
        **report.summary(tally, decider),
        "found": found,
        "notes": [WARNING] if asked.moderate else [],
    }
    return dump(answer)


def _while_awaited(rows: Iterable[T]) -> Iterator[T]:
    """Pass rows on for as long as somebody waits for the answer. Raises ``DeadlineError``."""
    call = current_call()
    for number, row in enumerate(rows):
        if number % _CHECKED == 0:
            call.check()
        yield row
