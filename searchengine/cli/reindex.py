"""``searchengine reindex``: another index over the same vectors."""

from __future__ import annotations

from typing import Annotated

import typer

from searchengine.cli import options
from searchengine.cli.talk import emit, emit_json


def reindex(
    profile: Annotated[
        str, typer.Argument(help="auto, FLAT, HNSW, IVF_FLAT, ... (see docs/indexes.md).")
    ],
    corpus: options.Corpus = None,
    draft: options.Draft = False,
    as_json: options.AsJson = False,
    store: options.StoreUri = None,
    config: options.Config = None,
    sets: options.Sets = None,
) -> None:
    """Change the index profile of a corpus. Nothing is embedded again."""
    from searchengine.present.corpora import side_json, sides_table
    from searchengine.store.configured import open_configured_store

    settings = options.read_settings(config, sets, corpus=corpus, store__uri=store)
    store_ = open_configured_store(settings)
    try:
        sides = options.sides_of(store_, settings, draft=draft)
        changed = [store_.reindex(info.side, profile) for info in sides]
    finally:
        store_.close()
    if as_json:
        emit_json({"corpus": settings.corpus, "sides": [side_json(info) for info in changed]})
    else:
        emit(sides_table(changed))
