"""``searchengine key``: make a key for the HTTP API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from searchengine.cli.talk import emit, say


def key(
    name: Annotated[str, typer.Argument(help="Whose it is: it appears in logs.")],
    write: Annotated[
        bool, typer.Option("--write", help="It may add and delete, too; else it may only search.")
    ] = False,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="Add its hash to this file of keys."),
    ] = None,
) -> None:
    """Make a key for the HTTP API. It is printed once; what is kept of it is a hash."""
    from searchengine.service.guard.keys import add_to_file, make_key

    secret, made = make_key(name, "write" if write else "read")
    if file is None:
        say(f"let it in with SEARCHENGINE_SERVICE__KEYS={made.entry}")
    else:
        add_to_file(made, file)
        say(f"its hash is in {file}: searchengine serve --set service.keys_file={file}")
    emit(secret)
