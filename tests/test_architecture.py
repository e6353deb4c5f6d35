"""The arrows of docs/architecture.md, the public surface, and what ``--help`` may import."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ingest
import searchengine

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "searchengine").rglob("*.py")) + sorted((ROOT / "ingest").rglob("*.py"))
HEAVY = {
    "torch",
    "open_clip",
    "pymilvus",
    "milvus_lite",
    "pyarrow",
    "pandas",
    "faiss",
    "PIL",
    "numpy",
}


def imported(path: Path) -> set[str]:
    """Dotted names of all modules a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def within(names: set[str], package: str) -> bool:
    return any(name == package or name.startswith(package + ".") for name in names)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_arrows(path: Path) -> None:
    names, place = imported(path), path.relative_to(ROOT).parts
    if place[0] == "searchengine" and place[1] not in {"cli", "__main__.py"}:
        assert not within(names, "ingest"), "only the command line reaches over to ingest"
        assert not within(names, "searchengine.cli"), "nothing imports cli"
    if place[0] == "ingest":
        assert not within(names, "searchengine.cli")
        assert not within(names, "searchengine.service")
    if place[:2] != ("searchengine", "store"):
        assert not within(names, "pymilvus"), "only the store knows pymilvus"
        assert not within(names, "milvus_lite") or place[1] in {"diagnose", "diagnose.py"}
    if place[:2] in {("searchengine", "store"), ("searchengine", "encoders")}:
        assert not within(names, "searchengine.query")
        assert not within(names, "searchengine.present")


def test_only_these_reach_over_to_ingest() -> None:
    reaching = {
        path.name
        for path in (ROOT / "searchengine" / "cli").glob("*.py")
        if within(imported(path), "ingest")
    }
    assert reaching == {
        "caption_files.py",
        "demo.py",
        "export_embeddings.py",
        "import_embeddings.py",
        "index.py",
        "progress.py",
        "runners.py",
        "serve.py",
    }


@pytest.mark.parametrize("package", [searchengine, ingest])
def test_public_surface_is_sorted_and_there(package: object) -> None:
    names = package.__all__  # type: ignore[attr-defined]
    assert names == sorted(names)
    for name in names:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError):
        _ = package.no_such_name  # type: ignore[attr-defined]


def test_every_exit_code_is_in_the_tree() -> None:
    from searchengine import errors

    drawn = errors.__doc__ or ""
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.SearchEngineError):
            line = next(line for line in drawn.splitlines() if name in line.split())
            assert str(kind.exit_code) in line.split() or name == "SearchEngineError"


@pytest.mark.parametrize("arguments", [["--help"], ["stats", "--help"], ["index", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys\n"
        "from searchengine.cli import main\n"
        f"sys.argv = ['searchengine', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code\n"
        f"print(sorted({HEAVY | {'pydantic'}!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stderr.strip() == "[]"
    assert "Usage" in done.stdout
