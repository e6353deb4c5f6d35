"""Opening files that may not be what they seem."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ingest.sources.reading import open_regular, read_bytes
from searchengine.errors import LimitError, ReadError

posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")


def test_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(range(256)) * 5)
    assert read_bytes(tmp_path / "a", 1280) == bytes(range(256)) * 5
    with pytest.raises(LimitError, match="1,280 bytes") as caught:
        read_bytes(tmp_path / "a", 1279)
    assert "SEARCHENGINE_INGEST__MAX_BYTES" in str(caught.value)


def test_a_file_that_grows_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"12345")
    true_fstat = os.fstat

    def fstat(descriptor: Any) -> Any:
        status = true_fstat(descriptor)
        return SimpleNamespace(st_size=3, st_mode=status.st_mode)

    monkeypatch.setattr(os, "fstat", fstat)
    assert read_bytes(file, 5) == b"12345"
    with pytest.raises(LimitError):
        read_bytes(file, 4)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="cannot read: no such file or directory"):
        read_bytes(tmp_path / "a", 1)


def test_folders(tmp_path: Path) -> None:
    with pytest.raises(ReadError):
        read_bytes(tmp_path, 1)


@posix_only
@pytest.mark.parametrize("mode", ["alone", "with a writer"])
def test_pipes_are_refused_at_once(tmp_path: Path, mode: Any) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = os.open(pipe, os.O_RDWR) if mode != "alone" else None
    try:
        with pytest.raises(ReadError, match="not a regular file"):
            open_regular(pipe)
    finally:
        if writer is not None:
            os.close(writer)


@posix_only
def test_devices_are_refused() -> None:
    with pytest.raises(ReadError, match="not a regular file"):
        open_regular(os.devnull)


@posix_only
def test_nothing_stays_open(tmp_path: Path) -> None:
    before = len(os.listdir("/dev/fd"))  # noqa: PTH208
    (tmp_path / "a").write_bytes(b"12345")
    for _ in range(20):
        for path in (tmp_path / "a", tmp_path, os.devnull, tmp_path / "none"):
            with pytest.raises((ReadError, LimitError)):
                read_bytes(path, 4)
    assert len(os.listdir("/dev/fd")) <= before  # noqa: PTH208
