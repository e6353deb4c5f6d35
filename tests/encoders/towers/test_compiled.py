from __future__ import annotations

import os
from pathlib import Path

import pytest

from searchengine.encoders.towers import compiled
from searchengine.encoders.towers.compiled import CompiledFiles


def writer(text: str, *suffixes: str) -> object:
    def write(stem: Path) -> None:
        for suffix in suffixes:
            stem.with_name(stem.name + suffix).write_text(text)

    return write


def keep(files: CompiledFiles, stem: str, text: str, *suffixes: str) -> Path:
    return files.make(stem, writer(text, *suffixes))  # type: ignore[arg-type]


def test_what_was_kept_is_found_and_nothing_else(tmp_path: Path) -> None:
    files = CompiledFiles("f" * 32, "openvino-1", cache_dir=tmp_path)
    assert files.find("image") is None
    stem = keep(files, "image", "graph", ".xml", ".bin")
    assert files.find("image") == stem
    assert stem.with_name("image.bin").read_text() == "graph"
    assert files.find("text") is None
    assert CompiledFiles("f" * 32, "openvino-2", cache_dir=tmp_path).find("image") is None
    assert CompiledFiles("e" * 32, "openvino-1", cache_dir=tmp_path).find("image") is None
    assert not [path for path in stem.parent.iterdir() if path.name.startswith(".making")]


@pytest.mark.parametrize("name", ["image.xml", "image.json"])
@pytest.mark.parametrize("damage", [b"", b"\xff\x00", None])
def test_damaged_files_are_not_found(damage: bytes | None, name: str, tmp_path: Path) -> None:
    files = CompiledFiles("f" * 32, "openvino-1", cache_dir=tmp_path)
    path = keep(files, "image", "graph", ".xml").with_name(name)
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    assert files.find("image") is None
    keep(files, "image", "graph", ".xml")
    assert files.find("image") is not None


def test_a_writer_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    files = CompiledFiles("f" * 32, "openvino-1", cache_dir=tmp_path)
    stem = keep(files, "image", "graph", ".xml")

    def fail(path: Path) -> None:
        path.with_name("image.xml").write_text("half")
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        files.make("image", fail)
    assert files.find("image") == stem
    assert stem.with_name("image.xml").read_text() == "graph"


def test_the_models_unused_for_longest_go_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = [CompiledFiles(letter * 32, "openvino-1", cache_dir=tmp_path) for letter in "abc"]
    for age, files in zip((300, 200, 100), models, strict=True):
        keep(files, "image", "x" * 400, ".xml")
        stamp = files.folder.stat().st_mtime - age
        os.utime(files.folder.parent, (stamp, stamp))
    assert models[0].find("image") is not None  # now it is the last one used
    monkeypatch.setattr(compiled, "MOST_BYTES", 1000)
    keep(models[2], "text", "x" * 100, ".xml")
    assert [files.find("image") is not None for files in models] == [True, False, True]
