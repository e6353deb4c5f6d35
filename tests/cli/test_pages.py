"""What the pages show is what the commands print."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.pages import run_page, same

DOCS = Path(__file__).parent.parent.parent / "docs"


@pytest.mark.skipif(sys.platform == "win32", reason="the consoles on the pages are of a Unix shell")
@pytest.mark.parametrize("name", ["queries.md"])
def test_the_consoles_are_real(name: str, tmp_path: Path) -> None:
    wrong = [
        f"$ {step.command}\n{printed}"
        for step, printed in run_page(DOCS / name, tmp_path)
        if not same(step.shown, printed)
    ]
    assert not wrong, "\n".join(wrong)


def test_other_numbers_and_other_words_are_told_apart() -> None:
    assert same("1  0.97  a.jpg", "1  0.98  a.jpg\n")
    assert not same("1  0.97  a.jpg", "1  0.90  a.jpg")
    assert not same("1  0.97  a.jpg", "1  0.97  b.jpg")
    assert same("3 seen (14.3 s)", "3 seen (2.1 s)")
