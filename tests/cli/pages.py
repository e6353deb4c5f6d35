"""Pages whose consoles are real: every ``$`` line is run, and what follows it is what it printed.

``python -m tests.cli.pages docs/queries.md`` runs a page's commands and writes
down what they print; the test runs them again and compares.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"(```console\n)(.*?)(```)", re.DOTALL)
_NUMBER = re.compile(r"-?\d+\.\d+")
_TIMES = re.compile(r"\d+(?:\.\d+)? (?:s|ms|a second)\b")
COLUMNS = 92


@dataclass(frozen=True)
class Step:
    """One command of a page and what the page says it prints."""

    command: str
    shown: str


def steps(page: Path) -> Iterator[Step]:
    """All commands of a page in order; ``\\`` at a line's end continues it."""
    for block in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        yield from _steps(block[2])


def run_page(page: Path, folder: Path) -> list[tuple[Step, str]]:
    """Run a page's commands in one shell's folder and environment; return what each printed."""
    return [(step, run(step.command, folder)) for step in steps(page)]


def run(command: str, folder: Path) -> str:
    """Run one command line as a person would, and return what it prints on either stream."""
    binaries = folder / ".bin"
    if not binaries.exists():
        binaries.mkdir(parents=True)
        for name, module in (("searchengine", "-m searchengine "), ("python3", "")):
            script = binaries / name
            script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {module}"$@"\n')
            script.chmod(0o755)
        (folder / ".env").write_text("")
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("SEARCHENGINE_")},
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder / ".home"),
        "XDG_DATA_HOME": str(folder / ".home/data"),
        "XDG_CACHE_HOME": str(folder / ".home/cache"),
        "COLUMNS": str(COLUMNS),
        # By itself a slow machine looks for a faster way to encode: ranks that nearly tie would
        # then depend on the day.
        "SEARCHENGINE_MODEL__RUNTIME": "torch",
        "SEARCHENGINE_MODEL__PRECISION": "fp32",
    }
    # Exports last from one command to the next, as in one terminal.
    whole = f". ./.env; {command}\nstate=$?; export -p > ./.env; exit $state"
    done = subprocess.run(
        ["/bin/sh", "-c", whole],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        check=False,
    )
    return done.stdout.decode()


def same(shown: str, printed: str) -> bool:
    """Whether two outputs are one but for the last digits of numbers and the times taken."""
    texts = [_TIMES.sub("T", text.strip()) for text in (shown, printed)]
    if _NUMBER.sub("#", texts[0]).split() != _NUMBER.sub("#", texts[1]).split():
        return False
    pairs = zip(*(map(float, _NUMBER.findall(text)) for text in texts), strict=True)
    return all(abs(one - other) <= 0.02 for one, other in pairs)


def rewrite(page: Path) -> None:
    """Run a page's commands and put what they print into it."""
    with tempfile.TemporaryDirectory() as folder:

        def again(block: re.Match[str]) -> str:
            parts = []
            for step in _steps(block[2]):
                printed = run(step.command, Path(folder)).rstrip()
                parts.append(f"$ {step.command}\n" + (printed + "\n" if printed else ""))
            return block[1] + "\n".join(parts) + block[3]

        page.write_text(_BLOCK.sub(again, page.read_text(encoding="utf-8")), encoding="utf-8")


def _steps(block: str) -> list[Step]:
    found = []
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        end = next(at for at, line in enumerate(lines) if not line.endswith("\\")) + 1
        found.append(Step("\n".join(lines[:end]), "\n".join(lines[end:]).strip("\n")))
    return found


if __name__ == "__main__":
    for name in sys.argv[1:]:
        rewrite(Path(name))
