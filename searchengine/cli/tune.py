"""``searchengine tune``: as fast as a wanted recall allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from searchengine.cli import options
from searchengine.cli.talk import emit, emit_json, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from searchengine.evaluate.tune import Tuning
    from searchengine.store.contract import SideInfo, Store


def tune(
    recall: Annotated[
        float, typer.Option("--recall", metavar="R", help="The share of the true hits to find.")
    ] = 0.98,
    k: Annotated[int, typer.Option("--k", metavar="K", help="Among so many hits.")] = 10,
    queries: Annotated[
        int,
        typer.Option("--queries", metavar="N", help="How many queries of a kind to measure on."),
    ] = 200,
    corpus: options.Corpus = None,
    draft: options.Draft = False,
    as_json: options.AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Tell nothing on the way.")] = False,
    store: options.StoreUri = None,
    config: options.Config = None,
    sets: options.Sets = None,
) -> None:
    """Choose the fastest search parameters that find enough, on the corpus's own vectors.

    They are kept with the corpus and used from then on. Exits with 1 where none finds enough.
    """
    from searchengine.evaluate.tune_report import tuning_json, tuning_table, untuned_json
    from searchengine.store.configured import open_configured_store

    settings = options.read_settings(config, sets, corpus=corpus, store__uri=store)
    store_ = open_configured_store(settings)
    tell: Callable[[str], None] = (lambda _: None) if quiet else say
    try:
        sides = options.sides_of(store_, settings, draft=draft)
        found = [(info, _tune(store_, info, recall, k, queries, tell)) for info in sides]
    finally:
        store_.close()
    reports: list[dict[str, Any]] = []
    for info, (tuning, reason) in found:
        if tuning is None:
            reports.append(untuned_json(info, reason))
            if not as_json:
                emit(f"{info.side.corpus} {info.side.modality}: {reason}")
        else:
            reports.append(tuning_json(tuning))
            if not as_json:
                emit(tuning_table(tuning))
    if as_json:
        emit_json({"corpus": settings.corpus, "sides": reports})
    if any(tuning is not None and not tuning.reached for _, (tuning, _) in found):
        raise typer.Exit(1)


def _tune(
    store: Store, info: SideInfo, recall: float, k: int, queries: int, tell: Callable[[str], None]
) -> tuple[Tuning | None, str]:
    """Tune a side; one that has nothing to tune gives the reason instead."""
    from searchengine.errors import UnsupportedError
    from searchengine.evaluate.tune import tune as tune_side

    try:
        return tune_side(store, info.side, recall=recall, k=k, queries=queries, tell=tell), ""
    except UnsupportedError as error:
        return None, f"{error}; every search finds all there is to find"
