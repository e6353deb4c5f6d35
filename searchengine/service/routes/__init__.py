"""The addresses: one file a group of them."""

from __future__ import annotations

from searchengine.service.routes import corpora, embed, embeddings, operations, search

ROUTERS = (search.router, corpora.router, embeddings.router, embed.router, operations.router)
