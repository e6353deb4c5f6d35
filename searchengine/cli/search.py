"""``searchengine search``: find by words (or by an example that looks like one)."""

from __future__ import annotations

from typing import Annotated

import typer

from searchengine.cli import answers, options


def search(
    query: Annotated[
        list[str],
        typer.Argument(
            metavar="QUERY",
            help="What to look for, in words. ./FILE, @- (standard input), id:ID and, with "
            "--allow-net, a URL stand for a picture.",
        ),
    ],
    corpus: options.Corpus = None,
    model: options.Model = None,
    limit: options.Limit = None,
    offset: options.Offset = 0,
    where: options.Filter = None,
    modality: options.Modality = options.ModalityChoice.image,
    as_json: options.AsJson = False,
    as_jsonl: answers.AsJsonl = False,
    as_csv: answers.AsCsv = False,
    as_paths: answers.AsPaths = False,
    null: answers.AsNull = False,
    show: options.Show = None,
    allow_net: options.AllowNet = False,
    store: options.StoreUri = None,
    config: options.Config = None,
    sets: options.Sets = None,
) -> None:
    """Find images (or texts) that fit a description."""
    from searchengine.errors import UsageError
    from searchengine.query.engine import SearchEngine
    from searchengine.query.examples import looks_like_example
    from searchengine.query.query import Picture

    if any(word in {"+", "-"} for word in query):
        raise UsageError(
            "terms cannot be added or subtracted yet",
            hint="quote the words if + or - belongs to them",
        )
    text = " ".join(query)
    settings = options.read_settings(
        config, sets, corpus=corpus, model__name=model, store__uri=store
    )
    with SearchEngine.open(settings) as engine:
        term = engine.example(text, allow_net=allow_net) if looks_like_example(text) else None
        results = engine.find(
            term or text,
            limit=settings.query.limit if limit is None else limit,
            offset=offset,
            where=where,
            modality=modality.value,
        )
    answers.print_results(
        results,
        query=text,
        picture=term.data if isinstance(term, Picture) else None,
        as_json=as_json,
        as_jsonl=as_jsonl,
        as_csv=as_csv,
        as_paths=as_paths,
        null=null,
        show=show,
    )
