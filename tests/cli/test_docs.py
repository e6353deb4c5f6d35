"""The pages tell of every verb, in both languages, and their Python runs as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from searchengine.cli.app import app

ROOT = Path(__file__).parent.parent.parent
READMES = ["README.md", "README.zh-CN.md"]
VERBS = [command.name for command in app.registered_commands]


def blocks(name: str, language: str) -> list[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


@pytest.mark.parametrize("name", READMES)
def test_every_verb_is_told_of(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for verb in VERBS:
        assert re.search(rf"`{verb}[ `]", text), f"{name} does not tell of {verb}"


def test_both_languages_show_the_same_commands() -> None:
    plain = [
        [re.sub(r"\s+#.*", "", line) for block in blocks(name, "") for line in block.splitlines()]
        for name in READMES
    ]
    assert plain[0] == plain[1]
    assert blocks(READMES[0], "python") == blocks(READMES[1], "python")


@pytest.mark.parametrize("name", READMES)
def test_local_links_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert (ROOT / target).exists(), f"{name} links to {target}"


def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    from searchengine.demo.collection import write_collection

    write_collection(tmp_path / "photos", 12, seed=5)
    (code,) = blocks("README.md", "python")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "12 embedded, 0 failed"
    assert len(lines) == 4
    assert all("scene-" in line for line in lines[1:])
