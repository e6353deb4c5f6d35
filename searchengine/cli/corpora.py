"""``searchengine corpora``: which corpora there are."""

from __future__ import annotations

from searchengine.cli import options
from searchengine.cli.talk import emit, emit_json, say


def corpora(
    as_json: options.AsJson = False,
    store: options.StoreUri = None,
    config: options.Config = None,
    sets: options.Sets = None,
) -> None:
    """List all corpora of a database, drafts and what was live before among them."""
    from searchengine.present.corpora import standing_json, standings_table
    from searchengine.store.configured import open_configured_store

    settings = options.read_settings(config, sets, store__uri=store)
    store_ = open_configured_store(settings)
    try:
        found = store_.versions()
    finally:
        store_.close()
    if as_json:
        emit_json({"store": settings.store_uri, "sides": [standing_json(one) for one in found]})
    elif found:
        emit(standings_table(found))
    else:
        say(f"{settings.store_uri} holds no corpora yet: searchengine index PATH makes one")
