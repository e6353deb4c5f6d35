"""The addresses: one file a group of them."""

from __future__ import annotations

from searchengine.service.routes import (
    corpora,
    embed,
    embeddings,
    explain,
    items,
    operations,
    page,
    progress,
    retrieve,
    search,
    surveys,
    writing,
)

ROUTERS = (
    search.router,
    writing.router,
    items.router,
    surveys.router,
    corpora.router,
    explain.router,
    progress.router,
    embeddings.router,
    embed.router,
    retrieve.router,
    operations.router,
    page.router,
)
