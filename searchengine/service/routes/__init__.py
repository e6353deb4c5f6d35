"""The addresses: one file a group of them."""

from __future__ import annotations

from searchengine.service.routes import (
    corpora,
    embed,
    embeddings,
    explain,
    operations,
    page,
    progress,
    retrieve,
    search,
)

ROUTERS = (
    search.router,
    corpora.router,
    explain.router,
    progress.router,
    embeddings.router,
    embed.router,
    retrieve.router,
    operations.router,
    page.router,
)
