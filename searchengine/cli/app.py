"""All verbs under one command, and what an error looks like to a person."""

from __future__ import annotations

import gc as garbage
import os
import sys
import textwrap
from typing import Annotated, NoReturn

import typer

from searchengine import __version__
from searchengine.cli import (
    classify,
    corpora,
    demo,
    doctor,
    duplicates,
    explain,
    export_embeddings,
    export_model,
    gc,
    import_embeddings,
    index,
    key,
    mcp,
    plan,
    reindex,
    remove,
    search,
    serve,
    show,
    similar,
    stats,
    switch,
    tune,
)
from searchengine.cli import eval as evaluation
from searchengine.cli.talk import say
from searchengine.errors import SearchEngineError
from searchengine.store.lean_import import leave_out_pandas

app = typer.Typer(
    help="Find images and texts by describing them, by showing an example, or by both.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={
        "help_option_names": ["-h", "--help"],
        # Typer imports pydantic, a quarter of the time of a verb's help, to make a bool of nothing.
        "default_map": {"help": False},
    },
)

app.command("index")(index.index)
app.command("search")(search.search)
app.command("similar")(similar.similar)
app.command("show")(show.show)
app.command("remove")(remove.remove)
app.command("eval")(evaluation.evaluate)
app.command("classify")(classify.classify)
app.command("explain")(explain.explain)
app.command("duplicates")(duplicates.duplicates)
app.command("serve")(serve.serve)
app.command("key")(key.key)
app.command("mcp")(mcp.mcp)
app.command("stats")(stats.stats)
app.command("corpora")(corpora.corpora)
app.command("switch")(switch.switch)
app.command("gc")(gc.gc)
app.command("reindex")(reindex.reindex)
app.command("tune")(tune.tune)
app.command("plan")(plan.plan)
app.command("export-model")(export_model.export_model)
app.command("doctor")(doctor.doctor)
app.command("import-embeddings")(import_embeddings.import_embeddings)
app.command("export-embeddings")(export_embeddings.export_embeddings)
app.command("demo")(demo.demo)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
        ),
    ] = False,
) -> None:
    """Find images and texts by describing them, by showing an example, or by both."""


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 items failed, 2 wrong use, 3 something missing.

    130 means stopped by Ctrl-C.
    """
    try:
        app()
    except SearchEngineError as error:
        say(f"error: {error}")
        if error.hint:
            say(textwrap.indent(error.hint, "  "))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        say("stopped")
        sys.exit(130)


def run() -> NoReturn:
    """Run the command line as a process of its own, from its first import to its exit.

    Two thirds of a command that has nothing to do is importing and unloading libraries. Imports
    make many objects and no garbage, so the collector rarely looks; pandas, which our libraries
    would load and we never use, is left out; and at the end, when every file and database is
    closed, the process ends without taking torch, gRPC and FAISS apart.
    """
    garbage.set_threshold(100_000, 20, 50)
    leave_out_pandas()
    code: object = 0
    try:
        main()
    except SystemExit as done:
        code = done.code
    if isinstance(code, str):
        say(code)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))
