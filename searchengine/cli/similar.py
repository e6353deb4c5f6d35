"""``searchengine similar``: find by example."""

from __future__ import annotations

from typing import Annotated

import typer

from searchengine.cli.answers import Printing, print_results
from searchengine.cli.asking import Arranging, Asking
from searchengine.cli.groups import spread


@spread
def similar(
    item: Annotated[
        str,
        typer.Argument(
            metavar="ITEM",
            help="A picture: its path, @- (standard input), id:ID of an indexed item or, with "
            "--allow-net, a URL.",
        ),
    ],
    asking: Asking,
    arranging: Arranging,
    printing: Printing,
) -> None:
    """Find images (or texts) that are like an example."""
    settings = asking.settings()
    with asking.open(settings) as engine:
        term = engine.example(item)
        results = engine.find(term, **asking.part(settings), **arranging.shape())
        picture = engine.picture(term) if printing.show not in (None, "terminal") else None
    print_results(results, printing, query=item, picture=picture)
