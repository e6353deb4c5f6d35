"""Several roots as one source: nothing twice, nothing before all of them are known to be there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ingest.sources import ChainedSource, FolderSource, open_sources
from ingest.sources.contract import Asset, Scope, Source
from searchengine.errors import NotFoundError, ReadError, UsageError
from searchengine.identity import file_uri, path_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a.jpg", "x/b.jpg", "x/y/c.jpg", "z/d.jpg", ".hidden/e.jpg"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode())
    return tmp_path.resolve()


def names(source: Source, root: Path) -> list[str]:
    return [str(path_of(one.uri).relative_to(root)) for one in source]


ALL = ["a.jpg", "x/b.jpg", "x/y/c.jpg", "z/d.jpg"]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["."], ALL),
        ([".", "."], ALL),
        ([".", "x", "x/y", "a.jpg", "x/y/c.jpg"], ALL),
        (["x/y/c.jpg", "x", "."], ALL),
        (["x", "z"], ["x/b.jpg", "x/y/c.jpg", "z/d.jpg"]),
        (["z", "x"], ["z/d.jpg", "x/b.jpg", "x/y/c.jpg"]),
        (["a.jpg", "z"], ["a.jpg", "z/d.jpg"]),
        (["a.jpg", "./a.jpg"], ["a.jpg"]),
        ([".", ".hidden"], [*ALL, ".hidden/e.jpg"]),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="the expected paths are written with slashes")
def test_overlapping_roots_are_listed_once(root: Path, paths: Any, expected: Any) -> None:
    source = open_sources([root / path for path in paths])
    assert names(source, root) == expected
    for asset in source:
        assert isinstance(asset, Asset)
        assert source.open(asset) == str(path_of(asset.uri).relative_to(root)).encode()


def test_without_recursion_a_folder_reaches_its_files_only(root: Path) -> None:
    source = open_sources([root, root / "x", root / "a.jpg"], recursive=False)
    assert names(source, root) == ["a.jpg", "x/b.jpg"]
    prefix = file_uri(root)
    assert source.scopes == (Scope(f"{prefix}/", False), Scope(f"{prefix}/x/", False))


def test_a_root_that_the_outer_one_excludes_is_meant(root: Path) -> None:
    source = open_sources([root, root / "x"], exclude=("x",))
    assert sorted(names(source, root)) == ["a.jpg", "x/b.jpg", "x/y/c.jpg", "z/d.jpg"]


def test_a_folder_is_no_prefix_of_its_namesakes(root: Path) -> None:
    (root / "xx").mkdir()
    (root / "xx" / "f.jpg").touch()
    assert names(open_sources([root / "x", root / "xx"]), root)[-1] == "xx/f.jpg"


def test_links_to_one_folder_are_one_root(root: Path) -> None:
    (root / "link").symlink_to("x", target_is_directory=True)
    assert isinstance(open_sources([root / "link", root / "x"]), FolderSource)


def test_options_reach_every_root(root: Path) -> None:
    (root / "z" / "note.txt").write_text("Hello.")
    source = open_sources(
        [str(root / "x"), str(root / "z")], exclude=("c.jpg",), modality="image", max_bytes=1
    )
    assert names(source, root) == ["x/b.jpg", "z/d.jpg"]


@pytest.mark.skipif(os.name == "nt", reason="making links needs a privilege on Windows")
def test_following_links_reaches_every_root(root: Path) -> None:
    (root / "x" / "far").symlink_to(root / "z", target_is_directory=True)
    source = open_sources([root / "x"], follow_links=True)
    assert names(source, root) == ["x/b.jpg", "x/far/d.jpg", "x/y/c.jpg"]


def test_a_missing_path_is_told_before_anything_is_listed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "scandir", lambda _: pytest.fail("listed"))
    with pytest.raises(NotFoundError, match="nowhere") as caught:
        open_sources([root, root / "nowhere"])
    assert caught.value.exit_code == 3


def test_no_path_at_all() -> None:
    with pytest.raises(UsageError, match="no path"):
        open_sources([])


def test_a_chain_opens_only_what_it_lists(root: Path) -> None:
    source = open_sources([root / "x", root / "z"])
    assert isinstance(source, ChainedSource)
    with pytest.raises(ReadError):
        source.open(Asset(file_uri(root / "a.jpg"), "image", "1", 1, 0))


def test_a_chain_claims_what_has_been_listed(root: Path) -> None:
    source = open_sources([root / "x", root / "z"])
    walk = iter(source)
    for _ in range(3):  # two of x, one of z
        next(walk)
    assert [scope.prefix for scope in source.scopes] == [file_uri(root / "x") + "/"]
    assert list(walk) == []
    assert len(source.scopes) == 2


def test_nothing_heavy_is_imported() -> None:
    script = (
        "import sys; import ingest.sources, ingest.metadata, searchengine.decode\n"
        "print([m for m in ('PIL', 'numpy', 'pyarrow', 'torch', 'pymilvus') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_home_folder_may_be_written_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(b"x")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert len(list(open_sources(["~/pictures"]))) == 1
