"""How the verbs that find things print what they found."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from searchengine.cli.talk import emit, emit_bytes, emit_json, say

if TYPE_CHECKING:
    from searchengine.records import Results

AsJsonl = Annotated[bool, typer.Option("--jsonl", help="Print one JSON object a hit.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
AsPaths = Annotated[
    bool, typer.Option("--paths", help="Print paths (uris for what is no local file), one a line.")
]
AsNull = Annotated[
    bool, typer.Option("--null", "-0", help="With --paths: end each with a NUL, for xargs -0.")
]


def print_results(
    results: Results,
    *,
    query: str,
    picture: bytes | None = None,
    as_json: bool = False,
    as_jsonl: bool = False,
    as_csv: bool = False,
    as_paths: bool = False,
    null: bool = False,
    show: str | None = None,
) -> None:
    """Print results in the one form asked for, and draw them if asked."""
    from searchengine.errors import UsageError
    from searchengine.present import formats

    if sum((as_json, as_jsonl, as_csv, as_paths)) > 1:
        raise UsageError("choose one of --json, --jsonl, --csv and --paths")
    if null and not as_paths:
        raise UsageError("--null goes with --paths")
    if as_json:
        emit_json(formats.as_json(results))
    elif as_jsonl:
        for line in formats.jsonl_lines(results):
            emit(line)
    elif as_csv:
        emit(formats.csv_text(results))
    elif as_paths:
        emit_bytes(formats.paths(results, null=null))
    elif show != "terminal":
        emit(formats.table(results, shutil.get_terminal_size().columns))
    if show is not None:
        _draw(results, query, picture, show)


def _draw(results: Results, query: str, picture: bytes | None, target: str) -> None:
    if target == "terminal":
        from searchengine.present.terminal import terminal_sheet

        emit(terminal_sheet(results, shutil.get_terminal_size().columns))
        return
    from searchengine.present.contact_sheet import write_contact_sheet

    for warning in write_contact_sheet(Path(target), [(results, query, picture)]):
        say(f"note: {warning}")
    say(f"contact sheet: {target}")
