"""From a request to the engine's question, and from its answer to JSON."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from searchengine.encoders.names import public_name
from searchengine.errors import MismatchError, QueryError, UnknownModelError
from searchengine.present.formats import as_json
from searchengine.query.json_form import TermForm
from searchengine.query.language import parse_query
from searchengine.query.query import Page, Query, Shape
from searchengine.query.terms import Known, Picture, PictureAt, RawVector, Term
from searchengine.service.call import current_call
from searchengine.service.problems import NotAllowedError, at
from searchengine.service.schemas.asking import SearchParameters, Wording
from searchengine.store.filters import filter_from_json, parse_filter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from searchengine.query.engine import SearchEngine
    from searchengine.records import Modality, Results
    from searchengine.service.bodies import Upload
    from searchengine.service.schemas.asking import Arranging, SearchRequest, TermRequest
    from searchengine.settings import ServiceSettings
    from searchengine.store.filters import Filter

_SHAPE = tuple(field.name for field in fields(Shape))


def asked_terms(
    request: SearchRequest | SearchParameters, uploads: Mapping[str, Upload] | None = None
) -> tuple[Term, ...]:
    """Return the terms of a question, nothing read yet. Raises ``QueryError``.

    Where neither ``query`` nor ``terms`` is given, each upload is a term.
    """
    sent = uploads or {}
    if isinstance(request, SearchParameters) or request.query is not None:
        with at("/query"):
            return parse_query(request.query)
    if request.terms is None:
        if not sent:
            raise QueryError("nothing is asked for", hint="send a query, terms or a picture")
        return tuple(Term(Picture(one.data, f"the file {name!r}")) for name, one in sent.items())
    terms = []
    for place, one in enumerate(request.terms):
        with at(f"/terms/{place}"):
            terms.append(_term(one, sent))
    return tuple(terms)


def _term(one: TermRequest, sent: Mapping[str, Upload]) -> Term:
    given = {name: getattr(one, name) for name in one.model_fields_set}
    name = given.pop("upload", None)
    if name is None:
        return TermForm.model_construct(**{**_TERM_DEFAULTS, **given}).term()
    if name not in sent:
        known = ", ".join(map(repr, sent)) or "none"
        raise QueryError(f"there is no file {name!r} in the form", hint=f"files sent: {known}")
    return Term(Picture(sent[name].data, f"the file {name!r}"), one.weight)


_TERM_DEFAULTS = TermForm().model_dump()


def filter_of(value: str | dict[str, Any] | None) -> Filter | None:
    """Return the filter that a text or an object stands for. Raises ``FilterError``."""
    with at("/filter"):
        if isinstance(value, str):
            return parse_filter(value) if value.strip() else None
        return None if value is None else filter_from_json(value)


def question(
    engine: SearchEngine,
    chosen: ServiceSettings,
    terms: Sequence[Term],
    request: Arranging,
    where: Filter | None,
    *,
    without: frozenset[str] = frozenset(),
) -> Query:
    """Return the engine's question; raises the errors of what cannot be asked here."""
    if request.rerank is not None and request.rerank not in chosen.rerank:
        known = ", ".join(chosen.rerank) or "none"
        with at("/rerank"):
            raise UnknownModelError(
                f"no model {request.rerank!r} to rerank with",
                hint=f"models that may be asked for (setting service.rerank): {known}",
            )
    check_allowed(engine, terms, request.modalities)
    if request.negation:
        terms = engine.read(terms, negation=True)
    shape = {name: getattr(request, name) for name in _SHAPE}
    return Query(
        tuple(terms),
        tuple(request.modalities),
        where,
        frozenset(request.exclude) | without,
        isinstance(request, Wording) and request.hybrid,
        request.text_weight if isinstance(request, Wording) else None,
        Page(request.limit, request.offset, request.cursor),
        Shape(**{**shape, "facets": tuple(request.facets)}),
        request.fresh,
    )


def check_allowed(
    engine: SearchEngine, terms: Sequence[Term], modalities: Sequence[Modality] = ()
) -> None:
    """Raise the error of a term that cannot be asked here: of those sides, where they are given."""
    for place, one in enumerate(terms):
        with at(f"/terms/{place}"):
            _check_term(engine, one, modalities)


def _check_term(engine: SearchEngine, term: Term, modalities: Sequence[Modality]) -> None:
    what = term.what
    if isinstance(what, PictureAt) and what.place.startswith(("http://", "https://")):
        if not engine.access.net:
            raise NotAllowedError(
                f"{what.place} is on the network, and this service fetches nothing from there",
                hint="send the picture itself",
            )
    elif isinstance(what, RawVector):
        for modality in modalities:
            dim = engine.side(modality).dim
            if len(what.values) != dim:
                raise MismatchError(
                    f"the vector has {len(what.values)} numbers, and the corpus's have {dim}",
                    hint="give a vector of the model that made the corpus",
                )


def answered(engine: SearchEngine, query: Query, request: Arranging) -> dict[str, Any]:
    """Return the answer to a question as JSON values."""
    results = engine.answer(query)
    with current_call().stage("serialise"):
        found = {**as_json(results), "model": public_name(results.model)}
    if request.fields is not None:
        kept = set(request.fields)
        for hit in found["hits"]:
            hit["metadata"] = {k: v for k, v in hit["metadata"].items() if k in kept}
    if request.vectors:
        _add_vectors(engine, results, found["hits"])
    return found


def _add_vectors(engine: SearchEngine, results: Results, hits: list[dict[str, Any]]) -> None:
    from searchengine.records import Side

    for modality in results.modalities:
        mine = [hit for hit in hits if hit["modality"] == modality]
        ids = [hit["id"] for hit in mine]
        side = Side(engine.corpus, modality, version=results.version)
        rows = engine.store.fetch(side, ids, ("id", "vector"), fresh=False)
        for hit in mine:
            if hit["id"] in rows:
                hit["vector"] = rows[hit["id"]]["vector"].tolist()


def itself(terms: Sequence[Term]) -> frozenset[str]:
    """Return the ids of the items that a question names."""
    return frozenset(one.what.id for one in terms if isinstance(one.what, Known))


def dump(value: Any) -> bytes:
    """Return JSON in UTF-8 of values that are JSON's (``present.strict_json.plain``)."""
    with current_call().stage("serialise"):
        return to_json(value, inf_nan_mode="null")
