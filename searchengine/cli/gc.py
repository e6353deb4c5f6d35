"""``searchengine gc``: remove what no alias names."""

from __future__ import annotations

from typing import Annotated

import typer

from searchengine.cli import options
from searchengine.cli.talk import emit, emit_json, say


def gc(
    corpus: Annotated[
        str | None,
        typer.Option(
            "--corpus", "-c", metavar="NAME", help="Only of this corpus. Default: of all."
        ),
    ] = None,
    drafts: Annotated[
        bool, typer.Option("--drafts", help="Remove drafts, too: versions that were never live.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")
    ] = False,
    as_json: options.AsJson = False,
    store: options.StoreUri = None,
    config: options.Config = None,
    sets: options.Sets = None,
) -> None:
    """Remove versions of corpora that are no longer live, with all their data.

    What is live stays, and so does a draft, unless --drafts. After this there is no going back.
    """
    from searchengine.present.corpora import standing_json, standings_table
    from searchengine.store.configured import open_configured_store

    settings = options.read_settings(config, sets, store__uri=store)
    store_ = open_configured_store(settings)
    try:
        gone = store_.discard(corpus, drafts=drafts, dry_run=dry_run)
    finally:
        store_.close()
    if as_json:
        emit_json({"removed": [standing_json(one) for one in gone], "dry_run": dry_run})
    elif gone:
        emit(standings_table(gone))
        say("would be removed" if dry_run else "removed")
    else:
        say("nothing to remove: every version is live, or a draft")
