"""``searchengine export-embeddings``: a corpus as files that other tools read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from searchengine.cli import options
from searchengine.cli.talk import emit, emit_json


def export_embeddings(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new folder: img_emb/*.npy, metadata/*.parquet.")
    ],
    corpus: options.Corpus = None,
    modality: Annotated[
        options.ModalityChoice, typer.Option("--modality", help="The images, or the texts.")
    ] = options.ModalityChoice.image,
    where: options.Filter = None,
    rows: Annotated[int, typer.Option("--rows", metavar="N", min=1, help="Rows a file.")] = 100_000,
    half: Annotated[
        bool, typer.Option("--float16", help="Half the size: as clip-retrieval writes them.")
    ] = False,
    as_json: options.AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
    store: options.StoreUri = None,
    config: options.Config = None,
    sets: options.Sets = None,
) -> None:
    """Write the vectors and all that is known of the items in clip-retrieval's layout."""
    import ingest.embeddings as embeddings
    from searchengine.cli.progress import stages
    from searchengine.records import Side
    from searchengine.store.configured import open_configured_store
    from searchengine.store.filters import parse_filter

    settings = options.read_settings(config, sets, corpus=corpus, store__uri=store)
    chosen = None if where is None else parse_filter(where)
    store_ = open_configured_store(settings)
    try:
        with stages("item", quiet=quiet) as update:
            done = embeddings.export_embeddings(
                store_,
                Side(settings.corpus, modality.value),
                folder,
                where=chosen,
                rows=rows,
                half=half,
                on_progress=lambda *at: update("exporting", *at),
            )
    finally:
        store_.close()
    if as_json:
        emit_json({"corpus": settings.corpus, "exported": done, "folder": str(folder)})
    else:
        emit(f"{done:,} exported to {folder}")
