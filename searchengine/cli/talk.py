"""stdout is data, stderr is talk."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import typer


def say(line: str) -> None:
    """Tell the person something, on stderr."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def emit(text: str) -> None:
    """Write data to stdout, ending in one newline."""
    emit_bytes((text if text.endswith("\n") else text + "\n").encode("utf-8", "backslashreplace"))


def emit_bytes(data: bytes) -> None:
    """Write raw data to stdout. A reader that has had enough (``| head``) ends the command."""
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Python flushes stdout once more at its end; let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit from None


def emit_json(value: Any) -> None:
    """Write one JSON value to stdout."""
    emit(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False))
