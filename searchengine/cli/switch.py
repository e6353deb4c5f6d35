"""``searchengine switch``: make the draft of a corpus live, or go back."""

from __future__ import annotations

from typing import Annotated

import typer

from searchengine.cli import options
from searchengine.cli.talk import emit, emit_json, say


def switch(
    corpus: options.Corpus = None,
    back: Annotated[
        bool, typer.Option("--back", help="Make live again what was so before, until gc.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also to a draft that does not look finished.")
    ] = False,
    as_json: options.AsJson = False,
    store: options.StoreUri = None,
    config: options.Config = None,
    sets: options.Sets = None,
) -> None:
    """Make the draft that index --beside has written live, both sides at once.

    Who searches meanwhile gets the answers of one version or of the other. Nothing is copied and
    nothing removed: the version before can be gone back to until gc removes it.
    """
    from searchengine.present.corpora import standing_json, standings_table
    from searchengine.store.configured import open_configured_store
    from searchengine.store.readiness import check_ready

    settings = options.read_settings(config, sets, corpus=corpus, store__uri=store)
    store_ = open_configured_store(settings)
    try:
        if not back and not force:
            check_ready(store_, settings.corpus)
        store_.switch(settings.corpus, back=back)
        found = store_.versions(settings.corpus)
    finally:
        store_.close()
    if as_json:
        emit_json({"corpus": settings.corpus, "sides": [standing_json(one) for one in found]})
        return
    emit(standings_table(found))
    if any(one.state == "previous" for one in found):
        say(f"{options.switch_command(settings)} --back goes back, until searchengine gc")
