"""Shards together are the collection, each can be pickled, and cutting again gives the same."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import fsspec
import pytest

from ingest.sources import open_sources
from ingest.sources.contract import Asset, singles
from ingest.sources.shards import Shard, cut, divide
from searchengine.errors import NotFoundError, UsageError
from searchengine.identity import file_uri
from tests.ingest.folders import picture
from tests.ingest.sources.test_picture_table import inline_rows, write_jsonl, write_parquet
from tests.ingest.sources.test_tar import SAMPLES, write_tar


def assets(source: Any) -> list[tuple[str, str | None, bytes | None]]:
    return [
        (one.uri, one.caption, source.open(one) if one.modality == "image" else None)
        for one in singles(source)
        if isinstance(one, Asset)
    ]


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    photos = tmp_path / "photos"
    photos.mkdir()
    for n in range(7):
        (photos / f"{n}.png").write_bytes(picture((n, 9, 9)))
    (photos / "0.txt").write_text("a caption")
    (photos / "notes.md").write_text("One.\n\nTwo.\n")
    return [
        str(photos),
        str(write_tar(tmp_path / "a.tar", SAMPLES)),
        str(write_parquet(tmp_path / "t.parquet", inline_rows(".parquet"))),
        str(write_jsonl(tmp_path / "t.jsonl", inline_rows(".jsonl", 3))),
    ]


def test_shards_are_the_collection(paths: list[str]) -> None:
    shards: list[Shard] = pickle.loads(pickle.dumps(list(cut(paths, size=4))))
    held = [one for shard in shards for one in assets(shard.build_source())]
    assert sorted(held, key=str) == sorted(assets(open_sources(paths)), key=str)
    base = Path(paths[0]).resolve().parent
    assert [shard.name for shard in shards] == [
        file_uri(base / "a.tar"),
        *(f"{file_uri(base / 't.parquet')}#rows={rows}" for rows in ("1-4", "5-8", "9-10")),
        file_uri(base / "t.jsonl"),
        *(file_uri(base / "photos" / name) for name in ("0.png", "4.png")),
        file_uri(base / "photos" / "notes.md") + "#paragraph=2",
    ]
    assert [shard.name for shard in cut(paths, size=4)] == [shard.name for shard in shards]
    assert all(shard.build_source().scopes == () for shard in shards[1:4])


def test_row_groups_are_joined_up_to_the_size(paths: list[str]) -> None:
    names = [shard.name.rpartition("#")[2] for shard in cut(paths[2:3], size=5)]
    assert names == ["rows=1-8", "rows=9-10"]


def test_addresses(paths: list[str]) -> None:
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    for n in range(2):
        fs.pipe_file(f"/shards/{n}.tar", Path(paths[1]).read_bytes())
    shards = list(cut(["memory://shards/*.tar"]))
    assert [shard.name for shard in shards] == [f"memory:///shards/{n}.tar" for n in range(2)]
    assert [len(assets(shard.build_source())) for shard in shards] == [3, 3]
    fs.store.clear()


def test_folders_of_an_object_store_are_listed_as_folders_here(paths: list[str]) -> None:
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    for n in range(5):
        fs.pipe_file(f"/photos/{n}.png", picture((n, 0, 0)))
    fs.pipe_file("/photos/deep/a.tar", Path(paths[1]).read_bytes())
    division = divide([*paths, "memory://photos", "memory://photos/deep/a.tar"], size=2)
    assert division.build_listed is not None
    listed = assets(division.build_listed())
    assert len(listed) == 14
    assert sum(uri.startswith("memory:///photos/") for uri, _, _ in listed) == 5
    shards = list(division.shards)
    assert [shard.bundled for shard in shards] == [False, *[False] * 3, False, True]
    assert [shard.part_of is not None for shard in shards] == [False, *[True] * 3, False, False]
    names = [shard.name for shard in cut(["memory://photos"], size=2)]
    assert names == [f"memory:///photos/{n}.png" for n in (0, 2, 4)]
    fs.store.clear()


def test_what_cannot_be_listed_is_told_first(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        list(cut([str(tmp_path / "nowhere")]))
    with pytest.raises(UsageError, match="off by default"):
        list(cut(["s3://bucket/*.tar"]))
