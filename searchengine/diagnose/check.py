"""One finding, and how findings are shown."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Status = Literal["ok", "warn", "fail"]
_ORDER: tuple[Status, ...] = ("ok", "warn", "fail")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    status: Status
    message: str
    """What was found, one line."""
    remedy: str = ""
    """The command that mends it, or what to do; empty where there is nothing to do."""


def worst(checks: Sequence[Check]) -> Status:
    """Return the gravest status, ``ok`` where there are no checks."""
    return max((check.status for check in checks), key=_ORDER.index, default="ok")


def as_json(checks: Sequence[Check]) -> dict[str, Any]:
    """Return ``{"status", "checks": [{"name", "status", "message", "remedy"}...]}``."""
    return {"status": worst(checks), "checks": [asdict(check) for check in checks]}


def checks_table(checks: Sequence[Check]) -> str:
    """Return a line a check, with its remedy below it, and a line that sums up."""
    name = max((len(check.name) for check in checks), default=0)
    lines = []
    for check in checks:
        status = check.status.upper() if check.status == "fail" else check.status
        lines.append(f"{status:<4}  {check.name:<{name}}  {check.message}".rstrip())
        if check.remedy:
            lines.append(f"{'':<4}  {'':<{name}}  -> {check.remedy}")
    counts = [sum(check.status == status for check in checks) for status in ("fail", "warn")]
    parts = [
        f"{count} {word}{'' if count == 1 else 's'}"
        for count, word in zip(counts, ("problem", "warning"), strict=True)
        if count
    ]
    return "\n".join([*lines, "", " and ".join(parts) + "." if parts else "All is well."])


def pip_command(*arguments: str) -> str:
    """Return the command line that runs pip for the very Python that runs us."""
    words = [sys.executable or "python", "-m", "pip", *arguments]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def first_line(error: object) -> str:
    """Return the first line of an error's text, at most 200 characters."""
    text = str(error).strip() or type(error).__name__
    line = text.splitlines()[0].strip()
    return line if len(line) <= 200 else line[:199] + "…"
