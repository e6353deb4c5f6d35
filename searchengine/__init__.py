"""Cross-modal search over images and texts.

>>> from ingest import index
>>> from searchengine import SearchEngine
>>> index(["~/Pictures"], corpus="holidays")
>>> with SearchEngine.open(corpus="holidays") as engine:
...     for hit in engine.search("a dog on the beach").hits:
...         print(hit.rank, hit.score, hit.uri)

Names are imported when they are first used, so that ``import searchengine`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from searchengine.encoders import load_encoder
    from searchengine.errors import SearchEngineError
    from searchengine.query.engine import SearchEngine
    from searchengine.query.json_form import query_from_json, query_to_json
    from searchengine.query.language import parse_query, query_text
    from searchengine.query.query import Page, Query, Shape
    from searchengine.query.terms import Known, Picture, PictureAt, RawVector, Term, Words
    from searchengine.records import Hit, Item, Results
    from searchengine.settings import Settings, load_settings
    from searchengine.store.filters import filter_text, parse_filter
    from searchengine.store.open import open_store

__version__ = "0.1.0"

__all__ = [
    "Hit",
    "Item",
    "Known",
    "Page",
    "Picture",
    "PictureAt",
    "Query",
    "RawVector",
    "Results",
    "SearchEngine",
    "SearchEngineError",
    "Settings",
    "Shape",
    "Term",
    "Words",
    "filter_text",
    "load_encoder",
    "load_settings",
    "open_store",
    "parse_filter",
    "parse_query",
    "query_from_json",
    "query_text",
    "query_to_json",
]

_HOMES = {
    "Hit": "records",
    "Item": "records",
    "Known": "query.terms",
    "Page": "query.query",
    "Picture": "query.terms",
    "PictureAt": "query.terms",
    "Query": "query.query",
    "RawVector": "query.terms",
    "Results": "records",
    "SearchEngine": "query.engine",
    "SearchEngineError": "errors",
    "Settings": "settings",
    "Shape": "query.query",
    "Term": "query.terms",
    "Words": "query.terms",
    "filter_text": "store.filters",
    "load_encoder": "encoders",
    "load_settings": "settings",
    "open_store": "store.open",
    "parse_filter": "store.filters",
    "parse_query": "query.language",
    "query_from_json": "query.json_form",
    "query_text": "query.language",
    "query_to_json": "query.json_form",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
