"""The addresses: one file a group of them."""

from __future__ import annotations

from searchengine.service.routes import corpora, operations, search

ROUTERS = (search.router, corpora.router, operations.router)
