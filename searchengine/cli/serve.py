"""``searchengine serve``: the HTTP API and the web page."""

from __future__ import annotations

from typing import Annotated

import typer

from searchengine.cli import options
from searchengine.cli.talk import say


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen at [default: 127.0.0.1].")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen at [default: 8000].")] = None,
    corpus: options.Corpus = None,
    store: options.StoreUri = None,
    config: options.Config = None,
    sets: options.Sets = None,
) -> None:
    """Serve searches over HTTP, and a web page to search with."""
    settings = options.read_settings(
        config, sets, corpus=corpus, store__uri=store, service__host=host, service__port=port
    )
    from ingest.direct import DirectWriter
    from searchengine.service.app import create_app
    from searchengine.service.serve import serve as serve_app

    app = create_app(settings, writer=DirectWriter(settings))
    say(f"serving {settings.store_uri} at http://{settings.service.host}:{settings.service.port}")
    serve_app(app, settings.service)
