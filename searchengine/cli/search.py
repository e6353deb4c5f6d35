"""``searchengine search``: find by words, by pictures, by both."""

from __future__ import annotations

from typing import Annotated

import typer

from searchengine.cli.answers import Printing, print_results
from searchengine.cli.asking import Arranging, Asking
from searchengine.cli.groups import spread


@spread
def search(
    query: Annotated[
        list[str],
        typer.Argument(
            metavar="QUERY",
            help="What to look for. Words, ./FILE, @- (standard input), id:ID and, with "
            "--allow-net, a URL; terms are joined by + and -, and weighted as in 2:beach.",
        ),
    ],
    asking: Asking,
    arranging: Arranging,
    printing: Printing,
    negation: Annotated[
        bool,
        typer.Option("--negation", help="Take 'without X' and 'no X' as a term that subtracts."),
    ] = False,
) -> None:
    """Find images (or texts) that fit a description, an example, or any mix of them."""
    from searchengine.query.language import join_arguments, parse_query

    text = join_arguments(query)
    terms = parse_query(text)
    settings = asking.settings()
    with asking.open(settings) as engine:
        terms = engine.read(terms, negation=negation)
        results = engine.find(terms, **asking.part(settings), **arranging.shape())
        shown = printing.show not in (None, "terminal") and len(terms) == 1
        picture = engine.picture(terms[0].what) if shown else None
    print_results(results, printing, query=text, picture=picture)
