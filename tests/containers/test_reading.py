"""The picture behind an item: a file's own, a frame, a page, a member of a tar."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from searchengine.containers.contract import Limits
from searchengine.containers.reading import picture_bytes
from searchengine.containers.video import read_frames
from searchengine.errors import (
    DecodeError,
    LimitError,
    NotFoundError,
    ReadError,
    UnsupportedError,
)
from searchengine.identity import file_uri, fragment_uri
from searchengine.present.thumbnails import item_thumbnail
from tests.container_files import black, film, pdf, scene
from tests.ingest.folders import picture

SIZE = (64, 64)


def test_whole_files_frames_and_pages(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture((1, 2, 3)))
    assert picture_bytes(file_uri(tmp_path / "a.png")) == picture((1, 2, 3))
    data = film([(2, black()), (3, scene(1)), (3, scene(2))])
    (tmp_path / "a.mp4").write_bytes(data)
    second = read_frames(io.BytesIO(data), Limits()).frames[1]
    uri = fragment_uri(file_uri(tmp_path / "a.mp4"), "frame", 2)
    assert picture_bytes(uri, second.meta) == second.jpeg
    small = item_thumbnail(uri, second.meta, SIZE)
    assert not isinstance(small, str)
    assert small.size == (64, 48)
    (tmp_path / "a.pdf").write_bytes(pdf(["one", "two"]))
    page = item_thumbnail(fragment_uri(file_uri(tmp_path / "a.pdf"), "page", 2), {}, SIZE)
    assert not isinstance(page, str)
    assert page.size == (48, 64)


def test_members_of_tars(tmp_path: Path) -> None:
    for name, mode in (("a.tar", "w"), ("a.tar.gz", "w:gz")):
        with tarfile.open(tmp_path / name, mode) as tar:  # type: ignore[call-overload]
            info = tarfile.TarInfo("x/b c.png")
            info.size = len(picture((9, 9, 9)))
            tar.addfile(info, io.BytesIO(picture((9, 9, 9))))
    plain = fragment_uri(file_uri(tmp_path / "a.tar"), "member", "x/b c.png")
    assert picture_bytes(plain) == picture((9, 9, 9))
    with pytest.raises(LimitError):
        picture_bytes(plain, max_bytes=10)
    with pytest.raises(DecodeError, match="any more"):
        picture_bytes(plain.replace("b%20c", "d"))
    packed = fragment_uri(file_uri(tmp_path / "a.tar.gz"), "member", "x/b c.png")
    with pytest.raises(UnsupportedError):
        picture_bytes(packed)
    assert item_thumbnail(packed, {}, SIZE) == "inside another file"


def test_what_cannot_be_had_is_said_in_a_few_words(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(film([(3, scene(1))]))
    (tmp_path / "a.pdf").write_bytes(pdf(["one"]))
    (tmp_path / "t.csv").write_text("x")
    for name, fragment, meta, error, words in (
        ("gone.pdf", "page=1", {}, NotFoundError, "file is gone"),
        ("a.pdf", "page=7", {}, DecodeError, "broken picture"),
        ("a.mp4", "frame=1", {"t": 77.0}, DecodeError, "broken picture"),
        ("a.mp4", "frame=1", {"t": "x"}, UnsupportedError, "inside another file"),
        ("t.csv", "row=1", {}, UnsupportedError, "inside another file"),
        (".", "page=1", {}, ReadError, "not readable"),
    ):
        uri = f"{file_uri(tmp_path / name)}#{fragment}"
        with pytest.raises(error):
            picture_bytes(uri, meta)
        assert item_thumbnail(uri, meta, SIZE) == words
    with pytest.raises(NotFoundError, match="no file of this machine"):
        picture_bytes("s3://bucket/a.pdf#page=1")
    assert item_thumbnail("s3://bucket/a.pdf#page=1", {}, SIZE) == "not on this machine"
