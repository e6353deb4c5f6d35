"""``searchengine show``: what is known of items."""

from __future__ import annotations

import shutil
from typing import Annotated

import typer

from searchengine.cli import options
from searchengine.cli.talk import emit, emit_json


def show(
    items: Annotated[list[str], typer.Argument(metavar="ITEM...", help="Paths, uris or ids.")],
    corpus: options.Corpus = None,
    as_json: options.AsJson = False,
    store: options.StoreUri = None,
    config: options.Config = None,
    sets: options.Sets = None,
) -> None:
    """Show all that is known of indexed items."""
    from searchengine.present import formats
    from searchengine.query.engine import SearchEngine

    settings = options.read_settings(config, sets, corpus=corpus, store__uri=store)
    with SearchEngine.open(settings) as engine:
        found = engine.items(items)
    if as_json:
        emit_json({"items": [formats.item_json(item) for item in found]})
    else:
        width = shutil.get_terminal_size().columns
        emit("\n\n".join(formats.item_text(item, width) for item in found))
