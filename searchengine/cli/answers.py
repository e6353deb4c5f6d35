"""How the verbs that find things print what they found."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from searchengine.cli import options
from searchengine.cli.talk import emit, emit_bytes, emit_json, say

if TYPE_CHECKING:
    from searchengine.records import Results


@dataclass(frozen=True)
class Printing:
    """In which form the answer is printed."""

    PANEL: ClassVar[str] = "Output"

    as_json: options.AsJson = False
    as_jsonl: Annotated[bool, typer.Option("--jsonl", help="Print one JSON object a hit.")] = False
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False
    as_paths: Annotated[
        bool,
        typer.Option("--paths", help="Print paths (uris for what is no local file), one a line."),
    ] = False
    null: Annotated[
        bool, typer.Option("--null", "-0", help="With --paths: end each with a NUL, for xargs -0.")
    ] = False
    show: options.Show = None


def print_results(
    results: Results, printing: Printing, *, query: str, picture: bytes | None = None
) -> None:
    """Print results in the one form asked for, and draw them if asked. Notes go to stderr."""
    from searchengine.errors import UsageError
    from searchengine.present import formats

    if sum((printing.as_json, printing.as_jsonl, printing.as_csv, printing.as_paths)) > 1:
        raise UsageError("choose one of --json, --jsonl, --csv and --paths")
    if printing.null and not printing.as_paths:
        raise UsageError("--null goes with --paths")
    for note in results.notes:
        say(f"note: {note}")
    if printing.as_json:
        emit_json(formats.as_json(results))
    elif printing.as_jsonl:
        for line in formats.jsonl_lines(results):
            emit(line)
    elif printing.as_csv:
        emit(formats.csv_text(results))
    elif printing.as_paths:
        emit_bytes(formats.paths(results, null=printing.null))
    elif printing.show != "terminal":
        emit(formats.table(results, shutil.get_terminal_size().columns))
        for facet in results.facets:
            emit("\n" + formats.facet_text(facet))
    if printing.show is not None:
        _draw(results, query, picture, printing.show)


def _draw(results: Results, query: str, picture: bytes | None, target: str) -> None:
    if target == "terminal":
        from searchengine.present.terminal import terminal_sheet

        emit(terminal_sheet(results, shutil.get_terminal_size().columns))
        return
    from searchengine.present.contact_sheet import write_contact_sheet

    for warning in write_contact_sheet(Path(target), [(results, query, picture)]):
        say(f"note: {warning}")
    say(f"contact sheet: {target}")
