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
    as_json: options.AsJson = False,
    store: options.StoreUri = None,
    config: options.Config = None,
    sets: options.Sets = None,
) -> None:
    """Change the index profile of a corpus. Nothing is embedded again."""
    from searchengine.errors import NotFoundError
    from searchengine.present.corpora import side_json, sides_table
    from searchengine.store.configured import open_configured_store

    settings = options.read_settings(config, sets, corpus=corpus, store__uri=store)
    store_ = open_configured_store(settings)
    try:
        sides = [info.side for info in store_.sides() if info.side.corpus == settings.corpus]
        if not sides:
            raise NotFoundError(
                f"there is no corpus {settings.corpus!r} in {settings.store_uri}",
                hint="searchengine corpora lists what there is",
            )
        changed = [store_.reindex(side, profile) for side in sides]
    finally:
        store_.close()
    if as_json:
        emit_json({"corpus": settings.corpus, "sides": [side_json(info) for info in changed]})
    else:
        emit(sides_table(changed))
