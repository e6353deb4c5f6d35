"""``searchengine similar``: find by example."""

from __future__ import annotations

from typing import Annotated

import typer

from searchengine.cli import answers, options


def similar(
    item: Annotated[
        str,
        typer.Argument(
            metavar="ITEM",
            help="A picture: its path, @- (standard input), id:ID of an indexed item or, with "
            "--allow-net, a URL.",
        ),
    ],
    corpus: options.Corpus = None,
    model: options.Model = None,
    limit: options.Limit = None,
    offset: options.Offset = 0,
    where: options.Filter = None,
    modality: options.Modality = options.ModalityChoice.image,
    exclude_self: Annotated[
        bool,
        typer.Option("--exclude-self", help="Leave out the item itself where it is indexed."),
    ] = False,
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
    """Find images (or texts) that are like an example."""
    from searchengine.query.engine import SearchEngine

    settings = options.read_settings(
        config, sets, corpus=corpus, model__name=model, store__uri=store
    )
    with SearchEngine.open(settings) as engine:
        term = engine.example(item, allow_net=allow_net)
        results = engine.find(
            term,
            limit=settings.query.limit if limit is None else limit,
            offset=offset,
            where=where,
            modality=modality.value,
            exclude_self=exclude_self,
        )
        picture = engine.picture(term) if show not in (None, "terminal") else None
    answers.print_results(
        results,
        query=item,
        picture=picture,
        as_json=as_json,
        as_jsonl=as_jsonl,
        as_csv=as_csv,
        as_paths=as_paths,
        null=null,
        show=show,
    )
