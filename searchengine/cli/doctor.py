"""``searchengine doctor``: what is wrong with this installation, and what mends it."""

from __future__ import annotations

import typer

from searchengine.cli import options
from searchengine.cli.talk import emit, emit_json


def doctor(
    model: options.Model = None,
    as_json: options.AsJson = False,
    store: options.StoreUri = None,
    config: options.Config = None,
    sets: options.Sets = None,
) -> None:
    """Check Python, torch, the model, Milvus and the disk. Exit code 3 if something fails."""
    from searchengine.diagnose import as_json as checks_json
    from searchengine.diagnose import checks_table, run_checks, worst

    settings = options.read_settings(config, sets, model__name=model, store__uri=store)
    checks = run_checks(settings, config=config)
    if as_json:
        emit_json(checks_json(checks))
    else:
        emit(checks_table(checks))
    if worst(checks) == "fail":
        raise typer.Exit(3)
