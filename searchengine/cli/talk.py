"""stdout is data, stderr is talk."""

from __future__ import annotations

import json
import sys
from typing import Any


def say(line: str) -> None:
    """Tell the person something, on stderr."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def emit(text: str) -> None:
    """Write data to stdout, ending in one newline."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def emit_json(value: Any) -> None:
    """Write one JSON value to stdout."""
    emit(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False))
