"""``searchengine explain``: why an item scores as it does."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from searchengine.cli import options
from searchengine.cli.talk import emit, emit_json, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from searchengine.explain.explain import Looked


def explain(
    item: Annotated[str, typer.Argument(metavar="ID", help="An indexed item: id, path or uri.")],
    query: Annotated[
        str, typer.Option("--query", "-q", metavar="QUERY", help="The query, as for search.")
    ],
    target: Annotated[
        str | None,
        typer.Option(
            "--map",
            metavar="FILE|terminal",
            help="Draw where in the picture the query looks: a .png, .jpg or .webp file, or "
            "in the terminal.",
        ),
    ] = None,
    no_map: Annotated[
        bool, typer.Option("--no-map", help="Terms and words only: do not look at the picture.")
    ] = False,
    corpus: options.Corpus = None,
    model: options.Model = None,
    as_json: options.AsJson = False,
    allow_net: options.AllowNet = False,
    store: options.StoreUri = None,
    config: options.Config = None,
    sets: options.Sets = None,
) -> None:
    """Say which terms and words moved an item's score, and where in the picture they look."""
    from dataclasses import replace

    from searchengine.errors import UsageError
    from searchengine.explain.explain import explain as explained
    from searchengine.explain.explanation import as_json as plain
    from searchengine.explain.overlay import overlay_format
    from searchengine.explain.report import report
    from searchengine.query.engine import SearchEngine
    from searchengine.query.language import parse_query

    if no_map and target:
        raise UsageError("--map and --no-map exclude each other")
    if as_json and target == "terminal":
        raise UsageError("--map terminal draws where --json prints: name a file for the map")
    if target not in (None, "terminal"):
        overlay_format(Path(target))
    terms = parse_query(query)
    settings = options.read_settings(
        config, sets, corpus=corpus, model__name=model, store__uri=store
    )
    with SearchEngine.open(settings) as engine:
        engine.access = replace(engine.access, net=engine.access.net or allow_net)
        looked = explained(engine, item, terms, with_map=not no_map, on_progress=_progress())
    for note in looked.explanation.notes:
        say(f"note: {note}")
    if as_json:
        emit_json(plain(looked.explanation))
    else:
        emit(report(looked.explanation, shutil.get_terminal_size().columns))
    if target:
        _draw(looked, target)
    elif looked.explanation.heat is None and not no_map:
        say(f"note: no map: {looked.explanation.no_heat}")


def _draw(looked: Looked, target: str) -> None:
    from searchengine.errors import NotFoundError, UsageError

    explanation = looked.explanation
    if looked.picture is None or explanation.heat is None:
        kind = UsageError if explanation.item.modality == "text" else NotFoundError
        raise kind(
            f"there is no picture to draw a map on: {explanation.no_heat}",
            hint="leave out --map for the terms and words alone",
        )
    if target == "terminal":
        from searchengine.explain.overlay import heated
        from searchengine.present.terminal import terminal_picture
        from searchengine.present.thumbnails import small

        columns, lines = shutil.get_terminal_size()
        shown = heated(small(looked.picture, (800, 800), upright=True), explanation.heat)
        emit("\n" + terminal_picture(shown, min(columns, 72), height=max(8, lines - 4)))
        return
    from searchengine.explain.overlay import write_overlay

    write_overlay(Path(target), looked.picture, explanation)
    say(f"map: {target}")


def _progress() -> Callable[[int, int], None] | None:
    """Return what tells on a terminal how much of the picture has been looked at."""
    if not sys.stderr.isatty():
        return None

    def told(done: int, total: int) -> None:
        end = "\r\x1b[K" if done == total else ""
        print(f"\rlooking at the picture: {done}/{total}{end}", end="", file=sys.stderr, flush=True)  # noqa: T201

    return told
