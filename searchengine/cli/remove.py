"""``searchengine remove``: take items, or a whole corpus, out of the index."""

from __future__ import annotations

from typing import Annotated

import typer

from searchengine.cli import options
from searchengine.cli.talk import emit, emit_json


def remove(
    items: Annotated[
        list[str] | None, typer.Argument(metavar="[ITEM...]", help="Paths, uris or ids.")
    ] = None,
    where: options.Filter = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Remove the whole corpus and its index.")
    ] = False,
    corpus: options.Corpus = None,
    as_json: options.AsJson = False,
    store: options.StoreUri = None,
    config: options.Config = None,
    sets: options.Sets = None,
) -> None:
    """Remove items from the index. The files themselves are never touched."""
    from searchengine.errors import UsageError
    from searchengine.query.engine import SearchEngine

    if sum((bool(items), where is not None, everything)) != 1:
        raise UsageError(
            "say what to remove: ITEM..., --filter EXPR, or --all for the whole corpus"
        )
    settings = options.read_settings(config, sets, corpus=corpus, store__uri=store)
    with SearchEngine.open(settings) as engine:
        if everything:
            removed = engine.remove_all()
        elif where is not None:
            removed = engine.remove_where(where)
        else:
            removed = engine.remove(items or [])
    if as_json:
        emit_json({"corpus": settings.corpus, "removed": removed})
    else:
        emit(f"{removed:,} removed from corpus {settings.corpus!r}")
