"""Relevance: a number from 0 to 1 that means the same for every corpus, model and kind of query."""

from __future__ import annotations

from searchengine.query.relevance.background import (
    Background,
    cached_background,
    load_background,
)
from searchengine.query.relevance.judge import DEFAULT_THRESHOLD, relevance_of

__all__ = [
    "DEFAULT_THRESHOLD",
    "Background",
    "cached_background",
    "load_background",
    "relevance_of",
]
