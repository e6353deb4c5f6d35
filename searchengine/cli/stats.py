"""``searchengine stats``: what one corpus holds."""

from __future__ import annotations

from searchengine.cli import options
from searchengine.cli.talk import emit, emit_json


def stats(
    corpus: options.Corpus = None,
    as_json: options.AsJson = False,
    store: options.StoreUri = None,
    config: options.Config = None,
    sets: options.Sets = None,
) -> None:
    """Show what a corpus holds: items, model, index."""
    from searchengine.errors import NotFoundError
    from searchengine.present.corpora import side_json, sides_table
    from searchengine.store.configured import open_configured_store

    settings = options.read_settings(config, sets, corpus=corpus, store__uri=store)
    store_ = open_configured_store(settings)
    try:
        all_sides = store_.sides()
        backend = f"{store_.capabilities.backend} {store_.capabilities.version}".strip()
    finally:
        store_.close()
    sides = [info for info in all_sides if info.side.corpus == settings.corpus]
    if not sides:
        known = sorted({info.side.corpus for info in all_sides})
        raise NotFoundError(
            f"there is no corpus {settings.corpus!r} in {settings.store_uri}",
            hint=f"known corpora: {', '.join(known)}"
            if known
            else "index something first: searchengine index PATH",
        )
    if as_json:
        emit_json(
            {
                "corpus": settings.corpus,
                "store": settings.store_uri,
                "backend": backend,
                "sides": [side_json(info) for info in sides],
            }
        )
    else:
        emit(f"corpus {settings.corpus} in {settings.store_uri} ({backend})")
        emit(sides_table(sides))
